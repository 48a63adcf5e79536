variable "account" {
  description = "Where the resources are: for their ARNs."
  type        = object({ id = string, partition = string, region = string })
}

variable "bucket_name" {
  description = "Name of the bucket."
  type        = string
}

variable "table_name" {
  description = "Name of the table."
  type        = string
}

variable "queue_arn" {
  description = "Queue that is told of each new crop; its policy must let the bucket."
  type        = string
}

variable "crop_days" {
  description = "Days after which a crop is deleted."
  type        = number
}

variable "record_days" {
  description = "Days after which a record expires; manifests and reports of batch jobs go with them."
  type        = number
}

variable "feedback" {
  description = "Prefixes of frames to be labelled, and days after which these are deleted; null for none."
  type        = object({ prefixes = set(string), days = number })
}

variable "kms_key_arn" {
  description = "Key that encrypts bucket and table; null for AWS's own."
  type        = string
}
