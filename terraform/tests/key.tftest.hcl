# What the owner of a key must allow, and the whole root, planned by the real provider.

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

variables {
  scorer_zip  = "tests/fixtures/stand-in.zip"
  edge_zip    = "tests/fixtures/stand-in.zip"
  name        = "deeplens-test"
  bucket_name = "deeplens-test-crops"
  cameras     = { hall-1 = "tests/fixtures/hall-1.csr" }
  kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

override_data {
  target = module.device.data.aws_iot_endpoint.credentials
}

override_data {
  target = module.device.data.aws_iot_endpoint.messages
}

run "key_statements" {
  command = plan

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.kms.json)) == jsonencode(jsondecode(file("tests/golden/root-kms.json")))
    error_message = "root-kms.json is not what is rendered: ${data.aws_iam_policy_document.kms.json}"
  }

  assert {
    condition     = jsonencode(output.kms_key_statements) == jsonencode(jsondecode(data.aws_iam_policy_document.kms.json).Statement)
    error_message = "The output must be the statements."
  }
}
