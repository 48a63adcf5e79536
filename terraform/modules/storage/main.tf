# The crops, which live for a day or so, and the records made of them.

locals {
  bucket_arn = "arn:${var.account.partition}:s3:::${var.bucket_name}"
  table_arn  = "arn:${var.account.partition}:dynamodb:${var.account.region}:${var.account.id}:table/${var.table_name}"
}

resource "aws_s3_bucket" "crops" {
  #checkov:skip=CKV_AWS_18:Who read a crop of a day ago is no question worth keeping a log of every access for
  #checkov:skip=CKV_AWS_21:An older version would outlive the day after which people's faces are to be gone
  #checkov:skip=CKV_AWS_144:A copy in another region would be a second place for faces to be deleted from
  bucket = var.bucket_name

  # Nothing here is meant to last, so `terraform destroy` may delete it.
  force_destroy = true
}

resource "aws_s3_bucket_public_access_block" "crops" {
  bucket                  = aws_s3_bucket.crops.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# No access control lists at all: whoever writes an object, the account owns it.
resource "aws_s3_bucket_ownership_controls" "crops" {
  bucket = aws_s3_bucket.crops.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "crops" {
  bucket = aws_s3_bucket.crops.id

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "crops" {
  bucket = aws_s3_bucket.crops.id

  rule {
    id     = "expire-crops"
    status = "Enabled"

    filter {
      prefix = "faces/"
    }

    expiration {
      days = var.crop_days
    }
  }

  rule {
    id     = "expire-batch-files"
    status = "Enabled"

    filter {
      prefix = "batch/"
    }

    expiration {
      days = var.record_days
    }
  }

  dynamic "rule" {
    for_each = try(var.feedback.prefixes, [])

    content {
      id     = "expire-feedback-${rule.value}"
      status = "Enabled"

      filter {
        prefix = "${rule.value}/"
      }

      expiration {
        days = var.feedback.days
      }
    }
  }

  rule {
    id     = "abort-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

data "aws_iam_policy_document" "bucket" {
  statement {
    sid       = "DenyPlainHttp"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.bucket_arn, "${local.bucket_arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "crops" {
  bucket = aws_s3_bucket.crops.id
  policy = data.aws_iam_policy_document.bucket.json

  # S3 refuses two changes of a bucket's access at once.
  depends_on = [aws_s3_bucket_public_access_block.crops]
}

# A bucket has one notification configuration: whoever writes it last wins.
resource "aws_s3_bucket_notification" "crops" {
  bucket = aws_s3_bucket.crops.id

  queue {
    id            = "crops"
    queue_arn     = var.queue_arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = "faces/"
  }
}

resource "aws_dynamodb_table" "records" {
  #checkov:skip=CKV_AWS_28:A backup would keep for 35 days what record_days says is to be gone
  name         = var.table_name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "s3key"

  attribute {
    name = "s3key"
    type = "S"
  }

  attribute {
    name = "camera"
    type = "S"
  }

  attribute {
    name = "captured_at"
    type = "S"
  }

  global_secondary_index {
    name            = "by-camera"
    hash_key        = "camera"
    range_key       = "captured_at"
    projection_type = "ALL"
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  dynamic "server_side_encryption" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      enabled     = true
      kms_key_arn = server_side_encryption.value
    }
  }
}
