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
  camera_role_name = "deeplens-test-camera"
  bucket_name      = "deeplens-test-crops"
  archive          = "tests/fixtures/model.tar.gz"
  instance_type    = "ml.m5.large"
  image            = null
  settings         = { FACEPIPE_MIN_SCORE = "0.7" }
  crops            = true
  log_days         = 14
  kms_key_arn      = null
}

run "endpoint" {
  command = plan
  module { source = "./modules/endpoint" }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.trust.json)) == jsonencode(jsondecode(file("tests/golden/endpoint-trust.json")))
    error_message = "endpoint-trust.json is not what is rendered: ${data.aws_iam_policy_document.trust.json}"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.endpoint.json)) == jsonencode(jsondecode(file("tests/golden/endpoint-endpoint.json")))
    error_message = "endpoint-endpoint.json is not what is rendered: ${data.aws_iam_policy_document.endpoint.json}"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.invoke.json)) == jsonencode(jsondecode(file("tests/golden/endpoint-invoke.json")))
    error_message = "endpoint-invoke.json is not what is rendered: ${data.aws_iam_policy_document.invoke.json}"
  }

  assert {
    condition     = aws_iam_role_policy.invoke.role == "deeplens-test-camera" && jsonencode(jsondecode(aws_iam_role_policy.invoke.policy)) == jsonencode(jsondecode(data.aws_iam_policy_document.invoke.json))
    error_message = "The cameras may not ask the endpoint."
  }

  assert {
    condition     = aws_s3_object.archive.key == "models/endpoint/${substr(filesha256("tests/fixtures/model.tar.gz"), 0, 16)}/model.tar.gz"
    error_message = "The archive's key must be made of what is in it, not ${aws_s3_object.archive.key}."
  }

  assert {
    condition = one(aws_sagemaker_model.this.primary_container).environment == tomap({
      FACEPIPE_BUCKET                = "deeplens-test-crops"
      FACEPIPE_MIN_SCORE             = "0.7"
      SAGEMAKER_MODEL_SERVER_WORKERS = "1"
      SAGEMAKER_PROGRAM              = "sagemaker_entry.py"
    })
    error_message = "The container's environment is not what the program needs."
  }

  assert {
    condition     = one(aws_sagemaker_model.this.primary_container).model_data_url == "s3://deeplens-test-crops/${aws_s3_object.archive.key}"
    error_message = "The model is not the archive that is in the bucket."
  }

  assert {
    condition     = one(aws_sagemaker_model.this.primary_container).image == "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312-ubuntu22.04-sagemaker"
    error_message = "AWS's own image is not ${one(aws_sagemaker_model.this.primary_container).image}."
  }

  assert {
    condition     = one(aws_sagemaker_endpoint_configuration.this.production_variants).initial_instance_count == 1 && one(aws_sagemaker_endpoint_configuration.this.production_variants).instance_type == "ml.m5.large"
    error_message = "One instance, and one alone, knows who is who."
  }

  assert {
    condition     = output.endpoint_name == "deeplens-test-faces" && aws_cloudwatch_log_group.this.name == "/aws/sagemaker/Endpoints/deeplens-test-faces" && aws_cloudwatch_log_group.this.retention_in_days == 14
    error_message = "SageMaker writes the log of an endpoint into a group of its name, which is to be kept for log_days."
  }
}

run "endpoint_with_a_key" {
  command = plan
  module { source = "./modules/endpoint" }
  variables { kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555" }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.endpoint.json)) == jsonencode(jsondecode(file("tests/golden/endpoint-endpoint-with-key.json")))
    error_message = "endpoint-endpoint-with-key.json is not what is rendered: ${data.aws_iam_policy_document.endpoint.json}"
  }

  assert {
    condition     = aws_sagemaker_endpoint_configuration.this.kms_key_arn == var.kms_key_arn && aws_cloudwatch_log_group.this.kms_key_id == var.kms_key_arn
    error_message = "The instance's disk or the log does not use the key."
  }
}

run "endpoint_without_crops" {
  command = plan
  module { source = "./modules/endpoint" }
  variables {
    crops       = false
    kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition     = !can(regex("s3:Put|GenerateDataKey|/faces", data.aws_iam_policy_document.endpoint.json)) && strcontains(data.aws_iam_policy_document.endpoint.json, "kms:Decrypt")
    error_message = "It may put something: ${data.aws_iam_policy_document.endpoint.json}"
  }

  assert {
    condition     = !contains(keys(one(aws_sagemaker_model.this.primary_container).environment), "FACEPIPE_BUCKET")
    error_message = "It is told of a bucket that it may not put anything into."
  }
}

run "endpoint_of_another_image" {
  command = plan
  module { source = "./modules/endpoint" }
  variables { image = "999999999999.dkr.ecr.eu-west-1.amazonaws.com/team/faces@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }

  assert {
    condition     = strcontains(data.aws_iam_policy_document.endpoint.json, "\"arn:aws:ecr:eu-west-1:999999999999:repository/team/faces\"") && !strcontains(data.aws_iam_policy_document.endpoint.json, "pytorch-inference")
    error_message = "It may pull its own image, and no other."
  }

  assert {
    condition     = one(aws_sagemaker_model.this.primary_container).image == var.image
    error_message = "The image that was given is not used."
  }
}

# What cannot be changed in place needs another name, since for a while both are there.
run "endpoint_of_another_archive" {
  command = plan
  module { source = "./modules/endpoint" }
  variables { archive = "tests/fixtures/stand-in.zip" }

  assert {
    condition     = strcontains(aws_s3_object.archive.key, substr(filesha256("tests/fixtures/stand-in.zip"), 0, 16)) && local.digest == substr(sha256(jsonencode([aws_s3_object.archive.key, local.image, local.environment, var.instance_type, var.kms_key_arn])), 0, 12)
    error_message = "Another archive needs another key, and names of another digest."
  }

  assert {
    condition     = endswith(aws_sagemaker_model.this.name, local.digest) && endswith(aws_sagemaker_endpoint_configuration.this.name, local.digest) && aws_sagemaker_endpoint.this.name == "deeplens-test-faces"
    error_message = "The endpoint keeps its name, and gets a model and a configuration of others."
  }
}

# SageMaker takes 63 characters, IAM 64.
run "endpoint_with_the_longest_names" {
  command = plan
  module { source = "./modules/endpoint" }
  variables { name = "deeplens-0123456789-0123456789-0" }

  assert {
    condition     = alltrue([for name in [aws_sagemaker_model.this.name, aws_sagemaker_endpoint.this.name, aws_sagemaker_endpoint_configuration.this.name, aws_iam_role.this.name] : length(name) <= 63])
    error_message = "A name is too long."
  }
}
