output "function_name" {
  description = "The function."
  value       = local.function_name
}

output "alias" {
  description = "Its version in use."
  value       = local.alias
}

output "function_arn" {
  description = "The version in use, for S3 Batch Operations and other callers."
  value       = "${local.function_arn}:${local.alias}"
  depends_on  = [aws_lambda_alias.live]
}

output "batch_role_arn" {
  description = "Role for S3 Batch Operations; null when batch_rescoring is off."
  value       = one([for role in aws_iam_role.batch : role.arn])
}

output "log_group_name" {
  description = "Where its log lines go."
  value       = local.log_group_name
}

# AWS Lambda Developer Guide, "Creating and configuring an Amazon SQS event source mapping": six
# times the timeout, and the window.
output "visibility_timeout_seconds" {
  description = "How long the queue must hide a message that the function was given."
  value       = 6 * local.timeout_seconds + local.batch_window_seconds
}
