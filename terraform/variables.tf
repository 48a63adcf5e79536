# Names and places. The cameras are in variables-cameras.tf, limits and prices in variables-limits.tf.

variable "region" {
  description = "AWS region to build in. It needs Rekognition: see rekognition_regions."
  type        = string
  default     = "us-east-1"
  nullable    = false

  validation {
    condition     = contains(var.rekognition_regions, var.region)
    error_message = "region must be one that has Amazon Rekognition, which ${var.region} is not known to have: use one of ${join(", ", var.rekognition_regions)}; if AWS has added it since, put it into rekognition_regions."
  }
}

variable "rekognition_regions" {
  description = "Regions known to have both Amazon Rekognition and AWS IoT Core (AWS General Reference, \"Service endpoints\"). Add to it what AWS adds."
  type        = set(string)
  default = [
    "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
    "ap-southeast-5", "ca-central-1", "eu-central-1", "eu-south-2", "eu-west-1", "eu-west-2",
    "il-central-1", "sa-east-1", "us-east-1", "us-east-2", "us-gov-west-1", "us-west-1", "us-west-2",
  ]
  nullable = false

  validation {
    condition     = alltrue([for region in var.rekognition_regions : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", region))])
    error_message = "rekognition_regions must hold names of regions, such as eu-west-1."
  }
}

# 32 leaves room for the longest name that is made of it, the bucket's: 63 characters, of which the
# account takes 12, the region up to 16 and hyphens 2. IAM roles (64), IoT things and policies (128),
# Lambda functions (64) and SQS queues (80) then fit too.
variable "name" {
  description = "What the names of all resources begin with. AWS DeepLens demanded deeplens- of buckets and functions."
  type        = string
  default     = "deeplens-facepipe"
  nullable    = false

  validation {
    condition     = can(regex("^deeplens-[a-z0-9-]*[a-z0-9]$", var.name))
    error_message = "name must begin with deeplens- and go on with lower-case letters, digits and hyphens, ending in a letter or digit, such as deeplens-lobby: it becomes part of a bucket's name."
  }

  validation {
    condition     = length(var.name) <= 32
    error_message = "name must have at most 32 characters, so that the bucket's name, which adds account and region, keeps to S3's 63; it has ${length(var.name)}."
  }
}

variable "bucket_name" {
  description = "Name of the bucket for crops. By default name, account and region."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_name == null || can(regex("^deeplens-[a-z0-9-]*[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name must begin with deeplens- and go on with lower-case letters, digits and hyphens, ending in a letter or digit; S3 would take dots too, but TLS to the bucket would not."
  }

  validation {
    condition     = var.bucket_name == null || length(coalesce(var.bucket_name, "-")) <= 63
    error_message = "bucket_name must have at most 63 characters, S3's limit."
  }

  # Amazon S3 User Guide, "General purpose bucket naming rules". The reserved beginnings (xn--,
  # sthree-, amzn-s3-demo-) are no deeplens-.
  validation {
    condition     = var.bucket_name == null || !can(regex("(-s3alias|--ol-s3|--x-s3|--table-s3|-an)$", var.bucket_name))
    error_message = "bucket_name must not end in -s3alias, --ol-s3, --x-s3, --table-s3 or -an, which S3 keeps for itself: choose another ending."
  }
}

variable "table_name" {
  description = "DynamoDB table of the records."
  type        = string
  default     = "rekognize-faces"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{3,255}$", var.table_name))
    error_message = "table_name must have 3 to 255 letters, digits, underscores, dots or hyphens, DynamoDB's rule."
  }
}

variable "namespace" {
  description = "CloudWatch namespace of the metrics. The cameras' health goes into one of the same name with /Cameras behind it."
  type        = string
  default     = "Facepipe"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._/#-]{0,199}$", var.namespace))
    error_message = "namespace must have 1 to 200 letters, digits, dots, underscores, slashes, hashes or hyphens, and begin with a letter or digit."
  }

  validation {
    condition     = !startswith(lower(var.namespace), "aws/")
    error_message = "namespace must not begin with AWS/, which CloudWatch keeps for AWS's own metrics."
  }
}

variable "scorer_zip" {
  description = "The cloud function's zip, as a path from the folder terraform/. `make build` makes it."
  type        = string
  default     = "../build/rekognition.zip"
  nullable    = false

  validation {
    condition     = try(fileexists(var.scorer_zip), false)
    error_message = "There is no file ${var.scorer_zip} (scorer_zip): run `make build` first."
  }

  # The four bytes that every zip begins with, PK and 3 and 4, as base64 has them.
  validation {
    condition     = startswith(try(filebase64(var.scorer_zip), "UEsDB"), "UEsDB")
    error_message = "${var.scorer_zip} (scorer_zip) is no zip: run `make build` again."
  }
}

variable "edge_zip" {
  description = "The device's zip, as a path from the folder terraform/. `make build` makes it."
  type        = string
  default     = "../build/deeplens.zip"
  nullable    = false

  validation {
    condition     = try(fileexists(var.edge_zip), false)
    error_message = "There is no file ${var.edge_zip} (edge_zip): run `make build` first."
  }

  # The four bytes that every zip begins with, PK and 3 and 4, as base64 has them.
  validation {
    condition     = startswith(try(filebase64(var.edge_zip), "UEsDB"), "UEsDB")
    error_message = "${var.edge_zip} (edge_zip) is no zip: run `make build` again."
  }
}

variable "kms_key_arn" {
  description = "A key of yours in AWS KMS that encrypts bucket, queues, table, logs, alarms and the function's environment, instead of AWS's own keys, which cost nothing and still encrypt the functions' zips; 1 dollar a month and 0.03 per 10,000 requests. Its policy must hold the statements that `terraform plan` shows as kms_key_statements, before the first apply."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:${var.region}:[0-9]{12}:key/[0-9a-zA-Z-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias, in the region ${var.region}: arn:aws:kms:${var.region}:123456789012:key/..."
  }
}
