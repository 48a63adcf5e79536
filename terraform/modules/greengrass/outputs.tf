output "component" {
  description = "The component: its ARN, name and version."
  value = {
    arn     = "arn:${var.account.partition}:greengrass:${var.account.region}:${var.account.id}:components:${local.component_name}:versions:${local.component_version}"
    name    = local.component_name
    version = local.component_version
  }
  depends_on = [aws_cloudformation_stack.this]
}
