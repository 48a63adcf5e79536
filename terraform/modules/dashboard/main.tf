# The chart. Widgets name their metrics: a new one may take 15 minutes to be found by a search. Only
# objects are searched for, since it is their model that names them.

locals {
  emotions = ["HAPPY", "CALM", "SURPRISED", "CONFUSED", "SAD", "FEAR", "ANGRY", "DISGUSTED", "UNKNOWN"]
  colours = {
    HAPPY = "#ffbf00", CALM = "#2ca02c", SURPRISED = "#ff7f0e", CONFUSED = "#9467bd", SAD = "#1f77b4"
    FEAR  = "#17becf", ANGRY = "#d62728", DISGUSTED = "#8c564b", UNKNOWN = "#7f7f7f"
  }

  # CloudWatch takes 2,500 metrics a dashboard, and people fewer charts. All cameras have alarms.
  charted = slice(sort(tolist(var.cameras)), 0, min(100, length(var.cameras)))

  overview = [
    {
      title  = "Emotions over time: average confidence of the faces that show one"
      width  = 24
      yAxis  = { left = { min = 0, max = 100 } }
      metric = [for type in local.emotions : [var.namespace, type, { color = local.colours[type] }]]
    },
    {
      # Of all confidence counted, that of each emotion.
      title   = "Share of each emotion"
      width   = 12
      stacked = true
      yAxis   = { left = { min = 0, max = 100 } }
      metric = concat(
        [for type in local.emotions : [{ expression = "100 * FILL(m_${lower(type)}, 0) / total", label = type, id = "share_${lower(type)}", color = local.colours[type] }]],
        [[{ expression = "SUM(FILL(METRICS(\"m_\"), 0))", id = "total", visible = false }]],
        [for type in local.emotions : [var.namespace, type, { id = "m_${lower(type)}", stat = "Sum", visible = false }]],
      )
    },
    {
      title = "Faces scored: all, and by camera"
      width = 12
      stat  = "Sum"
      yAxis = { left = { min = 0 } }
      metric = concat(
        [[var.namespace, "FacesScored", { label = "all", color = "#7f7f7f" }]],
        [for camera in local.charted : [var.namespace, "FacesScored", "Camera", camera, { label = camera }]],
      )
    },
    {
      title  = "Objects seen, by label; none where models look for faces alone"
      width  = 24
      stat   = "Sum"
      yAxis  = { left = { min = 0 } }
      metric = [[{ expression = "SEARCH('{\"${var.namespace}\",Label} MetricName=\"ObjectsSeen\"', 'Sum')", id = "objects", label = "$${PROP('Dim.Label')}" }]]
    },
  ]

  cameras = [
    for camera in local.charted : {
      title  = "Emotions at ${camera}"
      width  = 8
      yAxis  = { left = { min = 0, max = 100 } }
      metric = [for type in local.emotions : [var.namespace, type, "Camera", camera, { color = local.colours[type], label = type }]]
    }
  ]

  function = ["FunctionName", var.function_name, "Resource", "${var.function_name}:${var.function_alias}"]

  health = concat(
    [
      {
        title = "Queue: crops waiting, and the oldest's age"
        width = 8
        stat  = "Maximum"
        yAxis = { right = { min = 0, label = "s", showUnits = false } }
        metric = [
          ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.queue_name, { label = "waiting" }],
          ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "QueueName", var.queue_name, { label = "being scored" }],
          ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.dead_letter_name, { label = "dead letters", color = "#d62728" }],
          ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", var.queue_name, { label = "age", yAxis = "right" }],
        ]
      },
      {
        title = "Scorer: runs, errors, throttles"
        width = 8
        stat  = "Sum"
        metric = [
          concat(["AWS/Lambda", "Invocations"], local.function, [{ label = "runs" }]),
          concat(["AWS/Lambda", "Errors"], local.function, [{ label = "errors", color = "#d62728" }]),
          concat(["AWS/Lambda", "Throttles"], local.function, [{ label = "throttles", color = "#ff7f0e" }]),
        ]
      },
      {
        title = "Scorer: time of a run, and how many at once"
        width = 8
        yAxis = { right = { min = 0, label = "at once", showUnits = false } }
        metric = [
          concat(["AWS/Lambda", "Duration"], local.function, [{ label = "median", stat = "p50" }]),
          concat(["AWS/Lambda", "Duration"], local.function, [{ label = "95 %", stat = "p95" }]),
          concat(["AWS/Lambda", "ConcurrentExecutions"], local.function, [{ label = "at once", stat = "Maximum", yAxis = "right" }]),
        ]
      },
    ],
    [
      for figure in [
        { metric = "fps", title = "Cameras: frames looked at per second", stat = "Average" },
        { metric = "spool_depth", title = "Cameras: crops waiting to be uploaded", stat = "Maximum" },
        ] : {
        title  = figure.title
        width  = 12
        stat   = figure.stat
        yAxis  = { left = { min = 0 } }
        metric = [for camera in local.charted : [local.health_namespace, "${figure.metric} ${camera}", { label = camera }]]
      } if length(local.charted) > 0
    ],
  )

  # Without places, CloudWatch lays widgets out by itself, from left to right.
  charts = [
    for chart in concat(local.overview, local.cameras, local.health) : {
      type   = "metric"
      width  = chart.width
      height = 7
      properties = {
        title   = chart.title
        region  = var.account.region
        view    = "timeSeries"
        stacked = try(chart.stacked, false)
        period  = 60
        stat    = try(chart.stat, "Average")
        yAxis   = try(chart.yAxis, {})
        metrics = chart.metric
      }
    }
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = concat(
      [{
        type   = "text"
        width  = 24
        height = 2
        properties = {
          markdown = join("\n", compact([
            "Emotions read off faces are guesses, and people have a right to know of them.",
            length(var.cameras) > length(local.charted) ? "Charts are of ${length(local.charted)} of ${length(var.cameras)} cameras; alarms of all." : "",
          ]))
        }
      }],
      local.charts,
      [{
        type       = "alarm"
        width      = 24
        height     = 3
        properties = { title = "Alarms", alarms = slice(local.alarm_arns, 0, min(100, length(local.alarm_arns))) }
      }],
    )
  })
}
