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
  account          = { id = "123456789012", partition = "aws", region = "us-east-1" }
  name             = "deeplens-test"
  cameras          = ["hall-1", "hall-2"]
  namespace        = "Facepipe"
  queue_name       = "deeplens-test-crops"
  dead_letter_name = "deeplens-test-crops-dead"
  function_name    = "deeplens-test-scorer"
  function_alias   = "live"
  alarm_email      = null
  silent_minutes   = 5
  log_days         = 14
  kms_key_arn      = null
}

run "dashboard" {
  command = plan
  module { source = "./modules/dashboard" }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.topic.json)) == jsonencode(jsondecode(file("tests/golden/dashboard-topic.json")))
    error_message = "dashboard-topic.json is not what is rendered: ${data.aws_iam_policy_document.topic.json}"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.health_trust.json)) == jsonencode(jsondecode(file("tests/golden/dashboard-health_trust.json")))
    error_message = "dashboard-health_trust.json is not what is rendered: ${data.aws_iam_policy_document.health_trust.json}"
  }

  assert {
    condition     = jsonencode(jsondecode(data.aws_iam_policy_document.health.json)) == jsonencode(jsondecode(file("tests/golden/dashboard-health.json")))
    error_message = "dashboard-health.json is not what is rendered: ${data.aws_iam_policy_document.health.json}"
  }

  assert {
    condition = alltrue([
      for type in ["HAPPY", "SAD", "ANGRY", "CONFUSED", "DISGUSTED", "SURPRISED", "CALM", "FEAR", "UNKNOWN"] :
      strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "[\"Facepipe\",\"${type}\",{") &&
      strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "[\"Facepipe\",\"${type}\",\"Camera\",\"hall-2\",")
    ])
    error_message = "An emotion is not charted, over all cameras and for each."
  }

  assert {
    condition = alltrue([
      for metric in ["FacesScored\",\"Camera\",\"hall-1", "fps hall-1", "spool_depth hall-1", "ApproximateAgeOfOldestMessage", "Errors", "Throttles", "Duration"] :
      strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "\"${metric}\"")
    ])
    error_message = "The pipeline's health, or a camera's, is not charted."
  }

  assert {
    condition     = contains(flatten([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : try(widget.properties.metrics[0][0].expression, [])]), "SEARCH('{\"Facepipe\",Label} MetricName=\"ObjectsSeen\"', 'Sum')")
    error_message = "Objects are not charted, whatever their labels."
  }

  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.pipeline)) == toset(["dead-letters", "queue-age", "scorer-errors", "scorer-throttles"]) && toset(keys(aws_cloudwatch_metric_alarm.silent)) == toset(["hall-1", "hall-2"])
    error_message = "An alarm is missing."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.silent["hall-1"].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.silent["hall-1"].evaluation_periods == 5
    error_message = "A camera that says nothing for silent_minutes must raise its alarm."
  }

  assert {
    condition = alltrue([
      for camera, alarm in aws_cloudwatch_metric_alarm.silent :
      contains([for metric in aws_iot_topic_rule.health.cloudwatch_metric : "${metric.metric_namespace} ${replace(metric.metric_name, "$${topic(2)}", camera)}"], "${alarm.namespace} ${alarm.metric_name}")
    ])
    error_message = "The alarm watches another metric than the rule makes."
  }

  assert {
    condition     = aws_sns_topic.alarms.kms_master_key_id == null && length(aws_sns_topic_subscription.email) == 0
    error_message = "CloudWatch could not publish under alias/aws/sns, and nobody asked for mail."
  }
}

run "dashboard_with_options" {
  command = plan
  module { source = "./modules/dashboard" }
  variables {
    alarm_email = "ops@example.com"
    kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition     = aws_sns_topic.alarms.kms_master_key_id == var.kms_key_arn && aws_cloudwatch_log_group.health_errors.kms_key_id == var.kms_key_arn
    error_message = "The topic or the log does not use the key."
  }

  assert {
    condition     = aws_sns_topic_subscription.email["ops@example.com"].protocol == "email"
    error_message = "Nobody is mailed."
  }
}

run "dashboard_without_cameras" {
  command = plan
  module { source = "./modules/dashboard" }
  variables { cameras = [] }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.silent) == 0 && strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "HAPPY")
    error_message = "With no camera yet, the rest must be there."
  }
}

run "dashboard_without_silence" {
  command = plan
  module { source = "./modules/dashboard" }
  variables { silent_minutes = null }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.silent) == 0 && !strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "silent") && strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "fps hall-1")
    error_message = "With silent_minutes null, cameras have no alarms, and are charted all the same."
  }
}

run "dashboard_of_many_cameras" {
  command = plan
  module { source = "./modules/dashboard" }
  variables { cameras = [for n in range(120) : "camera-${n}"] }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.silent) == 120
    error_message = "Every camera has an alarm."
  }

  assert {
    condition     = strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "Charts are of 100 of 120 cameras") && length(regexall("camera-\\d+: average confidence", aws_cloudwatch_dashboard.this.dashboard_body)) == 100
    error_message = "CloudWatch takes 2,500 metrics a dashboard, so 100 cameras are charted, and the dashboard says so."
  }

  assert {
    condition     = alltrue([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.x + widget.width <= 24])
    error_message = "A widget is not within CloudWatch's 24 columns."
  }
}
