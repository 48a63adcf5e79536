# Between bucket and function: what comes too fast waits, what fails is tried again, and what keeps
# failing is put aside.

locals {
  name             = "${var.name}-crops"
  dead_letter_name = "${var.name}-crops-dead"

  prefix          = "arn:${var.account.partition}:sqs:${var.account.region}:${var.account.id}"
  arn             = "${local.prefix}:${local.name}"
  dead_letter_arn = "${local.prefix}:${local.dead_letter_name}"
}

# Policies stand in the queues themselves, so that a queue is never without its own, not even for
# the while that SQS takes to spread a change of one.
resource "aws_sqs_queue" "crops" {
  name                       = local.name
  visibility_timeout_seconds = var.visibility_timeout_seconds
  message_retention_seconds  = 4 * 86400
  policy                     = data.aws_iam_policy_document.crops.json
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  kms_master_key_id          = var.kms_key_arn

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue" "dead" {
  name                      = local.dead_letter_name
  message_retention_seconds = 14 * 86400
  policy                    = data.aws_iam_policy_document.tls["dead"].json
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.arn]
  })
}

data "aws_iam_policy_document" "crops" {
  source_policy_documents = [data.aws_iam_policy_document.tls["crops"].json]

  statement {
    sid       = "AcceptNewsOfCrops"
    actions   = ["sqs:SendMessage"]
    resources = [local.arn]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [var.bucket_arn]
    }

    # A bucket's ARN names no account: its name, once given up, is anybody's.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account.id]
    }
  }
}

data "aws_iam_policy_document" "tls" {
  for_each = { crops = local.arn, dead = local.dead_letter_arn }

  statement {
    sid       = "DenyPlainHttp"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value]

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
