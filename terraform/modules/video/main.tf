# A video stream for each camera, in Kinesis Video Streams, and the cameras' right to it.

locals {
  # The last part of a stream's ARN is the time of its making; a name has no slash.
  own_stream_arn = "arn:${var.account.partition}:kinesisvideo:${var.account.region}:${var.account.id}:stream/${var.name}-$${credentials-iot:ThingName}/*"
}

resource "aws_kinesis_video_stream" "camera" {
  for_each = var.cameras

  name                    = "${var.name}-${each.key}"
  data_retention_in_hours = var.retention_hours
  media_type              = "video/h264"
  kms_key_id              = var.kms_key_arn
}

# "Controlling access to Kinesis Video Streams resources using AWS IoT". A request that names no
# thing has no such variable, and gets nothing.
data "aws_iam_policy_document" "video" {
  statement {
    sid       = "SendItsOwnVideo"
    actions   = ["kinesisvideo:DescribeStream", "kinesisvideo:GetDataEndpoint", "kinesisvideo:PutMedia"]
    resources = [local.own_stream_arn]
  }

  # For a machine that takes a camera's place: its program reads what the camera sends.
  statement {
    sid       = "WatchItsOwnVideo"
    actions   = ["kinesisvideo:GetDataEndpoint", "kinesisvideo:GetHLSStreamingSessionURL"]
    resources = [local.own_stream_arn]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "EncryptAndDecryptVideo"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["kinesisvideo.${var.account.region}.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role_policy" "video" {
  name   = "send-video"
  role   = var.camera_role_name
  policy = data.aws_iam_policy_document.video.json
}
