# Rescoring of a backlog: S3 Batch Operations reads a manifest of keys, invokes the function for
# each, and writes a report.

locals {
  batch = var.batch_rescoring ? toset(["batch"]) : toset([])
}

# IfExists, for AWS's own example of this policy has no such conditions: a job must not fail for want
# of what S3 may not send.
data "aws_iam_policy_document" "batch_trust" {
  statement {
    sid     = "LetBatchOperationsRescore"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["batchoperations.s3.amazonaws.com"]
    }

    condition {
      test     = "StringEqualsIfExists"
      variable = "aws:SourceAccount"
      values   = [var.account.id]
    }

    condition {
      test     = "ArnLikeIfExists"
      variable = "aws:SourceArn"
      values   = ["arn:${var.account.partition}:s3:${var.account.region}:${var.account.id}:job/*"]
    }
  }
}

data "aws_iam_policy_document" "batch" {
  statement {
    sid       = "InvokeTheScorer"
    actions   = ["lambda:InvokeFunction"]
    resources = ["${local.function_arn}:${local.alias}"]
  }

  statement {
    sid       = "ReadManifests"
    actions   = ["s3:GetObject"]
    resources = ["${var.bucket_arn}/batch/*"]
  }

  statement {
    sid       = "WriteReports"
    actions   = ["s3:PutObject"]
    resources = ["${var.bucket_arn}/batch/reports/*"]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "UseTheKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${var.account.region}.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role" "batch" {
  for_each = local.batch

  name               = "${var.name}-${each.key}"
  description        = "S3 Batch Operations, rescoring crops"
  assume_role_policy = data.aws_iam_policy_document.batch_trust.json
}

resource "aws_iam_role_policy" "batch" {
  for_each = local.batch

  name   = "rescore-crops"
  role   = aws_iam_role.batch[each.key].id
  policy = data.aws_iam_policy_document.batch.json
}
