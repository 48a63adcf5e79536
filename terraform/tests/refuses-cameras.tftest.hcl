# Cameras that could not work, or could pass for another: refused at plan.
# tests/inputs is the root's variables alone, so that no provider need be started for each.

variables {
  scorer_zip = "tests/fixtures/stand-in.zip"
  edge_zip   = "tests/fixtures/stand-in.zip"
}

run "refuses_a_camera_with_a_slash" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { "hall/1" = "tests/fixtures/hall-1.csr" } }
}

run "refuses_a_camera_with_a_plus" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { "hall+1" = "tests/fixtures/hall-1.csr" } }
}

run "refuses_a_camera_with_a_hash" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { "hall#1" = "tests/fixtures/hall-1.csr" } }
}

run "refuses_a_camera_with_a_dollar" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { "$hall" = "tests/fixtures/hall-1.csr" } }
}

run "refuses_a_camera_with_a_star" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { "hall-*" = "tests/fixtures/hall-1.csr" } }
}

run "refuses_a_camera_with_a_question_mark" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { "hall-?" = "tests/fixtures/hall-1.csr" } }
}

run "refuses_a_camera_with_a_space" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { "hall 1" = "tests/fixtures/hall-1.csr" } }
}

run "refuses_a_camera_with_no_name" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { "" = "tests/fixtures/hall-1.csr" } }
}

run "refuses_a_camera_of_129_characters" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { (join("", [for n in range(129) : "c"])) = "tests/fixtures/hall-1.csr" } }
}

run "refuses_a_camera_named_unknown" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { unknown = "tests/fixtures/hall-1.csr" } }
}

run "refuses_two_cameras_of_one_name" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { hall = "tests/fixtures/hall-1.csr", Hall = "tests/fixtures/hall-2.csr" } }
}

run "refuses_a_camera_without_a_request" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { hall-1 = null } }
}

run "refuses_a_camera_with_an_empty_request" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { hall-1 = " " } }
}

run "refuses_a_camera_whose_request_is_no_file" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { hall-1 = "tests/fixtures/none.csr" } }
}

run "refuses_a_camera_whose_request_is_a_folder" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { hall-1 = "tests/fixtures" } }
}

run "refuses_a_camera_whose_request_is_cut_off" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { hall-1 = "tests/fixtures/truncated.csr" } }
}

run "refuses_a_camera_whose_request_is_three_digits" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { hall-1 = "-----BEGIN CERTIFICATE REQUEST-----\nMIE=\n-----END CERTIFICATE REQUEST-----" } }
}

run "refuses_a_camera_whose_request_is_no_sequence" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { hall-1 = replace(file("tests/fixtures/hall-1.csr"), "MIHL", "MAHL") } }
}

run "refuses_a_revoked_camera_that_is_none" {
  command         = plan
  expect_failures = [var.revoked_cameras]
  module { source = "./tests/inputs" }
  variables {
    cameras         = { hall-1 = "tests/fixtures/hall-1.csr" }
    revoked_cameras = ["hall-2"]
  }
}

run "refuses_a_camera_whose_request_is_garbage" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { hall-1 = "-----BEGIN CERTIFICATE REQUEST-----\nnot base64!\n-----END CERTIFICATE REQUEST-----" } }
}

run "refuses_a_camera_whose_request_is_a_key" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { hall-1 = "-----BEGIN PRIVATE KEY-----\nMIGHAgEA\n-----END PRIVATE KEY-----" } }
}

run "refuses_a_camera_whose_request_is_too_long" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { hall-1 = "-----BEGIN CERTIFICATE REQUEST-----\nMIIOog${join("", [for n in range(1000) : "AAAAA"])}\n-----END CERTIFICATE REQUEST-----" } }
}

run "refuses_two_cameras_of_one_key" {
  command         = plan
  expect_failures = [var.cameras]
  module { source = "./tests/inputs" }
  variables { cameras = { hall-1 = "tests/fixtures/hall-1.csr", hall-2 = "tests/fixtures/hall-1.csr" } }
}
