output "arn" {
  description = "The queue of new crops."
  value       = local.arn
  depends_on  = [aws_sqs_queue.crops]
}

output "name" {
  description = "Its name."
  value       = local.name
}

output "url" {
  description = "Its address."
  value       = aws_sqs_queue.crops.url
}

output "dead_letter_name" {
  description = "Name of the queue of messages that failed five times."
  value       = local.dead_letter_name
}

output "dead_letter_url" {
  description = "Its address."
  value       = aws_sqs_queue.dead.url
}
