# What somebody should know of: crops that nobody scores, and cameras that no longer look.

locals {
  alarm_prefix = "arn:${var.account.partition}:cloudwatch:${var.account.region}:${var.account.id}:alarm"

  queue_metric = { namespace = "AWS/SQS", dimensions = { QueueName = var.queue_name } }
  function_metric = {
    namespace  = "AWS/Lambda"
    dimensions = { FunctionName = var.function_name, Resource = "${var.function_name}:${var.function_alias}" }
  }

  alarms = {
    dead-letters = {
      description = "Crops failed five times; their messages are in ${var.dead_letter_name}, and the log says why."
      namespace   = "AWS/SQS"
      dimensions  = { QueueName = var.dead_letter_name }
      metric      = "ApproximateNumberOfMessagesVisible"
      statistic   = "Maximum"
      period      = 60
      threshold   = 0
    }
    queue-age = merge(local.queue_metric, {
      description = "A crop has waited for 15 minutes: the scorer fails, or max_concurrency is too low."
      metric      = "ApproximateAgeOfOldestMessage"
      statistic   = "Maximum"
      period      = 60
      threshold   = 900
    })
    scorer-errors = merge(local.function_metric, {
      description = "The scorer broke down or ran out of time; see its log."
      metric      = "Errors"
      statistic   = "Sum"
      period      = 300
      threshold   = 0
    })
    scorer-throttles = merge(local.function_metric, {
      description = "The account's Lambda concurrency is used up, so that crops wait."
      metric      = "Throttles"
      statistic   = "Sum"
      period      = 300
      threshold   = 0
    })
  }

  watched = var.silent_minutes == null ? toset([]) : var.cameras

  # By name, as AWS makes them, so that the dashboard knows them at plan.
  alarm_arns = concat(
    [for name in keys(local.alarms) : "${local.alarm_prefix}:${var.name}-${name}"],
    [for camera in sort(tolist(local.watched)) : "${local.alarm_prefix}:${var.name}-silent-${camera}"],
  )
}

resource "aws_cloudwatch_metric_alarm" "pipeline" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = 1
  threshold           = each.value.threshold
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# One figure tells both ways of going blind: no message, and messages of no frames.
resource "aws_cloudwatch_metric_alarm" "silent" {
  for_each = local.watched

  alarm_name          = "${var.name}-silent-${each.key}"
  alarm_description   = "The camera ${each.key} has sent no message, or seen no frame, for ${var.silent_minutes} minutes."
  namespace           = local.health_namespace
  metric_name         = "fps ${each.key}"
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = var.silent_minutes
  threshold           = 0
  comparison_operator = "LessThanOrEqualToThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
