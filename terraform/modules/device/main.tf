# For each camera an identity that may do one thing: a thing, and a certificate made from the
# camera's own request, so that no private key is ever here.

locals {
  iot_prefix = "arn:${var.account.partition}:iot:${var.account.region}:${var.account.id}"
}

# AWS lets a type be deleted only 5 minutes after it was retired; `terraform destroy` waits for it.
resource "aws_iot_thing_type" "camera" {
  name = "${var.name}-camera"

  properties {
    description = "A camera that sends crops of faces"
  }
}

resource "aws_iot_thing_group" "cameras" {
  name = "${var.name}-cameras"

  properties {
    description = "All cameras of ${var.name}"
  }
}

resource "aws_iot_thing" "camera" {
  for_each = var.cameras

  name            = each.key
  thing_type_name = aws_iot_thing_type.camera.name
}

resource "aws_iot_thing_group_membership" "camera" {
  for_each = var.cameras

  thing_name       = aws_iot_thing.camera[each.key].name
  thing_group_name = aws_iot_thing_group.cameras.name
}

# A camera that is revoked keeps its certificate, inactive; one taken out of the map loses it. AWS
# refuses both alike.
resource "aws_iot_certificate" "camera" {
  for_each = var.cameras

  active = !contains(var.revoked_cameras, each.key)
  csr    = "${trimspace(each.value)}\n"

  lifecycle {
    precondition {
      condition     = length(local.csr_base64[each.key]) % 4 == 0 && local.csr_bytes[each.key] == local.csr_bytes_declared[each.key]
      error_message = "The camera ${each.key}'s certificate signing request is not whole: it has ${local.csr_bytes[each.key]} bytes, and says that it has ${local.csr_bytes_declared[each.key]}. Copy it again."
    }
  }
}

resource "aws_iot_thing_principal_attachment" "camera" {
  for_each = var.cameras

  thing     = aws_iot_thing.camera[each.key].name
  principal = aws_iot_certificate.camera[each.key].arn
}

# The same policy for all: its variables are what differs.
data "aws_iam_policy_document" "camera" {
  statement {
    sid       = "ConnectAsItself"
    actions   = ["iot:Connect"]
    resources = ["${local.iot_prefix}:client/$${iot:Connection.Thing.ThingName}"]

    condition {
      test     = "Bool"
      variable = "iot:Connection.Thing.IsAttached"
      values   = ["true"]
    }
  }

  # Under $aws it was with AWS DeepLens; a client of AWS IoT says the same under facepipe.
  statement {
    sid     = "PublishAboutItself"
    actions = ["iot:Publish"]
    resources = [
      "${local.iot_prefix}:topic/$aws/things/$${iot:Connection.Thing.ThingName}/infer",
      "${local.iot_prefix}:topic/facepipe/$${iot:Connection.Thing.ThingName}/health",
      "${local.iot_prefix}:topic/facepipe/$${iot:Connection.Thing.ThingName}/infer",
      "${local.iot_prefix}:topic/mli/predictions/$${iot:Connection.Thing.ThingName}",
    ]
  }

  # Retained, so that whoever comes later learns of it too. It is also the camera's last will: the
  # broker asks for these two when it is given one ("Retained message policy examples").
  statement {
    sid       = "SayWhetherItIsThere"
    actions   = ["iot:Publish", "iot:RetainPublish"]
    resources = ["${local.iot_prefix}:topic/facepipe/$${iot:Connection.Thing.ThingName}/status"]
  }

  statement {
    sid       = "GetCredentials"
    actions   = ["iot:AssumeRoleWithCertificate"]
    resources = [local.role_alias_arn]
  }
}

resource "aws_iot_policy" "camera" {
  name   = "${var.name}-camera"
  policy = data.aws_iam_policy_document.camera.json
}

resource "aws_iot_policy_attachment" "camera" {
  for_each = var.cameras

  policy = aws_iot_policy.camera.name
  target = aws_iot_certificate.camera[each.key].arn
}
