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
  account     = { id = "123456789012", partition = "aws", region = "us-east-1" }
  name        = "deeplens-test"
  bucket_name = "deeplens-test-crops"
  kms_key_arn = null
}

run "training" {
  command = plan
  module { source = "./modules/training" }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.trust.json)) == jsonencode(jsondecode(file("tests/golden/training-trust.json")))
    error_message = "training-trust.json is not what is rendered: ${data.aws_iam_policy_document.trust.json}"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.training.json)) == jsonencode(jsondecode(file("tests/golden/training-training.json")))
    error_message = "training-training.json is not what is rendered: ${data.aws_iam_policy_document.training.json}"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.trainer.json)) == jsonencode(jsondecode(file("tests/golden/training-trainer.json")))
    error_message = "training-trainer.json is not what is rendered: ${data.aws_iam_policy_document.trainer.json}"
  }

  assert {
    condition     = output.role_arn == "arn:aws:iam::123456789012:role/${aws_iam_role.this.name}" && aws_iam_policy.trainer.name == "deeplens-test-trainer"
    error_message = "The role that is told of is not the one that is made."
  }
}

run "training_with_a_key" {
  command = plan
  module { source = "./modules/training" }
  variables { kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555" }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.training.json)) == jsonencode(jsondecode(file("tests/golden/training-training-with-key.json")))
    error_message = "training-training-with-key.json is not what is rendered: ${data.aws_iam_policy_document.training.json}"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.trainer.json)) == jsonencode(jsondecode(file("tests/golden/training-trainer-with-key.json")))
    error_message = "training-trainer-with-key.json is not what is rendered: ${data.aws_iam_policy_document.trainer.json}"
  }
}
