variable "account" {
  description = "Where the resources are: for their ARNs."
  type        = object({ id = string, partition = string, region = string })
}

variable "name" {
  description = "What the names begin with."
  type        = string
}

variable "cameras" {
  description = "Names of the cameras."
  type        = set(string)
}

variable "camera_role_name" {
  description = "Their role, which may then send and watch."
  type        = string
}

variable "retention_hours" {
  description = "Hours for which video is kept."
  type        = number
}

variable "kms_key_arn" {
  description = "Key that encrypts the video; null for AWS's own."
  type        = string
}
