# Figures that make no sense: refused at plan.
# tests/inputs is the root's variables alone, so that no provider need be started for each.

variables {
  scorer_zip = "tests/fixtures/stand-in.zip"
  edge_zip   = "tests/fixtures/stand-in.zip"
}

run "refuses_crop_days_of_zero" {
  command         = plan
  expect_failures = [var.crop_days]
  module { source = "./tests/inputs" }
  variables { crop_days = 0 }
}

run "refuses_crop_days_of_a_half" {
  command         = plan
  expect_failures = [var.crop_days]
  module { source = "./tests/inputs" }
  variables { crop_days = 1.5 }
}

run "refuses_crop_days_of_eleven_years" {
  command         = plan
  expect_failures = [var.crop_days]
  module { source = "./tests/inputs" }
  variables { crop_days = 4015 }
}

run "refuses_record_days_of_zero" {
  command         = plan
  expect_failures = [var.record_days]
  module { source = "./tests/inputs" }
  variables { record_days = 0 }
}

run "refuses_record_days_of_a_half" {
  command         = plan
  expect_failures = [var.record_days]
  module { source = "./tests/inputs" }
  variables { record_days = 1.5 }
}

run "refuses_record_days_of_eleven_years" {
  command         = plan
  expect_failures = [var.record_days]
  module { source = "./tests/inputs" }
  variables { record_days = 4015 }
}

run "refuses_log_days_of_zero" {
  command         = plan
  expect_failures = [var.log_days]
  module { source = "./tests/inputs" }
  variables { log_days = 0 }
}

run "refuses_log_days_that_cloudwatch_has_not" {
  command         = plan
  expect_failures = [var.log_days]
  module { source = "./tests/inputs" }
  variables { log_days = 2 }
}

run "refuses_a_confidence_below_zero" {
  command         = plan
  expect_failures = [var.min_confidence]
  module { source = "./tests/inputs" }
  variables { min_confidence = -1 }
}

run "refuses_a_confidence_of_100" {
  command         = plan
  expect_failures = [var.min_confidence]
  module { source = "./tests/inputs" }
  variables { min_confidence = 100 }
}

run "refuses_a_concurrency_of_one" {
  command         = plan
  expect_failures = [var.max_concurrency]
  module { source = "./tests/inputs" }
  variables { max_concurrency = 1 }
}

run "refuses_a_concurrency_of_1001" {
  command         = plan
  expect_failures = [var.max_concurrency]
  module { source = "./tests/inputs" }
  variables { max_concurrency = 1001 }
}

run "refuses_a_concurrency_of_a_half" {
  command         = plan
  expect_failures = [var.max_concurrency]
  module { source = "./tests/inputs" }
  variables { max_concurrency = 2.5 }
}

run "refuses_an_address_that_is_none" {
  command         = plan
  expect_failures = [var.alarm_email]
  module { source = "./tests/inputs" }
  variables { alarm_email = "ops at example.com" }
}

run "refuses_silence_of_two_minutes" {
  command         = plan
  expect_failures = [var.silent_minutes]
  module { source = "./tests/inputs" }
  variables { silent_minutes = 2 }
}

run "refuses_silence_of_more_than_a_day" {
  command         = plan
  expect_failures = [var.silent_minutes]
  module { source = "./tests/inputs" }
  variables { silent_minutes = 1441 }
}
