# Rendered and planned by the real provider, which calls no API for it: policies are made of names.

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

variables {
  account         = { id = "123456789012", partition = "aws", region = "us-east-1" }
  name            = "deeplens-test"
  zip             = "tests/fixtures/stand-in.zip"
  bucket_arn      = "arn:aws:s3:::deeplens-test-crops"
  queue_arn       = "arn:aws:sqs:us-east-1:123456789012:deeplens-test-crops"
  table_name      = "rekognize-faces"
  table_arn       = "arn:aws:dynamodb:us-east-1:123456789012:table/rekognize-faces"
  namespace       = "Facepipe"
  min_confidence  = 12.5
  record_days     = 30
  max_concurrency = 7
  log_days        = 14
  batch_rescoring = false
  kms_key_arn     = null
}

run "scorer" {
  command = plan
  module { source = "./modules/scorer" }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.trust.json)) == jsonencode(jsondecode(file("tests/golden/scorer-trust.json")))
    error_message = "scorer-trust.json is not what is rendered: ${data.aws_iam_policy_document.trust.json}"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.scorer.json)) == jsonencode(jsondecode(file("tests/golden/scorer-scorer.json")))
    error_message = "scorer-scorer.json is not what is rendered: ${data.aws_iam_policy_document.scorer.json}"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.batch_trust.json)) == jsonencode(jsondecode(file("tests/golden/scorer-batch_trust.json")))
    error_message = "scorer-batch_trust.json is not what is rendered: ${data.aws_iam_policy_document.batch_trust.json}"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.batch.json)) == jsonencode(jsondecode(file("tests/golden/scorer-batch.json")))
    error_message = "scorer-batch.json is not what is rendered: ${data.aws_iam_policy_document.batch.json}"
  }

  assert {
    condition = aws_lambda_function.scorer.environment[0].variables == tomap({
      FACEPIPE_TABLE          = "rekognize-faces"
      FACEPIPE_NAMESPACE      = "Facepipe"
      FACEPIPE_MIN_CONFIDENCE = "12.5"
      FACEPIPE_RECORD_DAYS    = "30"
    })
    error_message = "The function's environment is not what facepipe_io.cloud.settings reads."
  }

  assert {
    condition     = aws_lambda_function.scorer.handler == "rekognition_entry.lambda_handler" && aws_lambda_function.scorer.runtime == "python3.13" && aws_lambda_function.scorer.publish
    error_message = "The function is not rekognition_entry's, published."
  }

  assert {
    condition     = output.visibility_timeout_seconds >= 6 * aws_lambda_function.scorer.timeout + aws_lambda_event_source_mapping.crops.maximum_batching_window_in_seconds
    error_message = "AWS wants messages hidden for six times the function's timeout, and the window."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.crops.scaling_config[0].maximum_concurrency == 7 && aws_lambda_event_source_mapping.crops.function_response_types == toset(["ReportBatchItemFailures"])
    error_message = "The queue's poller has no cap, or takes a batch back whole."
  }

  assert {
    condition     = aws_cloudwatch_log_group.scorer.retention_in_days == 14
    error_message = "Log lines are not kept for log_days."
  }

  assert {
    condition     = length(aws_iam_role.batch) == 0 && length(aws_iam_role_policy.batch) == 0
    error_message = "The role for batch jobs is there only when asked for."
  }
}

run "scorer_with_options" {
  command = plan
  module { source = "./modules/scorer" }
  variables {
    batch_rescoring = true
    kms_key_arn     = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.scorer.json)) == jsonencode(jsondecode(file("tests/golden/scorer-scorer-with-key.json")))
    error_message = "scorer-scorer-with-key.json is not what is rendered: ${data.aws_iam_policy_document.scorer.json}"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.batch.json)) == jsonencode(jsondecode(file("tests/golden/scorer-batch-with-key.json")))
    error_message = "scorer-batch-with-key.json is not what is rendered: ${data.aws_iam_policy_document.batch.json}"
  }

  assert {
    condition     = aws_lambda_function.scorer.kms_key_arn == var.kms_key_arn && aws_cloudwatch_log_group.scorer.kms_key_id == var.kms_key_arn
    error_message = "The environment or the log does not use the key."
  }

  assert {
    condition     = aws_iam_role.batch["batch"].name == "deeplens-test-batch" && length(aws_iam_role_policy.batch) == 1
    error_message = "The role for batch jobs is missing."
  }
}
