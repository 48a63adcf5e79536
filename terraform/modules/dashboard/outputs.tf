output "name" {
  description = "The dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "topic_arn" {
  description = "The topic that alarms go to."
  value       = aws_sns_topic.alarms.arn
}

output "health_namespace" {
  description = "CloudWatch namespace of the cameras' health."
  value       = local.health_namespace
}
