output "role_arn" {
  description = "The role that SageMaker trains with, once it may."
  value       = local.role_arn
  depends_on  = [aws_iam_role_policy.this]
}

output "trainer_policy_arn" {
  description = "The policy for whoever trains."
  value       = aws_iam_policy.trainer.arn
}
