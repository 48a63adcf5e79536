# Faces found in the cloud: frames in, faces out, by SageMaker's own serving toolkit, and crops put
# where cameras put theirs.

locals {
  bucket_arn    = "arn:${var.account.partition}:s3:::${var.bucket_name}"
  endpoint_name = "${var.name}-faces"
  endpoint_arn  = "arn:${var.account.partition}:sagemaker:${var.account.region}:${var.account.id}:endpoint/${local.endpoint_name}"
  archive_key   = "models/endpoint/${substr(filesha256(var.archive), 0, 16)}/model.tar.gz"

  image = var.image == null ? data.aws_sagemaker_prebuilt_ecr_image.cpu[0].registry_path : var.image

  environment = merge(var.settings, var.crops ? { FACEPIPE_BUCKET = var.bucket_name } : {}, {
    SAGEMAKER_PROGRAM = "sagemaker_entry.py"

    # Who is who from frame to frame is known in the memory of the process, so that there is one of
    # it. See also initial_instance_count.
    SAGEMAKER_MODEL_SERVER_WORKERS = "1"
  })

  # A model and a configuration cannot be changed: what is in them is in their names.
  digest = substr(sha256(jsonencode([local.archive_key, local.image, local.environment, var.instance_type, var.kms_key_arn])), 0, 12)
}

# AWS Deep Learning Containers; the tag without a date gets AWS's security patches. Python 3.12.
data "aws_sagemaker_prebuilt_ecr_image" "cpu" {
  count = var.image == null ? 1 : 0

  repository_name = "pytorch-inference"
  image_tag       = "2.6.0-cpu-py312-ubuntu22.04-sagemaker"
}

resource "aws_s3_object" "archive" {
  #checkov:skip=CKV_AWS_186:The bucket encrypts it, as it does crops
  bucket = var.bucket_name
  key    = local.archive_key
  source = var.archive

  # The last archive goes once the endpoint has the next one.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_sagemaker_model" "this" {
  #checkov:skip=CKV_AWS_370:It may put crops into the bucket, and installs what the archive's requirements.txt names
  name               = "${var.name}-${local.digest}"
  execution_role_arn = aws_iam_role.this.arn

  primary_container {
    image          = local.image
    model_data_url = "s3://${aws_s3_object.archive.bucket}/${aws_s3_object.archive.key}"
    environment    = local.environment
  }

  # SageMaker asks the role for the archive at once.
  depends_on = [aws_iam_role_policy.this]

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_sagemaker_endpoint_configuration" "this" {
  name        = "${var.name}-${local.digest}"
  kms_key_arn = var.kms_key_arn

  production_variants {
    variant_name  = "AllTraffic"
    model_name    = aws_sagemaker_model.this.name
    instance_type = var.instance_type

    # Of two, each would know half of a camera's frames, and send everybody twice.
    initial_instance_count = 1
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:Lines name cameras and times, and are kept no longer than is useful
  name              = local.log_group
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

# One configuration takes the place of another while the endpoint goes on answering.
resource "aws_sagemaker_endpoint" "this" {
  name                 = local.endpoint_name
  endpoint_config_name = aws_sagemaker_endpoint_configuration.this.name

  # SageMaker would make the log group by itself, for ever.
  depends_on = [aws_cloudwatch_log_group.this]
}
