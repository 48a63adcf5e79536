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
  account                    = { id = "123456789012", partition = "aws", region = "us-east-1" }
  name                       = "deeplens-test"
  bucket_arn                 = "arn:aws:s3:::deeplens-test-crops"
  visibility_timeout_seconds = 365
  kms_key_arn                = null
}

run "queue" {
  command = plan
  module { source = "./modules/queue" }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.crops.json)) == jsonencode(jsondecode(file("tests/golden/queue-crops.json")))
    error_message = "queue-crops.json is not what is rendered: ${data.aws_iam_policy_document.crops.json}"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.tls["dead"].json)) == jsonencode(jsondecode(file("tests/golden/queue-tls.json")))
    error_message = "queue-tls.json is not what is rendered: ${data.aws_iam_policy_document.tls["dead"].json}"
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.crops, aws_sqs_queue.dead] : queue.sqs_managed_sse_enabled && queue.kms_master_key_id == null])
    error_message = "Without a key, SQS's own encrypts."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.dead.redrive_allow_policy) == { redrivePermission = "byQueue", sourceQueueArns = [output.arn] }
    error_message = "Only the queue of crops may send dead letters."
  }

  assert {
    condition     = aws_sqs_queue.crops.visibility_timeout_seconds == 365
    error_message = "A message must stay hidden for as long as the scorer says."
  }
}

run "queue_with_a_key" {
  command = plan
  module { source = "./modules/queue" }
  variables { kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555" }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.crops, aws_sqs_queue.dead] : queue.kms_master_key_id == var.kms_key_arn])
    error_message = "A queue does not use the key."
  }
}
