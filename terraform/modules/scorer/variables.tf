variable "account" {
  description = "Where the resources are: for their ARNs."
  type        = object({ id = string, partition = string, region = string })
}

variable "name" {
  description = "What the names begin with."
  type        = string
}

variable "zip" {
  description = "Path of the function's zip."
  type        = string
}

variable "bucket_arn" {
  description = "Bucket of the crops."
  type        = string
}

variable "queue_arn" {
  description = "Queue that tells of new crops."
  type        = string
}

variable "table_name" {
  description = "Table of the records."
  type        = string
}

variable "table_arn" {
  description = "The same table."
  type        = string
}

variable "namespace" {
  description = "CloudWatch namespace of the metrics."
  type        = string
}

variable "min_confidence" {
  description = "Emotions count whose confidence is greater."
  type        = number
}

variable "record_days" {
  description = "Days after which a record expires."
  type        = number
}

variable "max_concurrency" {
  description = "How many copies of the function run at once."
  type        = number
}

variable "log_days" {
  description = "Days for which log lines are kept."
  type        = number
}

variable "batch_rescoring" {
  description = "Whether to make the role for S3 Batch Operations."
  type        = bool
}

variable "kms_key_arn" {
  description = "Key that encrypts crops, messages, records, logs and the environment; null for AWS's own."
  type        = string
}
