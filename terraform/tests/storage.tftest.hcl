# Rendered and planned by the real provider, which calls no API for it: policies are made of names.

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

variables {
  account     = { id = "123456789012", partition = "aws", region = "us-east-1" }
  bucket_name = "deeplens-test-crops"
  table_name  = "rekognize-faces"
  queue_arn   = "arn:aws:sqs:us-east-1:123456789012:deeplens-test-crops"
  crop_days   = 1
  record_days = 30
  feedback    = null
  kms_key_arn = null
}

run "storage" {
  command = plan
  module { source = "./modules/storage" }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.bucket.json)) == jsonencode(jsondecode(file("tests/golden/storage-bucket.json")))
    error_message = "storage-bucket.json is not what is rendered: ${data.aws_iam_policy_document.bucket.json}"
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.crops.block_public_acls,
      aws_s3_bucket_public_access_block.crops.block_public_policy,
      aws_s3_bucket_public_access_block.crops.ignore_public_acls,
      aws_s3_bucket_public_access_block.crops.restrict_public_buckets,
      aws_s3_bucket_ownership_controls.crops.rule[0].object_ownership == "BucketOwnerEnforced",
    ])
    error_message = "The bucket is not private."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.crops.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "Without a key, S3's own encrypts."
  }

  assert {
    condition     = { for rule in aws_s3_bucket_lifecycle_configuration.crops.rule : rule.filter[0].prefix => rule.expiration[0].days if length(rule.expiration) > 0 } == { "faces/" = 1, "batch/" = 30 }
    error_message = "Crops and files of batch jobs expire."
  }

  assert {
    condition     = aws_s3_bucket_notification.crops.queue[0].filter_prefix == "faces/" && aws_s3_bucket_notification.crops.queue[0].events == toset(["s3:ObjectCreated:*"])
    error_message = "The queue is told of every new object under faces/."
  }

  assert {
    condition     = aws_dynamodb_table.records.hash_key == "s3key" && one(aws_dynamodb_table.records.global_secondary_index).name == "by-camera" && one(aws_dynamodb_table.records.ttl).attribute_name == "expires_at"
    error_message = "Programs in the field know the table's key, index and time to live by these names."
  }
}

run "storage_with_a_key" {
  command = plan
  module { source = "./modules/storage" }
  variables { kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555" }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.crops.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arn && one(aws_s3_bucket_server_side_encryption_configuration.crops.rule).bucket_key_enabled
    error_message = "The bucket does not use the key."
  }

  assert {
    condition     = one(aws_dynamodb_table.records.server_side_encryption).kms_key_arn == var.kms_key_arn
    error_message = "The table does not use the key."
  }
}

run "storage_with_feedback" {
  command = plan
  module { source = "./modules/storage" }
  variables { feedback = { prefixes = ["labels/new", "feedback"], days = 7 } }

  assert {
    condition     = { for rule in aws_s3_bucket_lifecycle_configuration.crops.rule : rule.filter[0].prefix => rule.expiration[0].days if length(rule.expiration) > 0 } == { "faces/" = 1, "batch/" = 30, "feedback/" = 7, "labels/new/" = 7 }
    error_message = "Frames to be labelled expire too, under each of their prefixes."
  }
}
