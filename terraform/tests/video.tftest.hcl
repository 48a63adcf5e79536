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
  account          = { id = "123456789012", partition = "aws", region = "us-east-1" }
  name             = "deeplens-test"
  cameras          = ["hall-1", "hall-2"]
  camera_role_name = "deeplens-test-camera"
  retention_hours  = 48
  kms_key_arn      = null
}

run "video" {
  command = plan
  module { source = "./modules/video" }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.video.json)) == jsonencode(jsondecode(file("tests/golden/video-video.json")))
    error_message = "video-video.json is not what is rendered: ${data.aws_iam_policy_document.video.json}"
  }

  assert {
    condition     = aws_iam_role_policy.video.role == "deeplens-test-camera" && jsonencode(jsondecode(aws_iam_role_policy.video.policy)) == jsonencode(jsondecode(data.aws_iam_policy_document.video.json))
    error_message = "The cameras may not send."
  }

  assert {
    condition     = output.streams == { hall-1 = "deeplens-test-hall-1", hall-2 = "deeplens-test-hall-2" }
    error_message = "A stream is not named as the cameras' policy has it."
  }

  assert {
    condition     = alltrue([for stream in aws_kinesis_video_stream.camera : stream.data_retention_in_hours == 48])
    error_message = "Video is not kept for retention_hours."
  }
}

run "video_with_a_key" {
  command = plan
  module { source = "./modules/video" }
  variables { kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555" }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.video.json)) == jsonencode(jsondecode(file("tests/golden/video-video-with-key.json")))
    error_message = "video-video-with-key.json is not what is rendered: ${data.aws_iam_policy_document.video.json}"
  }

  assert {
    condition     = alltrue([for stream in aws_kinesis_video_stream.camera : stream.kms_key_id == var.kms_key_arn])
    error_message = "A stream does not use the key."
  }
}

run "video_without_cameras" {
  command = plan
  module { source = "./modules/video" }
  variables { cameras = [] }

  assert {
    condition     = length(output.streams) == 0
    error_message = "With no camera yet, there are no streams."
  }
}
