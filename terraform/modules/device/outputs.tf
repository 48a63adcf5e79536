output "role_alias" {
  description = "Role alias that cameras ask credentials of."
  value       = aws_iot_role_alias.camera.alias
}

output "role_name" {
  description = "The role behind it."
  value       = aws_iam_role.camera.name
}

output "credentials_endpoint" {
  description = "Where they ask."
  value       = data.aws_iot_endpoint.credentials.endpoint_address
}

output "messages_endpoint" {
  description = "Where they publish, by MQTT."
  value       = data.aws_iot_endpoint.messages.endpoint_address
}

output "certificates" {
  description = "Each camera's certificate, PEM."
  value       = { for name, certificate in aws_iot_certificate.camera : name => certificate.certificate_pem }
  sensitive   = true
}

output "certificate_ids" {
  description = "Their ids, to revoke one by."
  value       = { for name, certificate in aws_iot_certificate.camera : name => certificate.id }
  sensitive   = true
}

output "certificate_arns" {
  description = "The same, for policies to be attached to."
  value       = { for name, certificate in aws_iot_certificate.camera : name => certificate.arn }
}

output "thing_arns" {
  description = "Each camera's thing."
  value       = { for name, thing in aws_iot_thing.camera : name => thing.arn }
}

output "thing_group_arn" {
  description = "The group of all cameras."
  value       = aws_iot_thing_group.cameras.arn
}

output "policy_name" {
  description = "The policy of all certificates."
  value       = aws_iot_policy.camera.name
}

output "edge_function_arn" {
  description = "The published version of the edge function."
  value       = aws_lambda_function.edge.qualified_arn
}
