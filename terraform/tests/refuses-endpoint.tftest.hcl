# What SageMaker could not host: refused at plan.
# tests/inputs is the root's variables alone, so that no provider need be started for each.

variables {
  scorer_zip       = "tests/fixtures/stand-in.zip"
  edge_zip         = "tests/fixtures/stand-in.zip"
  endpoint_archive = "tests/fixtures/model.tar.gz"
  endpoint         = {}
}

run "takes_an_endpoint_with_everything" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    endpoint = {
      instance_type = "ml.c7i.large"
      image         = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/faces:1.0"
      settings      = { FACEPIPE_MIN_SCORE = "0.7", FACEPIPE_RESEND_SECONDS = "5" }
    }
  }
}

run "needs_no_archive_without_endpoint" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    endpoint         = null
    endpoint_archive = "tests/fixtures/none.tar.gz"
  }
}

run "refuses_a_missing_archive" {
  command         = plan
  expect_failures = [var.endpoint_archive]
  module { source = "./tests/inputs" }
  variables { endpoint_archive = "tests/fixtures/none.tar.gz" }
}

run "refuses_an_archive_that_is_no_gzip" {
  command         = plan
  expect_failures = [var.endpoint_archive]
  module { source = "./tests/inputs" }
  variables { endpoint_archive = "tests/fixtures/stand-in.zip" }
}

run "refuses_an_instance_type_of_ec2" {
  command         = plan
  expect_failures = [var.endpoint]
  module { source = "./tests/inputs" }
  variables { endpoint = { instance_type = "m5.large" } }
}

run "refuses_an_image_without_a_tag" {
  command         = plan
  expect_failures = [var.endpoint]
  module { source = "./tests/inputs" }
  variables { endpoint = { image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/faces" } }
}

run "refuses_an_image_that_is_not_in_ecr" {
  command         = plan
  expect_failures = [var.endpoint]
  module { source = "./tests/inputs" }
  variables { endpoint = { image = "docker.io/library/python:3.12" } }
}

run "refuses_an_endpoint_s_setting_that_is_none" {
  command         = plan
  expect_failures = [var.endpoint]
  module { source = "./tests/inputs" }
  variables { endpoint = { settings = { SAGEMAKER_PROGRAM = "other.py" } } }
}

run "refuses_a_setting_of_the_endpoint_s_own" {
  command         = plan
  expect_failures = [var.endpoint]
  module { source = "./tests/inputs" }
  variables { endpoint = { settings = { FACEPIPE_BUCKET = "another" } } }
}

run "refuses_a_score_of_the_endpoint_s_that_is_no_share" {
  command         = plan
  expect_failures = [var.endpoint]
  module { source = "./tests/inputs" }
  variables { endpoint = { settings = { FACEPIPE_MIN_SCORE = "7" } } }
}
