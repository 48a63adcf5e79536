variable "account" {
  description = "Where the resources are: for their ARNs."
  type        = object({ id = string, partition = string, region = string })
}

variable "name" {
  description = "What the names begin with."
  type        = string
}

variable "camera_role_name" {
  description = "The cameras' role, which may then ask the endpoint."
  type        = string
}

variable "bucket_name" {
  description = "Bucket that crops are put into, and that the archive is kept in."
  type        = string
}

variable "archive" {
  description = "Path of model.tar.gz: the model, the code and what it requires."
  type        = string
}

variable "instance_type" {
  description = "What it runs on."
  type        = string
}

variable "image" {
  description = "What it runs in, in ECR; null for AWS's own."
  type        = string
}

variable "settings" {
  description = "Settings of the endpoint: FACEPIPE_* to value."
  type        = map(string)
}

variable "crops" {
  description = "Whether it puts crops."
  type        = bool
}

variable "log_days" {
  description = "Days for which log lines are kept."
  type        = number
}

variable "kms_key_arn" {
  description = "Key that encrypts the bucket, the log and the instance's disk; null for AWS's own."
  type        = string
}
