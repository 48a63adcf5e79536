# For a device.

output "region" {
  description = "Region of everything; a device's AWS_DEFAULT_REGION."
  value       = var.region
}

output "bucket" {
  description = "Bucket for crops; a device's FACEPIPE_BUCKET."
  value       = module.storage.bucket_name
}

output "role_alias" {
  description = "Role alias with which a device asks for credentials."
  value       = module.device.role_alias
}

output "credentials_endpoint" {
  description = "Host that gives a device credentials: https://HOST/role-aliases/ALIAS/credentials, with its certificate and the header x-amzn-iot-thingname."
  value       = module.device.credentials_endpoint
}

output "messages_endpoint" {
  description = "Host that a device publishes messages to: MQTT with its certificate, port 8883. The MQTT client id must be the thing's name; any other is refused."
  value       = module.device.messages_endpoint
}

output "camera_certificates" {
  description = "Each camera's certificate, PEM, to be put beside its key: terraform output -json camera_certificates."
  value       = module.device.certificates
  sensitive   = true
}

output "camera_certificate_ids" {
  description = "Their ids in AWS IoT: aws iot update-certificate --new-status INACTIVE --certificate-id ... revokes one until the next apply, which goes by revoked_cameras."
  value       = module.device.certificate_ids
  sensitive   = true
}

output "camera_things" {
  description = "Each camera's thing, by ARN."
  value       = module.device.thing_arns
}

output "camera_group" {
  description = "Thing group of all cameras, by ARN."
  value       = module.device.thing_group_arn
}

output "edge_function" {
  description = "Published version of the edge function, by ARN."
  value       = module.device.edge_function_arn
}

output "greengrass_component" {
  description = "Greengrass component of the cameras: ARN, name and version; null unless greengrass."
  value       = one(module.greengrass[*].component)
}

output "endpoint_name" {
  description = "SageMaker endpoint that finds faces; a device's FACEPIPE_ENDPOINT. Null unless endpoint."
  value       = one(module.endpoint[*].endpoint_name)
}

output "video_streams" {
  description = "Each camera's stream in Kinesis Video Streams, by name; kvs:// and the name is a FACEPIPE_SOURCE. Empty unless video."
  value       = var.video == null ? {} : module.video[0].streams
}

# For an operator.

output "dashboard_url" {
  description = "The dashboard."
  value       = "${local.console}/cloudwatch/home?region=${var.region}#dashboards:name=${module.dashboard.name}"
}

output "alarm_topic_arn" {
  description = "Topic that alarms go to, to subscribe to."
  value       = module.dashboard.topic_arn
}

output "table" {
  description = "DynamoDB table of the records."
  value       = var.table_name
}

output "namespace" {
  description = "CloudWatch namespace of the emotions."
  value       = var.namespace
}

output "health_namespace" {
  description = "CloudWatch namespace of the cameras' health."
  value       = module.dashboard.health_namespace
}

output "queue_url" {
  description = "Queue of new crops."
  value       = module.queue.url
}

output "dead_letter_url" {
  description = "Queue of messages that failed five times."
  value       = module.queue.dead_letter_url
}

output "scorer_function" {
  description = "The cloud function."
  value       = module.scorer.function_name
}

output "scorer_arn" {
  description = "Its version in use, for S3 Batch Operations and other callers."
  value       = module.scorer.function_arn
}

output "scorer_log_group" {
  description = "Where its log lines go: aws logs tail ... follows them."
  value       = module.scorer.log_group_name
}

output "batch_role_arn" {
  description = "Role for jobs of S3 Batch Operations; null unless batch_rescoring."
  value       = module.scorer.batch_role_arn
}

output "training_role_arn" {
  description = "Role that SageMaker trains with, for `facepipe train`; null unless training."
  value       = one(module.training[*].role_arn)
}

output "trainer_policy_arn" {
  description = "Policy to be attached to whoever runs `facepipe dataset`, `train` and `deploy`; null unless training."
  value       = one(module.training[*].trainer_policy_arn)
}

output "kms_key_arn" {
  description = "Key that encrypts, for `facepipe train`; null without one."
  value       = var.kms_key_arn
}

output "kms_key_statements" {
  description = "What the policy of kms_key_arn must hold, before the first apply; null without a key."
  value       = var.kms_key_arn == null ? null : jsondecode(data.aws_iam_policy_document.kms.json).Statement
}
