# Each camera's health message, once a minute, becomes two metrics. AWS IoT's action knows no
# dimensions, so the camera is in the metric's name. 0.60 dollars a month a camera, and 0.90 for calls.

locals {
  health_namespace = "${var.namespace}/Cameras"

  rule_name = "${replace(var.name, "-", "_")}_health"
  rule_arn  = "arn:${var.account.partition}:iot:${var.account.region}:${var.account.id}:rule/${local.rule_name}"

  error_group_name = "/aws/iot/${var.name}-health-errors"
  error_group_arn  = "arn:${var.account.partition}:logs:${var.account.region}:${var.account.id}:log-group:${local.error_group_name}"

  health_metrics = { fps = "Count/Second", spool_depth = "Count" }
}

resource "aws_iot_topic_rule" "health" {
  name        = local.rule_name
  description = "Charts the health of cameras"
  enabled     = true
  sql         = "SELECT fps, spool_depth FROM 'facepipe/+/health' WHERE fps >= 0 AND spool_depth >= 0"
  sql_version = "2016-03-23"

  dynamic "cloudwatch_metric" {
    for_each = local.health_metrics

    content {
      metric_namespace = local.health_namespace
      metric_name      = "${cloudwatch_metric.key} $${topic(2)}"
      metric_value     = "$${${cloudwatch_metric.key}}"
      metric_unit      = cloudwatch_metric.value
      role_arn         = aws_iam_role.health.arn
    }
  }

  error_action {
    cloudwatch_logs {
      log_group_name = aws_cloudwatch_log_group.health_errors.name
      role_arn       = aws_iam_role.health.arn
    }
  }

  depends_on = [aws_iam_role_policy.health]
}

resource "aws_cloudwatch_log_group" "health_errors" {
  #checkov:skip=CKV_AWS_338:What went wrong a year ago helps nobody; log_days says how long
  name              = local.error_group_name
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

data "aws_iam_policy_document" "health_trust" {
  statement {
    sid     = "LetTheHealthRuleWork"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["iot.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account.id]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = [local.rule_arn]
    }
  }
}

data "aws_iam_policy_document" "health" {
  # CloudWatch knows no resources for PutMetricData, but namespaces.
  statement {
    sid       = "ChartHealth"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = [local.health_namespace]
    }
  }

  statement {
    sid       = "WriteErrors"
    actions   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = [local.error_group_arn, "${local.error_group_arn}:*"]
  }
}

resource "aws_iam_role" "health" {
  name               = "${var.name}-health"
  description        = "The rule that charts the health of cameras"
  assume_role_policy = data.aws_iam_policy_document.health_trust.json
}

resource "aws_iam_role_policy" "health" {
  name   = "chart-health"
  role   = aws_iam_role.health.id
  policy = data.aws_iam_policy_document.health.json
}
