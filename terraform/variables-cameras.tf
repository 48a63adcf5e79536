locals {
  # DER is checked as far as its first two bytes, those of a sequence of 128 bytes or more, which are
  # MI and one of E to L in base64; whether the rest is all there, modules/device/csr.tf tells.
  csr_pattern = "^-----BEGIN CERTIFICATE REQUEST-----\\s+MI[E-L][A-Za-z0-9+/]{3}[A-Za-z0-9+/\\s]+={0,2}\\s+-----END CERTIFICATE REQUEST-----$"
}

# Of two entries of one name, Terraform keeps the last of a map in HCL without a word, and refuses
# the second in a file cameras.auto.tfvars.json.
variable "cameras" {
  description = "The cameras: name to certificate signing request, as PEM text or as the path of a file from the folder terraform/. The private key stays on the camera: `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout hall-1.key -out hall-1.csr -subj /CN=hall-1` makes both. A camera costs 0.30 dollars a month for each of its up to 12 metrics, 0.90 for the calls that send its health and 0.10 for its alarm, apart from its crops."
  type        = map(string)
  default     = {}
  nullable    = false

  # AWS IoT's rule for things. A name is also a folder of keys, a level of topics and a part of
  # policies: none of / + # $ * ? is allowed.
  validation {
    condition = alltrue([
      for name in keys(var.cameras) : can(regex("^[a-zA-Z0-9:_-]{1,128}$", name))
    ])
    error_message = format(
      "A camera's name must have 1 to 128 letters, digits, colons, underscores or hyphens, AWS IoT's rule; change %s.",
      join(", ", [for name in keys(var.cameras) : jsonencode(name) if !can(regex("^[a-zA-Z0-9:_-]{1,128}$", name))]),
    )
  }

  validation {
    condition     = !contains([for name in keys(var.cameras) : lower(name)], "unknown")
    error_message = "No camera can be named unknown, under which crops are counted that no camera sent: rename it."
  }

  # AWS tells Hall-1 from hall-1; people, and the file systems that crops are copied to, do not.
  validation {
    condition = length(distinct([for name in keys(var.cameras) : lower(name)])) == length(var.cameras)
    error_message = format(
      "Two cameras have one name but for capitals; rename one of %s.",
      join(", ", [
        for name in keys(var.cameras) : name
        if length([for other in keys(var.cameras) : other if lower(other) == lower(name)]) > 1
      ]),
    )
  }

  validation {
    condition = alltrue([for csr in values(var.cameras) : try(trimspace(csr) != "", false)])
    error_message = join(" ", [
      for name, csr in var.cameras :
      "The camera ${name} has no certificate signing request: make one with `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ${name}.key -out ${name}.csr -subj /CN=${name}` and give its path."
      if !try(trimspace(csr) != "", false)
    ])
  }

  # Here and below, what another rule refuses passes, so that each mistake is told of once.
  validation {
    condition = alltrue([
      for csr in values(var.cameras) :
      try(trimspace(csr) == "" || startswith(trimspace(csr), "-----BEGIN"), true) || try(fileexists(csr), false)
    ])
    error_message = join(" ", [
      for name, csr in var.cameras :
      "The camera ${name}'s certificate signing request must be PEM text or a file's path from ${abspath(".")}, where there is no such file: correct it."
      if !(try(trimspace(csr) == "" || startswith(trimspace(csr), "-----BEGIN"), true) || try(fileexists(csr), false))
    ])
  }

  validation {
    condition = alltrue([
      for csr in values(var.cameras) :
      can(regex(local.csr_pattern, trimspace(startswith(trimspace(csr), "-----BEGIN") ? csr : file(csr)))) ||
      !can(startswith(trimspace(csr), "-----BEGIN") ? csr : file(csr))
    ])
    error_message = join(" ", [
      for name, csr in var.cameras :
      "The camera ${name}'s certificate signing request is malformed: it must be PEM, whole, from -----BEGIN CERTIFICATE REQUEST----- to -----END CERTIFICATE REQUEST-----."
      if can(startswith(trimspace(csr), "-----BEGIN") ? csr : file(csr)) &&
      !can(regex(local.csr_pattern, trimspace(startswith(trimspace(csr), "-----BEGIN") ? csr : file(csr))))
    ])
  }

  validation {
    condition = alltrue([
      for csr in values(var.cameras) :
      try(length(startswith(trimspace(csr), "-----BEGIN") ? csr : file(csr)) <= 4096, true)
    ])
    error_message = "A certificate signing request may have at most 4,096 characters, AWS IoT's limit: make it with the shorter key of the command in the description of cameras."
  }

  validation {
    condition = length(distinct([
      for name, csr in var.cameras :
      try(trimspace(startswith(trimspace(csr), "-----BEGIN") ? csr : file(csr)), name)
    ])) == length(var.cameras)
    error_message = "Two cameras have the same certificate signing request, hence the same key, so that either could pass for the other: make one for each."
  }
}

variable "revoked_cameras" {
  description = "Names of cameras that AWS is to refuse: their certificates are inactive for as long as they are listed here. Credentials that they already have end within the hour."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([for name in var.revoked_cameras : contains(keys(var.cameras), name)])
    error_message = format(
      "revoked_cameras must hold names of cameras, which %s is not: correct it, or take it out if the camera is gone, and its certificate with it.",
      join(", ", [for name in var.revoked_cameras : jsonencode(name) if !contains(keys(var.cameras), name)]),
    )
  }
}
