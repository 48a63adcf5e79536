# Reads the golden files, for rules.tftest.hcl: an assertion there must name something that was run.

locals {
  root   = "${path.module}/../.."
  golden = "${local.root}/tests/golden"

  sources = setunion(fileset(local.root, "*.tf"), fileset(local.root, "modules/*/*.tf"))
  documents = flatten([
    for path in local.sources : [
      for found in regexall("data \"aws_iam_policy_document\" \"([a-z_]+)\"", file("${local.root}/${path}")) :
      "${dirname(path) == "." ? "root" : basename(dirname(path))}-${found[0]}.json"
    ]
  ])
  tests = join("", [for path in fileset(local.root, "tests/*.tftest.hcl") : file("${local.root}/${path}")])
}

output "unproven" {
  description = "Policy documents of the root and the modules that have no golden file, or one that no test reads."
  value       = [for name in local.documents : name if !fileexists("${local.golden}/${name}") || !strcontains(local.tests, "golden/${name}")]
}

output "proven" {
  description = "How many have."
  value       = length(local.documents)
}

output "allowed" {
  description = "Statements of the golden files that allow something."
  value = flatten([
    for path in fileset(local.golden, "*.json") : [
      for statement in jsondecode(file("${local.golden}/${path}")).Statement : {
        name      = "${trimsuffix(path, ".json")} ${try(statement.Sid, "-")}"
        actions   = flatten([statement.Action])
        resources = flatten([try(statement.Resource, [])])
        everybody = try(statement.Principal == "*" || contains(flatten([statement.Principal.AWS]), "*"), false)
      } if statement.Effect == "Allow"
    ]
  ])
}
