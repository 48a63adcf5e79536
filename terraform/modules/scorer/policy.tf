# Exactly the calls that the function and its poller make.

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "LetLambdaRunTheScorer"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "scorer" {
  statement {
    sid       = "TakeNewsOfCrops"
    actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources = [var.queue_arn]
  }

  # Rekognition reads the crop with the function's permissions.
  statement {
    sid       = "ReadCrops"
    actions   = ["s3:GetObject"]
    resources = ["${var.bucket_arn}/faces/*"]
  }

  # S3 tells a deleted crop (404) from a forbidden one (403) only to who may list it, and takes the
  # key that was asked for as the prefix: tried on S3 in github.com/kopia/kopia/pull/3072, and done
  # alike by Ceph "to match aws" in github.com/ceph/ceph/pull/68577.
  statement {
    sid       = "SeeWhichCropsAreGone"
    actions   = ["s3:ListBucket"]
    resources = [var.bucket_arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["faces/*"]
    }
  }

  # Rekognition knows no resources for DetectFaces.
  statement {
    sid       = "DetectFaces"
    actions   = ["rekognition:DetectFaces"]
    resources = ["*"]
  }

  statement {
    sid       = "KeepRecords"
    actions   = ["dynamodb:GetItem", "dynamodb:PutItem"]
    resources = [var.table_arn]
  }

  # CloudWatch knows no resources for PutMetricData, but namespaces.
  statement {
    sid       = "ChartEmotions"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = [var.namespace]
    }
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.log_group_arn}:*"]
  }

  # Crops, messages, records and the environment.
  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "DecryptWithTheKey"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role" "scorer" {
  name               = local.function_name
  description        = "The cloud function that scores crops"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "scorer" {
  name   = "score-crops"
  role   = aws_iam_role.scorer.id
  policy = data.aws_iam_policy_document.scorer.json
}
