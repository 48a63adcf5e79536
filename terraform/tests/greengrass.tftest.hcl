# Rendered and planned by the real provider, which calls no API for it: policies are made of names.
# That the stack is one that CloudFormation takes, cfn-lint says: see tests/terraform.

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
  certificates    = { hall-1 = "arn:aws:iot:us-east-1:123456789012:cert/1", hall-2 = "arn:aws:iot:us-east-1:123456789012:cert/2" }
  thing_group_arn = "arn:aws:iot:us-east-1:123456789012:thinggroup/deeplens-test-cameras"
  role_name       = "deeplens-test-camera"
  bucket_name     = "deeplens-test-crops"
  wheel           = "tests/fixtures/wheels/facepipe-0.1.0-py3-none-any.whl"
  settings        = {}
  kms_key_arn     = null
}

run "greengrass" {
  command = plan
  module { source = "./modules/greengrass" }

  # The golden file has no version: it is made of the recipe's digest.
  assert {
    condition     = jsonencode(jsondecode(replace(data.aws_iam_policy_document.artifacts.json, local.component_version, "0.1.0"))) == jsonencode(jsondecode(file("tests/golden/greengrass-artifacts.json")))
    error_message = "greengrass-artifacts.json is not what is rendered: ${data.aws_iam_policy_document.artifacts.json}"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.core["hall-1"].json)) == jsonencode(jsondecode(file("tests/golden/greengrass-core.json")))
    error_message = "greengrass-core.json is not what is rendered: ${data.aws_iam_policy_document.core["hall-1"].json}"
  }

  assert {
    condition     = replace(data.aws_iam_policy_document.core["hall-1"].json, "hall-1", "hall-2") == data.aws_iam_policy_document.core["hall-2"].json
    error_message = "Two cameras' policies must differ in their names alone."
  }

  assert {
    condition     = alltrue([for camera in ["hall-1", "hall-2"] : aws_iot_policy_attachment.core[camera].policy == "deeplens-test-core-${camera}" && aws_iot_policy_attachment.core[camera].target == var.certificates[camera]])
    error_message = "A policy is not attached to its camera's certificate."
  }

  assert {
    condition     = can(regex("^0\\.1\\.[0-9]{1,9}$", local.component_version)) && output.component.arn == "arn:aws:greengrass:us-east-1:123456789012:components:deeplens-test-camera:versions:${local.component_version}"
    error_message = "The component's version is ${local.component_version}, its ARN ${output.component.arn}."
  }

  assert {
    condition     = jsondecode(jsondecode(aws_cloudformation_stack.this.template_body).Resources.Component.Properties.InlineRecipe).Manifests[0].Artifacts[*].URI == [for artifact in aws_s3_object.artifact : "s3://${artifact.bucket}/${artifact.key}"]
    error_message = "The recipe names other files than are in the bucket."
  }

  assert {
    condition     = jsondecode(aws_cloudformation_stack.this.template_body).Resources.Deployment.Properties.TargetArn == var.thing_group_arn
    error_message = "The component is not deployed to the cameras."
  }

  assert {
    condition     = !strcontains(aws_cloudformation_stack.this.template_body, "@version@")
    error_message = "The recipe is without its version somewhere."
  }
}

run "greengrass_with_a_key" {
  command = plan
  module { source = "./modules/greengrass" }
  variables { kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555" }

  assert {
    condition     = jsonencode(jsondecode(replace(data.aws_iam_policy_document.artifacts.json, local.component_version, "0.1.0"))) == jsonencode(jsondecode(file("tests/golden/greengrass-artifacts-with-key.json")))
    error_message = "greengrass-artifacts-with-key.json is not what is rendered: ${data.aws_iam_policy_document.artifacts.json}"
  }

  assert {
    condition     = output.component.version == run.greengrass.component.version
    error_message = "What changes nothing on the cameras must not be rolled out to them."
  }
}

run "greengrass_with_other_settings" {
  command = plan
  module { source = "./modules/greengrass" }
  variables { settings = { FACEPIPE_SOURCE = "rtsp://192.0.2.7/stream", FACEPIPE_MAX_FPS = "5" } }

  assert {
    condition     = output.component.version != run.greengrass.component.version
    error_message = "Greengrass keeps a version as it is, so that another setting needs another version."
  }

  assert {
    condition = jsondecode(jsondecode(aws_cloudformation_stack.this.template_body).Resources.Component.Properties.InlineRecipe).ComponentConfiguration.DefaultConfiguration.environment == {
      AWS_DEFAULT_REGION = "us-east-1"
      FACEPIPE_BUCKET    = "deeplens-test-crops"
      FACEPIPE_BUS       = "greengrass"
      FACEPIPE_MAX_FPS   = "5"
      FACEPIPE_SOURCE    = "rtsp://192.0.2.7/stream"
    }
    error_message = "A setting is not in the component's configuration."
  }
}

run "greengrass_with_another_wheel" {
  command = plan
  module { source = "./modules/greengrass" }
  variables { wheel = "tests/fixtures/wheels/facepipe-2.13.0.dev1-py3-none-any.whl" }

  assert {
    condition     = startswith(output.component.version, "2.13.") && split(".", output.component.version)[2] != split(".", run.greengrass.component.version)[2]
    error_message = "Another wheel needs another version, of which it has the first two numbers; it has ${output.component.version}."
  }
}

# As long as anything may be: AWS IoT takes 2,048 characters of a policy, and 128 of its name.
run "greengrass_with_the_longest_names" {
  command = plan
  module { source = "./modules/greengrass" }
  variables {
    account      = { id = "123456789012", partition = "aws-us-gov", region = "ap-northeast-1" }
    name         = "deeplens-0123456789-0123456789-0"
    certificates = { (join("", [for n in range(64) : "c"])) = "arn:aws:iot:us-east-1:123456789012:cert/1" }
  }

  assert {
    condition     = alltrue([for policy in aws_iot_policy.core : length(jsonencode(jsondecode(policy.policy))) <= 2048 && length(policy.name) <= 128])
    error_message = "AWS IoT would refuse a policy of ${join(", ", [for policy in aws_iot_policy.core : length(jsonencode(jsondecode(policy.policy)))])} characters."
  }
}

run "greengrass_without_cameras" {
  command = plan
  module { source = "./modules/greengrass" }
  variables { certificates = {} }

  assert {
    condition     = length(aws_iot_policy.core) == 0 && output.component.version == run.greengrass.component.version
    error_message = "With no camera yet, the component must be there, and the same."
  }
}
