locals {
  # What else is in the bucket.
  taken_prefixes = ["batch", "components", "datasets", "faces", "models", "training"]
}

variable "feedback" {
  description = "Whole frames that cameras keep to be labelled (FACEPIPE_FEEDBACK), in the bucket: each camera may put them under <prefix>/<its own name>/ for every prefix in prefixes, which is [\"feedback\"] unless given, and S3 deletes them after days, 30 unless given. {} is enough. A thousand frames of 300 KB cost 0.005 dollars to put and 0.007 a month to keep. Frames show everybody, not only faces: see docs/security.md. By default, null, cameras may put none."
  type = object({
    prefixes = optional(set(string), ["feedback"])
    days     = optional(number, 30)
  })
  default = null

  validation {
    condition     = var.feedback == null || try(length(var.feedback.prefixes) >= 1 && length(var.feedback.prefixes) <= 10, false)
    error_message = "feedback.prefixes must hold 1 to 10 prefixes, which is what fits into a role's policy: correct it, or set feedback to null for none."
  }

  validation {
    condition = alltrue([
      for prefix in try(var.feedback.prefixes, []) :
      can(regex("^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$", prefix)) && length(prefix) <= 100
    ])
    error_message = format(
      "A prefix in feedback.prefixes must have at most 100 letters, digits, dots, underscores, hyphens and slashes between names, with none at its beginning or end, such as feedback or labels/new: correct %s.",
      join(", ", [
        for prefix in try(var.feedback.prefixes, []) : jsonencode(prefix)
        if !(can(regex("^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$", prefix)) && length(prefix) <= 100)
      ]),
    )
  }

  validation {
    condition = alltrue([
      for prefix in try(var.feedback.prefixes, []) : !contains(local.taken_prefixes, split("/", prefix)[0])
    ])
    error_message = format(
      "A prefix in feedback.prefixes must not be %s, which hold something else, nor below one of them: change %s.",
      join(", ", local.taken_prefixes),
      join(", ", [for prefix in try(var.feedback.prefixes, []) : prefix if contains(local.taken_prefixes, split("/", prefix)[0])]),
    )
  }

  # With labels and labels/hall-1, the camera hall-1 could put what is hall-2's under the second.
  validation {
    condition = alltrue([
      for pair in setproduct(try(var.feedback.prefixes, []), try(var.feedback.prefixes, [])) : !startswith(pair[0], "${pair[1]}/")
    ])
    error_message = "No prefix in feedback.prefixes may be below another, where one camera could put what is another's: rename one."
  }

  validation {
    condition     = var.feedback == null || try(var.feedback.days >= 1 && var.feedback.days <= 3650 && floor(var.feedback.days) == var.feedback.days, false)
    error_message = "feedback.days must be a whole number from 1 to 3650: S3 counts in days."
  }
}
