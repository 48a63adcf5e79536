# facepipe as a component of AWS IoT Greengrass V2, deployed to all cameras. The provider knows
# nothing of Greengrass; CloudFormation does.

resource "aws_s3_object" "artifact" {
  #checkov:skip=CKV_AWS_186:The bucket encrypts it, as it does crops
  for_each = local.artifacts

  bucket = var.bucket_name
  key    = local.artifact_keys[each.key]
  source = each.value

  # The last version's files go once the cameras are told of the next one.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudformation_stack" "this" {
  #checkov:skip=CKV_AWS_124:Terraform waits for it, and says what came of it
  name = "${var.name}-greengrass"

  template_body = jsonencode({
    AWSTemplateFormatVersion = "2010-09-09"
    Description              = "The component of ${var.name}'s cameras, and its deployment"

    Resources = {
      Component = {
        Type       = "AWS::GreengrassV2::ComponentVersion"
        Properties = { InlineRecipe = replace(local.recipe, "@version@", local.component_version) }
      }
      Deployment = {
        Type      = "AWS::GreengrassV2::Deployment"
        DependsOn = "Component"
        Properties = {
          DeploymentName = "${var.name}-cameras"
          TargetArn      = var.thing_group_arn
          Components = {
            (local.component_name) = {
              ComponentVersion = local.component_version
              # A device keeps the configuration that it has; this makes it take the new version's.
              ConfigurationUpdate = { Reset = [""] }
            }
          }
          DeploymentPolicies = { FailureHandlingPolicy = "ROLLBACK" }
        }
      }
    }
  })

  depends_on = [aws_iam_role_policy.artifacts, aws_iot_policy_attachment.core, aws_s3_object.artifact]
}
