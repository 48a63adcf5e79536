variable "account" {
  description = "Where the resources are: for their ARNs."
  type        = object({ id = string, partition = string, region = string })
}

variable "name" {
  description = "What the queues' names begin with."
  type        = string
}

variable "bucket_arn" {
  description = "Bucket that sends the messages."
  type        = string
}

variable "visibility_timeout_seconds" {
  description = "How long a message that was taken stays hidden from others."
  type        = number
}

variable "kms_key_arn" {
  description = "Key that encrypts the messages; null for SQS's own."
  type        = string
}
