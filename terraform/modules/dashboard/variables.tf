variable "account" {
  description = "Where the resources are: for their ARNs."
  type        = object({ id = string, partition = string, region = string })
}

variable "name" {
  description = "The dashboard's name, and what other names begin with."
  type        = string
}

variable "cameras" {
  description = "Names of the cameras."
  type        = set(string)
}

variable "namespace" {
  description = "CloudWatch namespace of the emotions."
  type        = string
}

variable "queue_name" {
  description = "Queue of new crops."
  type        = string
}

variable "dead_letter_name" {
  description = "Queue of messages that failed for good."
  type        = string
}

variable "function_name" {
  description = "The cloud function."
  type        = string
}

variable "function_alias" {
  description = "The alias that the queue invokes."
  type        = string
}

variable "alarm_email" {
  description = "Where alarms are mailed to; null for nowhere."
  type        = string
}

variable "silent_minutes" {
  description = "Minutes without a frame after which a camera counts as gone; null for no such alarms."
  type        = number
}

variable "log_days" {
  description = "Days for which log lines are kept."
  type        = number
}

variable "kms_key_arn" {
  description = "Key that encrypts alarms and logs; null for AWS's own."
  type        = string
}
