# Video streams and prefixes of frames that could not be, or would be in each other's way: refused at
# plan. tests/inputs is the root's variables alone, so that no provider need be started for each.

variables {
  scorer_zip = "tests/fixtures/stand-in.zip"
  edge_zip   = "tests/fixtures/stand-in.zip"
}

run "takes_video_and_feedback_with_everything" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    video    = { retention_hours = 87600 }
    feedback = { prefixes = ["faces-to-label", "labels/new", "labels/old.1"], days = 3650 }
    cameras  = { hall-1 = "tests/fixtures/hall-1.csr" }
  }
}

run "needs_no_short_names_without_video" {
  command = plan
  module { source = "./tests/inputs" }
  variables { cameras = { "Hall:1" = "tests/fixtures/hall-1.csr" } }
}

run "refuses_video_of_a_camera_with_a_colon" {
  command         = plan
  expect_failures = [var.video]
  module { source = "./tests/inputs" }
  variables {
    video   = {}
    cameras = { "Hall:1" = "tests/fixtures/hall-1.csr" }
  }
}

run "refuses_video_that_is_not_kept" {
  command         = plan
  expect_failures = [var.video]
  module { source = "./tests/inputs" }
  variables { video = { retention_hours = 0 } }
}

run "refuses_video_of_half_an_hour" {
  command         = plan
  expect_failures = [var.video]
  module { source = "./tests/inputs" }
  variables { video = { retention_hours = 1.5 } }
}

run "refuses_video_of_eleven_years" {
  command         = plan
  expect_failures = [var.video]
  module { source = "./tests/inputs" }
  variables { video = { retention_hours = 96360 } }
}

run "refuses_feedback_without_a_prefix" {
  command         = plan
  expect_failures = [var.feedback]
  module { source = "./tests/inputs" }
  variables { feedback = { prefixes = [] } }
}

run "refuses_eleven_prefixes" {
  command         = plan
  expect_failures = [var.feedback]
  module { source = "./tests/inputs" }
  variables { feedback = { prefixes = [for n in range(11) : "feedback-${n}"] } }
}

run "refuses_a_prefix_of_nothing" {
  command         = plan
  expect_failures = [var.feedback]
  module { source = "./tests/inputs" }
  variables { feedback = { prefixes = [""] } }
}

run "refuses_a_prefix_that_begins_with_a_slash" {
  command         = plan
  expect_failures = [var.feedback]
  module { source = "./tests/inputs" }
  variables { feedback = { prefixes = ["/feedback"] } }
}

run "refuses_a_prefix_that_ends_with_a_slash" {
  command         = plan
  expect_failures = [var.feedback]
  module { source = "./tests/inputs" }
  variables { feedback = { prefixes = ["feedback/"] } }
}

run "refuses_a_prefix_with_a_wildcard" {
  command         = plan
  expect_failures = [var.feedback]
  module { source = "./tests/inputs" }
  variables { feedback = { prefixes = ["feed*"] } }
}

run "refuses_a_prefix_with_a_variable" {
  command         = plan
  expect_failures = [var.feedback]
  module { source = "./tests/inputs" }
  variables { feedback = { prefixes = ["$${aws:username}"] } }
}

run "refuses_a_prefix_of_dots" {
  command         = plan
  expect_failures = [var.feedback]
  module { source = "./tests/inputs" }
  variables { feedback = { prefixes = ["labels/.."] } }
}

run "refuses_a_prefix_of_101_characters" {
  command         = plan
  expect_failures = [var.feedback]
  module { source = "./tests/inputs" }
  variables { feedback = { prefixes = [join("", [for n in range(101) : "f"])] } }
}

run "refuses_frames_among_crops" {
  command         = plan
  expect_failures = [var.feedback]
  module { source = "./tests/inputs" }
  variables { feedback = { prefixes = ["faces"] } }
}

run "refuses_frames_below_models" {
  command         = plan
  expect_failures = [var.feedback]
  module { source = "./tests/inputs" }
  variables { feedback = { prefixes = ["models/endpoint"] } }
}

run "refuses_frames_among_data_sets" {
  command         = plan
  expect_failures = [var.feedback]
  module { source = "./tests/inputs" }
  variables { feedback = { prefixes = ["datasets/new"] } }
}

run "refuses_frames_among_trained_models" {
  command         = plan
  expect_failures = [var.feedback]
  module { source = "./tests/inputs" }
  variables { feedback = { prefixes = ["training"] } }
}

run "refuses_a_prefix_below_another" {
  command         = plan
  expect_failures = [var.feedback]
  module { source = "./tests/inputs" }
  variables { feedback = { prefixes = ["labels", "labels/hall-1"] } }
}

run "refuses_feedback_of_no_day" {
  command         = plan
  expect_failures = [var.feedback]
  module { source = "./tests/inputs" }
  variables { feedback = { days = 0 } }
}

run "refuses_feedback_of_half_a_day" {
  command         = plan
  expect_failures = [var.feedback]
  module { source = "./tests/inputs" }
  variables { feedback = { days = 0.5 } }
}

run "refuses_feedback_of_eleven_years" {
  command         = plan
  expect_failures = [var.feedback]
  module { source = "./tests/inputs" }
  variables { feedback = { days = 4015 } }
}
