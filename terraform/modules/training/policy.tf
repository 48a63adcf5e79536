# IfExists, for AWS does not say that every part of SageMaker sends these.
data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "LetSageMakerTrain"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["sagemaker.amazonaws.com"]
    }

    condition {
      test     = "StringEqualsIfExists"
      variable = "aws:SourceAccount"
      values   = [var.account.id]
    }
  }
}

# Nothing to pull the algorithm's image with: SageMaker does so with an account of its own
# (AlgorithmSpecification, Amazon SageMaker API Reference).
data "aws_iam_policy_document" "training" {
  statement {
    sid       = "ReadDataSets"
    actions   = ["s3:GetObject"]
    resources = ["${local.bucket_arn}/datasets/*"]
  }

  statement {
    sid       = "ListDataSets"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["datasets/*"]
    }
  }

  statement {
    sid       = "WriteModels"
    actions   = ["s3:PutObject"]
    resources = ["${local.bucket_arn}/training/*"]
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = [local.log_group_arn, "${local.log_group_arn}:*"]
  }

  # CloudWatch knows no resources; the condition names the namespace.
  statement {
    sid       = "ChartTheTraining"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = ["/aws/sagemaker/TrainingJobs"]
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "DecryptDataSetsAndEncryptModels"
      actions   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${var.account.region}.amazonaws.com"]
      }
    }
  }

  # For the disk of an instance.
  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "EncryptTheDisk"
      actions   = ["kms:CreateGrant"]
      resources = [statement.value]

      condition {
        test     = "Bool"
        variable = "kms:GrantIsForAWSResource"
        values   = ["true"]
      }
    }
  }
}

# For people, or for what runs facepipe for them: attach it to their role.
data "aws_iam_policy_document" "trainer" {
  statement {
    sid = "RunJobs"
    actions = [
      "sagemaker:AddTags",
      "sagemaker:CreateHyperParameterTuningJob",
      "sagemaker:CreateTrainingJob",
      "sagemaker:DescribeHyperParameterTuningJob",
      "sagemaker:DescribeTrainingJob",
      "sagemaker:StopHyperParameterTuningJob",
      "sagemaker:StopTrainingJob",
    ]
    resources = [
      "${local.sagemaker}:hyper-parameter-tuning-job/deeplens-*",
      "${local.sagemaker}:training-job/deeplens-*",
    ]
  }

  statement {
    sid       = "GiveJobsTheirRole"
    actions   = ["iam:PassRole"]
    resources = [local.role_arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["sagemaker.amazonaws.com"]
    }
  }

  statement {
    sid       = "ReadTheLog"
    actions   = ["logs:FilterLogEvents"]
    resources = [local.log_group_arn, "${local.log_group_arn}:*"]
  }

  statement {
    sid       = "PutDataSetsAndModels"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${local.bucket_arn}/datasets/*", "${local.bucket_arn}/models/*"]
  }

  statement {
    sid       = "FetchTrainedModels"
    actions   = ["s3:GetObject"]
    resources = ["${local.bucket_arn}/training/*"]
  }

  # Without it, S3 tells of what is missing as of what is forbidden.
  statement {
    sid       = "SeeWhatIsThere"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["datasets/*", "models/*", "training/*"]
    }
  }

  # What the endpoint serves is code that runs as the endpoint.
  statement {
    sid       = "LeaveTheEndpointItsModel"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${local.bucket_arn}/models/endpoint/*"]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "EncryptAndDecrypt"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${var.account.region}.amazonaws.com"]
      }
    }
  }
}
