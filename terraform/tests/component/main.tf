# The module greengrass alone, for tests/terraform: what it would give to CloudFormation and S3.

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

variable "wheel" {
  description = "As in the module."
  type        = string
}

variable "settings" {
  description = "As in the module."
  type        = map(string)
}

module "greengrass" {
  source = "../../modules/greengrass"

  account         = { id = "123456789012", partition = "aws", region = "us-east-1" }
  name            = "deeplens-test"
  certificates    = { hall-1 = "arn:aws:iot:us-east-1:123456789012:cert/1" }
  thing_group_arn = "arn:aws:iot:us-east-1:123456789012:thinggroup/deeplens-test-cameras"
  role_name       = "deeplens-test-camera"
  bucket_name     = "deeplens-test-crops"
  wheel           = var.wheel
  settings        = var.settings
  kms_key_arn     = null
}
