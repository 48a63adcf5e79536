# Data sets, trained models and published ones are under datasets/, training/ and models/ in the
# bucket. They do not expire; `terraform destroy` deletes them with the bucket.

variable "training" {
  description = "Whether to make a role with which SageMaker trains models (`facepipe train`) on data sets under datasets/ in the bucket, and a policy to be attached to whoever trains. It costs nothing until a job is run."
  type        = bool
  default     = false
  nullable    = false
}

variable "camera_models" {
  description = "Whether cameras may fetch models of yours, which `facepipe deploy` puts under models/ in the bucket (FACEPIPE_MODEL=s3://...). Each camera may read all of them."
  type        = bool
  default     = false
  nullable    = false
}
