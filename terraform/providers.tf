# The same for AWS and for an emulator: AWS_ENDPOINT_URL in the environment is the only difference.
provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Project   = var.name
      ManagedBy = "terraform"
    }
  }
}
