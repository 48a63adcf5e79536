# The cloud function: takes news of crops from the queue; see rekognition_entry.py.

locals {
  function_name = "${var.name}-scorer"
  function_arn  = "arn:${var.account.partition}:lambda:${var.account.region}:${var.account.id}:function:${local.function_name}"
  alias         = "live"

  log_group_name = "/aws/lambda/${local.function_name}"
  log_group_arn  = "arn:${var.account.partition}:logs:${var.account.region}:${var.account.id}:log-group:${local.log_group_name}"

  # Ten crops take some 5 s. The rest is for a Rekognition that asks for patience: with 10 s left,
  # the function begins no further crop.
  timeout_seconds      = 60
  batch_window_seconds = 5
}

resource "aws_cloudwatch_log_group" "scorer" {
  #checkov:skip=CKV_AWS_338:Lines tell who was where and when, so they are kept briefly; log_days says how long
  name              = local.log_group_name
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_lambda_function" "scorer" {
  #checkov:skip=CKV_AWS_50:A trace would say nothing that the log line of each crop does not, and needs a permission on every resource
  #checkov:skip=CKV_AWS_115:Reserved concurrency would throttle the queue's poller and waste tries; maximum_concurrency below is the cap
  #checkov:skip=CKV_AWS_116:Only the queue invokes it, and the queue has the dead letters
  #checkov:skip=CKV_AWS_117:It talks to AWS only, and a private network would cost more than all the rest
  #checkov:skip=CKV_AWS_272:Whoever may sign may also deploy here; the zip is built reproducibly instead
  function_name    = local.function_name
  description      = "Scores crops of faces with Rekognition"
  role             = aws_iam_role.scorer.arn
  filename         = var.zip
  source_code_hash = filebase64sha256(var.zip)
  handler          = "rekognition_entry.lambda_handler"
  runtime          = "python3.13"
  architectures    = ["arm64"]
  memory_size      = 256
  timeout          = local.timeout_seconds
  publish          = true
  kms_key_arn      = var.kms_key_arn

  environment {
    variables = {
      FACEPIPE_TABLE          = var.table_name
      FACEPIPE_NAMESPACE      = var.namespace
      FACEPIPE_MIN_CONFIDENCE = tostring(var.min_confidence)
      FACEPIPE_RECORD_DAYS    = tostring(var.record_days)
    }
  }

  # The function's lines are JSON as they are, and pass as they are; this makes Lambda's own so too.
  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.scorer.name
  }

  depends_on = [aws_iam_role_policy.scorer]
}

resource "aws_lambda_alias" "live" {
  name             = local.alias
  description      = "The version in use"
  function_name    = aws_lambda_function.scorer.function_name
  function_version = aws_lambda_function.scorer.version
}

resource "aws_lambda_event_source_mapping" "crops" {
  event_source_arn                   = var.queue_arn
  function_name                      = aws_lambda_alias.live.arn
  batch_size                         = 10
  maximum_batching_window_in_seconds = local.batch_window_seconds
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.max_concurrency
  }
}
