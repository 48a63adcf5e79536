variable "account" {
  description = "Where the resources are: for their ARNs."
  type        = object({ id = string, partition = string, region = string })
}

variable "name" {
  description = "What the names begin with."
  type        = string
}

variable "certificates" {
  description = "Each camera's certificate, by ARN."
  type        = map(string)
}

variable "thing_group_arn" {
  description = "The group of all cameras."
  type        = string
}

variable "role_name" {
  description = "The cameras' role, which core devices know as token exchange role."
  type        = string
}

variable "bucket_name" {
  description = "Bucket that cameras put crops into, and that the component's files are kept in."
  type        = string
}

variable "wheel" {
  description = "Path of facepipe's wheel."
  type        = string
}

variable "settings" {
  description = "Settings of all cameras: FACEPIPE_* to value."
  type        = map(string)
}

variable "kms_key_arn" {
  description = "Key that encrypts the bucket; null for AWS's own."
  type        = string
}
