# Custom models: what SageMaker may do while it trains one, and what whoever starts that needs.

locals {
  bucket_arn = "arn:${var.account.partition}:s3:::${var.bucket_name}"
  sagemaker  = "arn:${var.account.partition}:sagemaker:${var.account.region}:${var.account.id}"
  role_name  = "${var.name}-training"
  role_arn   = "arn:${var.account.partition}:iam::${var.account.id}:role/${local.role_name}"

  # All training jobs of the account share it, so that it is not made here.
  log_group_arn = "arn:${var.account.partition}:logs:${var.account.region}:${var.account.id}:log-group:/aws/sagemaker/TrainingJobs"
}

resource "aws_iam_role" "this" {
  name               = local.role_name
  description        = "SageMaker, training models"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "this" {
  name   = "train"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.training.json
}

resource "aws_iam_policy" "trainer" {
  name        = "${var.name}-trainer"
  description = "To upload data sets, train on them and publish models"
  policy      = data.aws_iam_policy_document.trainer.json
}
