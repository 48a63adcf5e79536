variable "video" {
  description = "A stream in Kinesis Video Streams for each camera, named by name and camera, to send video to and to read with FACEPIPE_SOURCE=kvs://...; {} is enough. retention_hours is how long video is kept, 24 unless given. Streams cost nothing until they are used: of a camera that sends 1 Mbit/s all month, 2.80 dollars to send, 0.25 to keep for a day, 3.90 to read. Video shows everybody, not only faces: see docs/security.md. By default, null, there are none."
  type        = object({ retention_hours = optional(number, 24) })
  default     = null

  # Ten years. With 0 hours, Kinesis would keep nothing, and could not be read from.
  validation {
    condition     = var.video == null || try(var.video.retention_hours >= 1 && var.video.retention_hours <= 87600 && floor(var.video.retention_hours) == var.video.retention_hours, false)
    error_message = "video.retention_hours must be a whole number from 1 to 87600, ten years: correct it."
  }

  # CreateStream, Amazon Kinesis Video Streams API Reference.
  validation {
    condition = var.video == null || alltrue([
      for name in keys(var.cameras) : can(regex("^[^:]+$", name))
    ])
    error_message = format(
      "A camera with a video stream must have a name without a colon: rename %s.",
      join(", ", [for name in keys(var.cameras) : name if !can(regex("^[^:]+$", name))]),
    )
  }
}
