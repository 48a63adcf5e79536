data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account = {
    id        = data.aws_caller_identity.current.account_id
    partition = data.aws_partition.current.partition
    region    = var.region
  }

  # ARNs are built from names, here and in the modules, so that every policy is known at plan.
  bucket_name = coalesce(var.bucket_name, "${var.name}-${local.account.id}-${var.region}")
  bucket_arn  = "arn:${local.account.partition}:s3:::${local.bucket_name}"

  # A request is given as text or as a file.
  csrs = {
    for camera, csr in var.cameras : camera => (
      startswith(trimspace(csr), "-----BEGIN") ? csr : file(csr)
    )
  }

  wheel = var.greengrass == null ? null : one([
    for file in fileset(dirname(var.wheel), basename(var.wheel)) : "${dirname(var.wheel)}/${file}"
  ])

  console = (
    local.account.partition == "aws-us-gov"
    ? "https://console.amazonaws-us-gov.com"
    : "https://${var.region}.console.aws.amazon.com"
  )
}
