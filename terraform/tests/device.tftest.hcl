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
  zip         = "tests/fixtures/stand-in.zip"
  bucket_arn  = "arn:aws:s3:::deeplens-test-crops"
  log_days    = 14
  kms_key_arn = null
  feedback    = null
  models      = false

  revoked_cameras = []

  cameras = { hall-1 = file("tests/fixtures/hall-1.csr"), hall-2 = file("tests/fixtures/hall-2.csr") }
}

override_data {
  target = data.aws_iot_endpoint.credentials
}

override_data {
  target = data.aws_iot_endpoint.messages
}

run "device" {
  command = plan
  module { source = "./modules/device" }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.trust.json)) == jsonencode(jsondecode(file("tests/golden/device-trust.json")))
    error_message = "device-trust.json is not what is rendered: ${data.aws_iam_policy_document.trust.json}"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.upload.json)) == jsonencode(jsondecode(file("tests/golden/device-upload.json")))
    error_message = "device-upload.json is not what is rendered: ${data.aws_iam_policy_document.upload.json}"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.camera.json)) == jsonencode(jsondecode(file("tests/golden/device-camera.json")))
    error_message = "device-camera.json is not what is rendered: ${data.aws_iam_policy_document.camera.json}"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.edge_trust.json)) == jsonencode(jsondecode(file("tests/golden/device-edge_trust.json")))
    error_message = "device-edge_trust.json is not what is rendered: ${data.aws_iam_policy_document.edge_trust.json}"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.edge.json)) == jsonencode(jsondecode(file("tests/golden/device-edge.json")))
    error_message = "device-edge.json is not what is rendered: ${data.aws_iam_policy_document.edge.json}"
  }

  assert {
    condition     = alltrue([for camera in ["hall-1", "hall-2"] : aws_iot_certificate.camera[camera].csr == file("tests/fixtures/${camera}.csr") && aws_iot_thing.camera[camera].name == camera])
    error_message = "A certificate is not made from its camera's own request."
  }

  assert {
    condition     = alltrue([for attached in [aws_iot_policy_attachment.camera, aws_iot_thing_principal_attachment.camera, aws_iot_thing_group_membership.camera] : length(attached) == 2])
    error_message = "A camera's certificate lacks its policy or its thing, or the thing its group."
  }

  assert {
    condition     = aws_lambda_function.edge.handler == "deeplens_entry.function_handler" && aws_lambda_function.edge.publish && startswith(aws_lambda_function.edge.function_name, "deeplens-")
    error_message = "The edge function is not deeplens_entry's, published, under a name that AWS DeepLens takes."
  }
}

run "device_with_a_key" {
  command = plan
  module { source = "./modules/device" }
  variables { kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555" }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.upload.json)) == jsonencode(jsondecode(file("tests/golden/device-upload-with-key.json")))
    error_message = "device-upload-with-key.json is not what is rendered: ${data.aws_iam_policy_document.upload.json}"
  }

  assert {
    condition     = aws_cloudwatch_log_group.edge.kms_key_id == var.kms_key_arn
    error_message = "The log does not use the key."
  }
}

run "device_with_feedback" {
  command = plan
  module { source = "./modules/device" }
  variables { feedback = { prefixes = ["labels/new", "feedback"] } }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.upload.json)) == jsonencode(jsondecode(file("tests/golden/device-upload-with-feedback.json")))
    error_message = "device-upload-with-feedback.json is not what is rendered: ${data.aws_iam_policy_document.upload.json}"
  }
}

run "device_with_models" {
  command = plan
  module { source = "./modules/device" }
  variables { models = true }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.upload.json)) == jsonencode(jsondecode(file("tests/golden/device-upload-with-models.json")))
    error_message = "device-upload-with-models.json is not what is rendered: ${data.aws_iam_policy_document.upload.json}"
  }
}

run "device_with_models_and_a_key" {
  command = plan
  module { source = "./modules/device" }
  variables {
    models      = true
    kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.upload.json)) == jsonencode(jsondecode(file("tests/golden/device-upload-with-models-and-key.json")))
    error_message = "device-upload-with-models-and-key.json is not what is rendered: ${data.aws_iam_policy_document.upload.json}"
  }
}

run "refuses_a_csr_cut_in_the_middle" {
  command         = plan
  expect_failures = [aws_iot_certificate.camera["hall-1"]]
  module { source = "./modules/device" }
  variables { cameras = { hall-1 = file("tests/fixtures/cut.csr"), hall-2 = file("tests/fixtures/hall-2.csr") } }
}

run "refuses_a_csr_without_its_padding" {
  command         = plan
  expect_failures = [aws_iot_certificate.camera["hall-1"]]
  module { source = "./modules/device" }
  variables { cameras = { hall-1 = replace(file("tests/fixtures/hall-1.csr"), "74=", "74") } }
}

run "refuses_a_long_csr_cut_in_the_middle" {
  command         = plan
  expect_failures = [aws_iot_certificate.camera["hall-3"]]
  module { source = "./modules/device" }
  variables { cameras = { hall-3 = replace(file("tests/fixtures/rsa.csr"), "/(?m)^AAO.*\n/", "") } }
}

run "takes_a_long_csr" {
  command = plan
  module { source = "./modules/device" }
  variables { cameras = { hall-3 = file("tests/fixtures/rsa.csr") } }

  assert {
    condition     = local.csr_bytes["hall-3"] > 256 && local.csr_bytes["hall-3"] == local.csr_bytes_declared["hall-3"]
    error_message = "The length is in two bytes, which are read wrongly."
  }
}

run "device_with_a_revoked_camera" {
  command = plan
  module { source = "./modules/device" }
  variables { revoked_cameras = ["hall-2"] }

  assert {
    condition     = aws_iot_certificate.camera["hall-1"].active && !aws_iot_certificate.camera["hall-2"].active
    error_message = "The certificate of a revoked camera, and no other, must be inactive."
  }
}

run "device_without_cameras" {
  command = plan
  module { source = "./modules/device" }
  variables { cameras = {} }

  assert {
    condition     = length(aws_iot_certificate.camera) == 0 && aws_iot_role_alias.camera.alias == "deeplens-test-camera"
    error_message = "With no camera yet, the rest must be there."
  }
}
