# What the provider would answer where its own checks, or ours, want a value of a certain form.

mock_data "aws_caller_identity" {
  defaults = { account_id = "123456789012" }
}

mock_data "aws_partition" {
  defaults = { partition = "aws" }
}

mock_data "aws_iam_policy_document" {
  defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
}

mock_data "aws_iot_endpoint" {
  defaults = { endpoint_address = "example.iot.us-east-1.amazonaws.com" }
}

mock_data "aws_sagemaker_prebuilt_ecr_image" {
  defaults = { registry_path = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:mock" }
}

mock_resource "aws_iam_role" {
  defaults = { arn = "arn:aws:iam::123456789012:role/mock" }
}

mock_resource "aws_iot_certificate" {
  defaults = { arn = "arn:aws:iot:us-east-1:123456789012:cert/mock", certificate_pem = "mock" }
}

mock_resource "aws_lambda_alias" {
  defaults = { arn = "arn:aws:lambda:us-east-1:123456789012:function:mock:live" }
}

mock_resource "aws_lambda_function" {
  defaults = { arn = "arn:aws:lambda:us-east-1:123456789012:function:mock", version = "1" }
}

mock_resource "aws_sns_topic" {
  defaults = { arn = "arn:aws:sns:us-east-1:123456789012:mock" }
}

mock_resource "aws_sqs_queue" {
  defaults = { arn = "arn:aws:sqs:us-east-1:123456789012:mock" }
}
