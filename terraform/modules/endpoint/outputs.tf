output "endpoint_name" {
  description = "The endpoint, once it answers and cameras may ask it."
  value       = local.endpoint_name
  depends_on  = [aws_iam_role_policy.invoke, aws_sagemaker_endpoint.this]
}
