# What a camera may do more, once it is a Greengrass core device.

locals {
  bucket_arn = "arn:${var.account.partition}:s3:::${var.bucket_name}"
  iot_prefix = "arn:${var.account.partition}:iot:${var.account.region}:${var.account.id}"
}

data "aws_iam_policy_document" "artifacts" {
  statement {
    sid       = "GetTheComponent"
    actions   = ["s3:GetObject"]
    resources = [for key in values(local.artifact_keys) : "${local.bucket_arn}/${key}"]
  }

  # The nucleus asks for it before it gets anything.
  statement {
    sid       = "FindTheBucket"
    actions   = ["s3:GetBucketLocation"]
    resources = [local.bucket_arn]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "DecryptTheComponent"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${var.account.region}.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role_policy" "artifacts" {
  name   = "get-the-component"
  role   = var.role_name
  policy = data.aws_iam_policy_document.artifacts.json
}

# "Minimal AWS IoT policy for AWS IoT Greengrass V2 core devices", and what the component says. One
# for each camera, with its name written out: AWS supports no thing policy variables for core devices,
# since these connect under more than one client id (hall-1, hall-1#2).
data "aws_iam_policy_document" "core" {
  for_each = var.certificates

  statement {
    sid       = "ConnectAsItself"
    actions   = ["iot:Connect"]
    resources = ["${local.iot_prefix}:client/${each.key}", "${local.iot_prefix}:client/${each.key}#*"]
  }

  statement {
    sid       = "PublishAboutItself"
    actions   = ["iot:Publish"]
    resources = [for topic in local.topics : "${local.iot_prefix}:topic/${format(topic, each.key)}"]
  }

  # Jobs, shadow and health, each at a place of its own below; so that the policy stays under the
  # 2,048 characters that AWS IoT takes.
  statement {
    sid       = "TalkToGreengrass"
    actions   = ["iot:Publish", "iot:Receive"]
    resources = ["${local.iot_prefix}:topic/$aws/things/${each.key}/*"]
  }

  statement {
    sid       = "ListenToGreengrass"
    actions   = ["iot:Subscribe"]
    resources = ["${local.iot_prefix}:topicfilter/$aws/things/${each.key}/*"]
  }

  statement {
    sid       = "KeepItsShadow"
    actions   = ["iot:DeleteThingShadow", "iot:GetThingShadow", "iot:UpdateThingShadow"]
    resources = ["${local.iot_prefix}:thing/${each.key}"]
  }

  # AWS names no resources for these.
  statement {
    sid = "TakeDeployments"
    actions = [
      "greengrass:GetComponentVersionArtifact",
      "greengrass:GetDeploymentConfiguration",
      "greengrass:ListThingGroupsForCoreDevice",
      "greengrass:ResolveComponentCandidates",
    ]
    resources = ["*"]
  }
}

resource "aws_iot_policy" "core" {
  for_each = var.certificates

  name   = "${var.name}-core-${each.key}"
  policy = data.aws_iam_policy_document.core[each.key].json
}

resource "aws_iot_policy_attachment" "core" {
  for_each = var.certificates

  policy = aws_iot_policy.core[each.key].name
  target = each.value
}
