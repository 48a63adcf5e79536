variable "endpoint" {
  description = "A SageMaker endpoint that finds faces for cameras with FACEPIPE_DETECTOR=sagemaker. {} is enough. It costs about 84 dollars a month however little it is asked, since its instance, an ml.m5.large at 0.115 an hour, runs all the time; frames sent to it cost 0.016 a GB. instance_type is another type of instance; image, another container image in ECR that has SageMaker's serving toolkit, instead of AWS's own for PyTorch on CPUs, which AWS has not in every region; settings may hold the endpoint's own FACEPIPE_MIN_SCORE and FACEPIPE_RESEND_SECONDS; crops, true unless given, is whether it may put crops (FACEPIPE_CROP_AT=endpoint), of which it takes the camera's name from the device: see docs/security.md. By default, null, none of it is made."
  type = object({
    instance_type = optional(string, "ml.m5.large")
    image         = optional(string)
    settings      = optional(map(string), {})
    crops         = optional(bool, true)
  })
  default = null

  validation {
    condition     = can(regex("^ml\\.[a-z0-9-]+\\.[a-z0-9-]+$", try(var.endpoint.instance_type, "ml.m5.large")))
    error_message = "endpoint.instance_type must be one that SageMaker hosts on, such as ml.m5.large: correct it."
  }

  validation {
    condition = try(var.endpoint.image, null) == null || can(regex(
      "^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com(\\.cn)?/[a-z0-9][a-z0-9._/-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*|@sha256:[0-9a-f]{64})$",
      var.endpoint.image,
    ))
    error_message = "endpoint.image must be an image in ECR, with its tag or digest, such as 123456789012.dkr.ecr.us-east-1.amazonaws.com/faces:1.0: correct it, or leave it out for AWS's own."
  }

  validation {
    condition = alltrue([
      for name in keys(try(var.endpoint.settings, {})) : contains(["FACEPIPE_MIN_SCORE", "FACEPIPE_RESEND_SECONDS"], name)
    ])
    error_message = format(
      "endpoint.settings must hold FACEPIPE_MIN_SCORE and FACEPIPE_RESEND_SECONDS alone, which are all that an endpoint reads: correct or remove %s.",
      join(", ", [
        for name in keys(try(var.endpoint.settings, {})) : jsonencode(name)
        if !contains(["FACEPIPE_MIN_SCORE", "FACEPIPE_RESEND_SECONDS"], name)
      ]),
    )
  }

  # Or it would fail only once SageMaker has spent minutes on starting it.
  validation {
    condition = alltrue([
      for name, value in try(var.endpoint.settings, {}) :
      try(tonumber(value) >= 0 && tonumber(value) <= (name == "FACEPIPE_MIN_SCORE" ? 1 : 1000000000), false)
    ])
    error_message = "In endpoint.settings FACEPIPE_MIN_SCORE must be a number from 0 to 1, and FACEPIPE_RESEND_SECONDS one of 0 or more: correct them."
  }
}

variable "endpoint_archive" {
  description = "What the endpoint serves, as a path from the folder terraform/: the model, the code and what it requires. `make build` makes it. Only endpoint needs it."
  type        = string
  default     = "../build/model.tar.gz"
  nullable    = false

  validation {
    condition     = var.endpoint == null || try(fileexists(var.endpoint_archive), false)
    error_message = "There is no file ${var.endpoint_archive} (endpoint_archive): run `make build` first."
  }

  # RFC 1952: 1f 8b, and 8 for deflate, as base64 has them.
  validation {
    condition     = var.endpoint == null || startswith(try(filebase64(var.endpoint_archive), "H4sI"), "H4sI")
    error_message = "${var.endpoint_archive} (endpoint_archive) is no .tar.gz: run `make build` again."
  }
}
