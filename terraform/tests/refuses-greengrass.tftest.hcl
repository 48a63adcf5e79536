# What no core device could run: refused at plan.
# tests/inputs is the root's variables alone, so that no provider need be started for each.

variables {
  scorer_zip = "tests/fixtures/stand-in.zip"
  edge_zip   = "tests/fixtures/stand-in.zip"
  wheel      = "tests/fixtures/wheels/facepipe-0.1*.whl"
  greengrass = {}
}

run "takes_a_wheel_by_its_pattern" {
  command = plan
  module { source = "./tests/inputs" }
}

run "needs_no_wheel_without_greengrass" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    greengrass = null
    wheel      = "tests/fixtures/none.whl"
    cameras    = { "Hall:1" = "tests/fixtures/hall-1.csr" }
  }
}

run "refuses_a_missing_wheel" {
  command         = plan
  expect_failures = [var.wheel]
  module { source = "./tests/inputs" }
  variables { wheel = "tests/fixtures/none-*.whl" }
}

run "refuses_two_wheels" {
  command         = plan
  expect_failures = [var.wheel]
  module { source = "./tests/inputs" }
  variables { wheel = "tests/fixtures/wheels/facepipe-*.whl" }
}

run "refuses_a_wheel_that_is_no_zip" {
  command         = plan
  expect_failures = [var.wheel]
  module { source = "./tests/inputs" }
  variables { wheel = "tests/fixtures/hall-1.csr" }
}

run "refuses_a_wheel_of_something_else" {
  command         = plan
  expect_failures = [var.wheel]
  module { source = "./tests/inputs" }
  variables { wheel = "tests/fixtures/stand-in.zip" }
}

run "refuses_a_setting_that_is_none" {
  command         = plan
  expect_failures = [var.greengrass]
  module { source = "./tests/inputs" }
  variables { greengrass = { settings = { LD_PRELOAD = "/tmp/x.so" } } }
}

run "refuses_a_setting_of_the_component_s_own" {
  command         = plan
  expect_failures = [var.greengrass]
  module { source = "./tests/inputs" }
  variables { greengrass = { settings = { FACEPIPE_BUCKET = "another" } } }
}

run "refuses_a_core_device_with_a_colon" {
  command         = plan
  expect_failures = [var.greengrass]
  module { source = "./tests/inputs" }
  variables { cameras = { "Hall:1" = "tests/fixtures/hall-1.csr" } }
}

run "refuses_a_core_device_of_65_characters" {
  command         = plan
  expect_failures = [var.greengrass]
  module { source = "./tests/inputs" }
  variables { cameras = { (join("", [for n in range(65) : "c"])) = "tests/fixtures/hall-1.csr" } }
}
