variable "greengrass" {
  description = "Cameras as core devices of AWS IoT Greengrass V2: facepipe as a component, deployed to all of them, and the rights that a core device needs. {} is enough; settings holds FACEPIPE_* variables of all cameras (FACEPIPE_SOURCE is 0 unless given, the first webcam). 0.16 dollars a month for each core device that connects. By default, null, none of it is made. Cameras keep the component that they have when it is taken away."
  type        = object({ settings = optional(map(string), {}) })
  default     = null

  validation {
    condition = alltrue([
      for name in keys(try(var.greengrass.settings, {})) :
      can(regex("^FACEPIPE_[A-Z0-9_]+$", name)) && !contains(["FACEPIPE_BUCKET", "FACEPIPE_BUS", "FACEPIPE_CAMERA", "FACEPIPE_SPOOL_DIR"], name)
    ])
    error_message = format(
      "greengrass.settings must hold FACEPIPE_* variables alone, and not FACEPIPE_BUCKET, FACEPIPE_BUS, FACEPIPE_CAMERA or FACEPIPE_SPOOL_DIR, which the component sets by itself: correct or remove %s.",
      join(", ", [
        for name in keys(try(var.greengrass.settings, {})) : jsonencode(name)
        if !can(regex("^FACEPIPE_[A-Z0-9_]+$", name)) || contains(["FACEPIPE_BUCKET", "FACEPIPE_BUS", "FACEPIPE_CAMERA", "FACEPIPE_SPOOL_DIR"], name)
      ]),
    )
  }

  # No colon, Greengrass's rule for core devices ("Install AWS IoT Greengrass Core software"); and no
  # more than fit, some of them ten times over, into the 2,048 characters of an AWS IoT policy.
  validation {
    condition = var.greengrass == null || alltrue([
      for name in keys(var.cameras) : can(regex("^[^:]{1,64}$", name))
    ])
    error_message = format(
      "A camera that is a Greengrass core device must have a name of at most 64 characters, without a colon: rename %s.",
      join(", ", [for name in keys(var.cameras) : name if !can(regex("^[^:]{1,64}$", name))]),
    )
  }
}

variable "wheel" {
  description = "facepipe's wheel, as a path from the folder terraform/, * and ? allowed. `make build` makes it. Only greengrass needs it."
  type        = string
  default     = "../build/facepipe-*.whl"
  nullable    = false

  validation {
    condition     = var.greengrass == null || length(try(fileset(dirname(var.wheel), basename(var.wheel)), [])) > 0
    error_message = "There is no file ${var.wheel} (wheel): run `make build` first."
  }

  validation {
    condition     = var.greengrass == null || length(try(fileset(dirname(var.wheel), basename(var.wheel)), [])) < 2
    error_message = "More than one file is ${var.wheel} (wheel): name one, or run `make build`, which leaves one."
  }

  # PyPA, "Binary distribution format": name and version are in the name of the file. A wheel is a
  # zip: see scorer_zip.
  validation {
    condition = var.greengrass == null || alltrue([
      for file in try(fileset(dirname(var.wheel), basename(var.wheel)), []) :
      can(regex("^facepipe-[0-9]+\\.[0-9]+[^-]*-py3-none-any\\.whl$", file)) && startswith(try(filebase64("${dirname(var.wheel)}/${file}"), ""), "UEsDB")
    ])
    error_message = "${var.wheel} (wheel) is no wheel of facepipe such as facepipe-1.0.0-py3-none-any.whl: run `make build` again."
  }
}
