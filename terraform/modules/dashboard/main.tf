# The chart. Widgets name their metrics: a new one may take 15 minutes to be found by a search. Only
# objects are searched for, since it is their model that names them.

locals {
  # In the words and colours that facepipe shows them in everywhere.
  emotions = jsondecode(file("${path.module}/emotions.json"))

  # CloudWatch takes 2,500 metrics a dashboard, and people fewer charts. All cameras have alarms.
  charted = slice(sort(tolist(var.cameras)), 0, min(100, length(var.cameras)))

  crowd = [
    {
      # Of all confidence counted, that of each emotion.
      title   = "How the crowd feels: share of each emotion, %"
      width   = 16
      stacked = true
      yAxis   = { left = { min = 0, max = 100 } }
      metric = concat(
        [for each in local.emotions : [{ expression = "100 * FILL(m_${lower(each.type)}, 0) / total", label = each.word, id = "share_${lower(each.type)}", color = each.colour }]],
        [[{ expression = "SUM(FILL(METRICS(\"m_\"), 0))", label = "total", id = "total", visible = false }]],
        [for each in local.emotions : [var.namespace, each.type, { id = "m_${lower(each.type)}", stat = "Sum", visible = false }]],
      )
    },
    {
      title = "Faces scored"
      width = 8
      stat  = "Sum"
      yAxis = { left = { min = 0 } }
      metric = concat(
        [[var.namespace, "FacesScored", { label = "all cameras", color = "#7f7f7f" }]],
        [for camera in local.charted : [var.namespace, "FacesScored", "Camera", camera, { label = camera }]],
      )
    },
  ]

  confidence = [
    {
      title  = "How sure that is: average confidence in the faces that show it, %"
      width  = 16
      yAxis  = { left = { min = 0, max = 100 } }
      metric = [for each in local.emotions : [var.namespace, each.type, { label = each.word, color = each.colour }]]
    },
    {
      title  = "Objects seen (where models look for some)"
      width  = 8
      stat   = "Sum"
      yAxis  = { left = { min = 0 } }
      metric = [[{ expression = "SEARCH('{\"${var.namespace}\",Label} MetricName=\"ObjectsSeen\"', 'Sum')", id = "objects", label = "$${PROP('Dim.Label')}" }]]
    },
  ]

  # Rows of one, two or three.
  camera_rows = [
    for row in chunklist(local.charted, max(1, min(3, length(local.charted)))) : [
      for camera in row : {
        title  = "${camera}: average confidence of each emotion, %"
        width  = 24 / min(3, length(local.charted))
        yAxis  = { left = { min = 0, max = 100 } }
        metric = [for each in local.emotions : [var.namespace, each.type, "Camera", camera, { label = each.word, color = each.colour }]]
      }
    ]
  ]

  camera_health = [
    for figure in [
      { metric = "fps", title = "Cameras: frames looked at per second", stat = "Average" },
      { metric = "spool_depth", title = "Cameras: crops waiting to be uploaded", stat = "Maximum" },
      ] : {
      title  = figure.title
      width  = 12
      stat   = figure.stat
      yAxis  = { left = { min = 0 } }
      metric = [for camera in local.charted : [local.health_namespace, "${figure.metric} ${camera}", { label = camera }]]
    }
  ]

  function = ["FunctionName", var.function_name, "Resource", "${var.function_name}:${var.function_alias}"]

  scorer = [
    {
      title = "Queue: crops waiting, and for how long"
      width = 8
      stat  = "Maximum"
      yAxis = { left = { min = 0 }, right = { min = 0, label = "s", showUnits = false } }
      metric = [
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.queue_name, { label = "waiting", color = "#1f77b4" }],
        ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "QueueName", var.queue_name, { label = "being scored", color = "#2ca02c" }],
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.dead_letter_name, { label = "given up", color = "#d62728" }],
        ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", var.queue_name, { label = "age of the oldest (right)", color = "#9467bd", yAxis = "right" }],
      ]
    },
    {
      title = "Scorer: runs, and those that failed"
      width = 8
      stat  = "Sum"
      yAxis = { left = { min = 0 } }
      metric = [
        concat(["AWS/Lambda", "Invocations"], local.function, [{ label = "runs", color = "#1f77b4" }]),
        concat(["AWS/Lambda", "Errors"], local.function, [{ label = "errors", color = "#d62728" }]),
        concat(["AWS/Lambda", "Throttles"], local.function, [{ label = "throttled", color = "#ff7f0e" }]),
      ]
    },
    {
      title = "Scorer: how long a run takes, and how many at once"
      width = 8
      yAxis = { left = { min = 0, label = "ms", showUnits = false }, right = { min = 0, showUnits = false } }
      metric = [
        concat(["AWS/Lambda", "Duration"], local.function, [{ label = "half are faster", stat = "p50", color = "#1f77b4" }]),
        concat(["AWS/Lambda", "Duration"], local.function, [{ label = "95 % are faster", stat = "p95", color = "#ff7f0e" }]),
        concat(["AWS/Lambda", "ConcurrentExecutions"], local.function, [{ label = "at once (right)", stat = "Maximum", color = "#2ca02c", yAxis = "right" }]),
      ]
    },
  ]
}
