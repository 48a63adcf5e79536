output "bucket_name" {
  description = "The bucket, once it is private, encrypted and told where to send news."
  value       = var.bucket_name
  depends_on = [
    aws_s3_bucket_notification.crops,
    aws_s3_bucket_policy.crops,
    aws_s3_bucket_server_side_encryption_configuration.crops,
  ]
}

output "table_arn" {
  description = "The table of records."
  value       = local.table_arn
  depends_on  = [aws_dynamodb_table.records]
}
