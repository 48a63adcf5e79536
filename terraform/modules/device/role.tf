# What a camera may do in AWS, with credentials that last an hour: put crops under its own name, and
# frames to be labelled where there are to be any, and fetch models where they may. Optional modules
# add policies of their own.

locals {
  role_alias     = "${var.name}-camera"
  role_alias_arn = "${local.iot_prefix}:rolealias/${local.role_alias}"
}

# AWS documents these conditions for AWS IoT, but no word of its credentials provider, which may
# not send them: hence IfExists. A role of this account can be passed to no other account's alias.
data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "LetIotGiveCredentialsToCameras"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["credentials.iot.amazonaws.com"]
    }

    condition {
      test     = "StringEqualsIfExists"
      variable = "aws:SourceAccount"
      values   = [var.account.id]
    }

    condition {
      test     = "ArnLikeIfExists"
      variable = "aws:SourceArn"
      values   = ["${local.iot_prefix}:*"]
    }
  }
}

data "aws_iam_policy_document" "upload" {
  # A request that names no thing has no such variable, and gets nothing.
  statement {
    sid       = "PutCropsUnderItsOwnName"
    actions   = ["s3:PutObject"]
    resources = ["${var.bucket_arn}/faces/$${credentials-iot:ThingName}/*"]
  }

  dynamic "statement" {
    for_each = var.feedback == null ? [] : [var.feedback]

    content {
      sid       = "PutFramesUnderItsOwnName"
      actions   = ["s3:PutObject"]
      resources = [for prefix in statement.value.prefixes : "${var.bucket_arn}/${prefix}/$${credentials-iot:ThingName}/*"]
    }
  }

  dynamic "statement" {
    for_each = var.models ? ["models"] : []

    content {
      sid       = "FetchModels"
      actions   = ["s3:GetObject"]
      resources = ["${var.bucket_arn}/${statement.value}/*"]
    }
  }

  dynamic "statement" {
    for_each = var.models && var.kms_key_arn != null ? [var.kms_key_arn] : []

    content {
      sid       = "DecryptModels"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${var.account.region}.amazonaws.com"]
      }
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "EncryptCrops"
      actions   = ["kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${var.account.region}.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role" "camera" {
  name               = "${var.name}-camera"
  description        = "Cameras, sending crops"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "camera" {
  name   = "send-crops"
  role   = aws_iam_role.camera.id
  policy = data.aws_iam_policy_document.upload.json
}

resource "aws_iot_role_alias" "camera" {
  alias               = local.role_alias
  role_arn            = aws_iam_role.camera.arn
  credential_duration = 3600
}

data "aws_iot_endpoint" "credentials" {
  endpoint_type = "iot:CredentialProvider"
}

data "aws_iot_endpoint" "messages" {
  endpoint_type = "iot:Data-ATS"
}
