# The device's program as a published Lambda function, the form in which AWS DeepLens and Greengrass
# take it. It runs on the device; here it can only be invoked by mistake, and does nothing.

locals {
  edge_name          = "${var.name}-edge"
  edge_log_group     = "/aws/lambda/${local.edge_name}"
  edge_log_group_arn = "arn:${var.account.partition}:logs:${var.account.region}:${var.account.id}:log-group:${local.edge_log_group}"
}

data "aws_iam_policy_document" "edge_trust" {
  statement {
    sid     = "LetLambdaRunTheEdgeFunction"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "edge" {
  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.edge_log_group_arn}:*"]
  }
}

resource "aws_iam_role" "edge" {
  name               = local.edge_name
  description        = "The edge function, should it run in the cloud"
  assume_role_policy = data.aws_iam_policy_document.edge_trust.json
}

resource "aws_iam_role_policy" "edge" {
  name   = "write-logs"
  role   = aws_iam_role.edge.id
  policy = data.aws_iam_policy_document.edge.json
}

resource "aws_cloudwatch_log_group" "edge" {
  #checkov:skip=CKV_AWS_338:Nothing is logged here but by mistake
  name              = local.edge_log_group
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_lambda_function" "edge" {
  #checkov:skip=CKV_AWS_50:It is never invoked
  #checkov:skip=CKV_AWS_115:It is never invoked
  #checkov:skip=CKV_AWS_116:It is never invoked
  #checkov:skip=CKV_AWS_117:It is never invoked
  #checkov:skip=CKV_AWS_272:Whoever may sign may also deploy here; the zip is built reproducibly instead
  function_name    = local.edge_name
  description      = "Finds faces on a device and sends crops of them"
  role             = aws_iam_role.edge.arn
  filename         = var.zip
  source_code_hash = filebase64sha256(var.zip)
  handler          = "deeplens_entry.function_handler"
  runtime          = "python3.13"
  memory_size      = 128
  timeout          = 30
  publish          = true

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.edge.name
  }
}
