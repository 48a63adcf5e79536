# Where everything is on the dashboard. What an operator asks comes first: is all well, how does the
# crowd feel; and only then what each camera and the scorer do.

locals {
  notes = compact([
    "# ${var.name}",
    "All is well while no alarm is red. Below: how the crowd feels, then each camera, then what scores the crops.",
    "Emotions read off faces are guesses, and people have a right to know of them.",
    length(var.cameras) > length(local.charted) ? "Charts are of ${length(local.charted)} of ${length(var.cameras)} cameras; alarms of all." : "",
  ])

  # CloudWatch takes 100 alarms a widget. Those that ring come first.
  listed = slice(local.alarm_arns, 0, min(100, length(local.alarm_arns)))
  alarm_list = {
    type       = "alarm"
    properties = { title = "Alarms", alarms = local.listed, sortBy = "stateUpdatedTimestamp" }
  }

  # From top to bottom, and in each from left to right.
  rows = concat(
    [
      { height = 2, widgets = [{ type = "text", properties = { markdown = join("\n", local.notes) } }] },
      { height = length(local.listed) > 8 ? 5 : 3, widgets = [local.alarm_list] },
      { height = 8, widgets = local.crowd },
      { height = 7, widgets = local.confidence },
    ],
    [for charts in local.camera_rows : { height = 7, widgets = charts }],
    [for charts in [local.camera_health] : { height = 6, widgets = charts } if length(local.charted) > 0],
    [{ height = 7, widgets = local.scorer }],
  )

  tops = [for number, row in local.rows : sum(concat([0], slice(local.rows, 0, number)[*].height))]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = flatten([
      for number, row in local.rows : [
        for left, widget in row.widgets : {
          type   = try(widget.type, "metric")
          x      = sum(concat([0], [for other in slice(row.widgets, 0, left) : other.width]))
          y      = local.tops[number]
          width  = try(widget.width, 24)
          height = row.height
          properties = try(widget.properties, {
            title   = widget.title
            region  = var.account.region
            view    = "timeSeries"
            stacked = try(widget.stacked, false)
            period  = 60
            stat    = try(widget.stat, "Average")
            yAxis   = widget.yAxis
            metrics = widget.metric
          })
        }
      ]
    ])
  })
}
