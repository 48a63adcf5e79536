# What holds for all policies at once. The tests of each module prove that the golden files are them.

run "policies" {
  command = plan

  module {
    source = "./tests/statements"
  }

  assert {
    condition     = output.proven >= 25 && length(output.unproven) == 0
    error_message = "These need a file under tests/golden/ and a test that reads it: ${join(", ", output.unproven)}."
  }

  assert {
    condition     = alltrue([for allowed in output.allowed : alltrue([for action in allowed.actions : can(regex("^[a-z0-9]+:[A-Za-z]+$", action))])])
    error_message = "A policy allows an action with a wildcard: name the actions."
  }

  # Rekognition, CloudWatch, ECR's login and Greengrass's data plane know no resources for these
  # actions; in a key's policy, * is the key.
  assert {
    condition = toset([for allowed in output.allowed : allowed.name if contains(allowed.resources, "*")]) == toset([
      "dashboard-health ChartHealth",
      "endpoint-endpoint ChartItsLoad",
      "endpoint-endpoint LogInToTheRegistry",
      "endpoint-endpoint-with-key ChartItsLoad",
      "endpoint-endpoint-with-key LogInToTheRegistry",
      "greengrass-core TakeDeployments",
      "root-kms LetAlarmsPublish",
      "root-kms LetLogsBeKept",
      "root-kms LetS3SendNewsToTheQueue",
      "scorer-scorer ChartEmotions",
      "scorer-scorer DetectFaces",
      "scorer-scorer-with-key ChartEmotions",
      "scorer-scorer-with-key DetectFaces",
      "training-training ChartTheTraining",
      "training-training-with-key ChartTheTraining",
    ])
    error_message = "Statements allow something on every resource which are not in the list here: ${join(", ", [for allowed in output.allowed : allowed.name if contains(allowed.resources, "*")])}."
  }

  assert {
    condition     = alltrue([for allowed in output.allowed : !allowed.everybody])
    error_message = "A policy allows something to everybody."
  }

  assert {
    condition     = alltrue([for allowed in output.allowed : can(regex(" [A-Z][A-Za-z0-9]+$", allowed.name))])
    error_message = "A statement has no sid to say what it is for."
  }
}
