variable "account" {
  description = "Where the resources are: for their ARNs."
  type        = object({ id = string, partition = string, region = string })
}

variable "name" {
  description = "What the names begin with."
  type        = string
}

variable "cameras" {
  description = "The cameras: thing name to certificate signing request, PEM."
  type        = map(string)
}

variable "revoked_cameras" {
  description = "Those of them whose certificates are inactive."
  type        = set(string)
}

variable "bucket_arn" {
  description = "Bucket that cameras put crops into."
  type        = string
}

variable "feedback" {
  description = "Prefixes under which they put frames to be labelled; null for none."
  type        = object({ prefixes = set(string) })
}

variable "models" {
  description = "Whether they may fetch models from the bucket."
  type        = bool
}

variable "zip" {
  description = "Path of the edge function's zip."
  type        = string
}

variable "log_days" {
  description = "Days for which log lines are kept."
  type        = number
}

variable "kms_key_arn" {
  description = "Key that encrypts crops and logs; null for AWS's own."
  type        = string
}
