# What the endpoint may do, and who may ask it.

locals {
  log_group     = "/aws/sagemaker/Endpoints/${local.endpoint_name}"
  log_group_arn = "arn:${var.account.partition}:logs:${var.account.region}:${var.account.id}:log-group:${local.log_group}"

  # Account, region and repository: 763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:...
  repository     = regex("^([0-9]{12})\\.dkr\\.ecr\\.([a-z0-9-]+)\\.[^/]+/([^:@]+)", local.image)
  repository_arn = "arn:${var.account.partition}:ecr:${local.repository[1]}:${local.repository[0]}:repository/${local.repository[2]}"
}

# IfExists, for AWS does not say that every part of SageMaker sends these.
data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "LetSageMakerRunTheEndpoint"
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

data "aws_iam_policy_document" "endpoint" {
  statement {
    sid       = "ReadItsModel"
    actions   = ["s3:GetObject"]
    resources = ["${local.bucket_arn}/${local.archive_key}"]
  }

  # Of any camera: SageMaker does not know which thing a request is from.
  dynamic "statement" {
    for_each = var.crops ? ["faces"] : []

    content {
      sid       = "PutCrops"
      actions   = ["s3:PutObject"]
      resources = ["${local.bucket_arn}/${statement.value}/*"]
    }
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = ["${local.log_group_arn}:*"]
  }

  # The load of its instance. CloudWatch knows no resources; the condition names the namespace.
  statement {
    sid       = "ChartItsLoad"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = ["/aws/sagemaker/Endpoints"]
    }
  }

  statement {
    sid       = "PullItsImage"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [local.repository_arn]
  }

  # ECR knows no resource for it.
  statement {
    sid       = "LogInToTheRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "DecryptItsModelAndEncryptCrops"
      actions   = var.crops ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${var.account.region}.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role" "this" {
  name               = local.endpoint_name
  description        = "The endpoint, finding faces and putting crops"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "this" {
  name   = "find-faces"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.endpoint.json
}

data "aws_iam_policy_document" "invoke" {
  statement {
    sid       = "AskTheEndpoint"
    actions   = ["sagemaker:InvokeEndpoint"]
    resources = [local.endpoint_arn]
  }
}

resource "aws_iam_role_policy" "invoke" {
  name   = "ask-the-endpoint"
  role   = var.camera_role_name
  policy = data.aws_iam_policy_document.invoke.json
}
