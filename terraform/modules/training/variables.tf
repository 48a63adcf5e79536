variable "account" {
  description = "Where the resources are: for their ARNs."
  type        = object({ id = string, partition = string, region = string })
}

variable "name" {
  description = "What the names begin with."
  type        = string
}

variable "bucket_name" {
  description = "Bucket of data sets and models."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that encrypts the bucket, and disks where they take one; null for AWS's own."
  type        = string
}
