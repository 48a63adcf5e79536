variable "crop_days" {
  description = "Days after which S3 deletes a crop, at the next midnight UTC: 1 is one to two days. Once scored, a crop is of use only to look at. A million of 20 KB cost 0.46 dollars a month to keep."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.crop_days >= 1 && var.crop_days <= 3650 && floor(var.crop_days) == var.crop_days
    error_message = "crop_days must be a whole number from 1 to 3650, not ${var.crop_days}: S3 counts in days."
  }
}

variable "record_days" {
  description = "Days after which a record expires; DynamoDB deletes it up to a few days later. A million cost 0.63 dollars to write, twice that with the index, and 0.15 a month to keep."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.record_days >= 1 && var.record_days <= 3650 && floor(var.record_days) == var.record_days
    error_message = "record_days must be a whole number from 1 to 3650, not ${var.record_days}."
  }
}

variable "log_days" {
  description = "Days for which CloudWatch keeps log lines. They name crops, hence cameras and times. 0.50 dollars a GB."
  type        = number
  default     = 30
  nullable    = false

  # PutRetentionPolicy, Amazon CloudWatch Logs API Reference.
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_days)
    error_message = "log_days must be one that CloudWatch takes: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "min_confidence" {
  description = "Emotions count whose confidence, 0 to 100, is greater than this."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.min_confidence >= 0 && var.min_confidence < 100
    error_message = "min_confidence must be at least 0 and less than 100, of which no emotion is greater; it is ${var.min_confidence}."
  }
}

variable "max_concurrency" {
  description = "How many copies of the cloud function run at once, hence how many crops are scored at once. A copy scores one crop after another, at most about 5 a second (0.2 s each), so that the default of 5 makes at most 25 DetectFaces calls a second: half of Rekognition's quota of 50 in us-east-1 and us-west-2, which the account shares. 150 to 250 people in view, at a crop each per 10 s, need 15 to 25. Elsewhere the quota is lower: see Service Quotas, divide by 5, and have it raised before raising this. What comes too fast is not lost: it is slowed down, and waits in the queue until its crop expires (crop_days). A crop that takes 0.5 s makes it two fifths of that; docs/scaling.md says what to set for how many cameras. DetectFaces costs 0.001 dollars a crop."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.max_concurrency >= 2 && var.max_concurrency <= 1000 && floor(var.max_concurrency) == var.max_concurrency
    error_message = "max_concurrency must be a whole number from 2 to 1000, SQS's limits for Lambda, not ${var.max_concurrency}."
  }
}

variable "alarm_email" {
  description = "Where alarms are mailed to, after whoever reads it has confirmed the subscription. By default nowhere: subscribe to the topic that the output alarm_topic_arn names."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_email == null || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alarm_email))
    error_message = "alarm_email must be an e-mail address such as ops@example.com."
  }
}

variable "silent_minutes" {
  description = "Minutes without a health message, or without a frame in any of them, after which a camera counts as gone and its alarm rings. Cameras publish their health once a minute, by MQTT (FACEPIPE_BUS) or through Greengrass; one that does neither rings for ever: set null, for no such alarms, until it does."
  type        = number
  default     = 10

  # A day is the most that an alarm of one-minute periods may look back.
  validation {
    condition     = try(var.silent_minutes >= 3 && var.silent_minutes <= 1440 && floor(var.silent_minutes) == var.silent_minutes, var.silent_minutes == null)
    error_message = "silent_minutes must be a whole number from 3 to 1440, since a message may be late, or null for no such alarms."
  }
}

variable "batch_rescoring" {
  description = "Whether to make a role with which S3 Batch Operations may have crops scored again, by a manifest under batch/ in the bucket and with its report there. It costs nothing until a job is run."
  type        = bool
  default     = false
  nullable    = false
}
