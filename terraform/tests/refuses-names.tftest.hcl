# Names and paths that some service would refuse later, or worse take: refused at plan.
# tests/inputs is the root's variables alone, so that no provider need be started for each.

variables {
  scorer_zip = "tests/fixtures/stand-in.zip"
  edge_zip   = "tests/fixtures/stand-in.zip"
}

run "refuses_a_region_without_rekognition" {
  command         = plan
  expect_failures = [var.region]
  module { source = "./tests/inputs" }
  variables { region = "eu-north-1" }
}

run "refuses_a_region_that_is_none" {
  command         = plan
  expect_failures = [var.rekognition_regions]
  module { source = "./tests/inputs" }
  variables {
    region              = "us-east-1"
    rekognition_regions = ["us-east-1", "everywhere"]
  }
}

run "refuses_a_name_with_spaces" {
  command         = plan
  expect_failures = [var.name]
  module { source = "./tests/inputs" }
  variables { name = "deeplens lobby" }
}

run "refuses_a_name_with_capitals" {
  command         = plan
  expect_failures = [var.name]
  module { source = "./tests/inputs" }
  variables { name = "deeplens-Lobby" }
}

run "refuses_a_name_that_ends_in_a_hyphen" {
  command         = plan
  expect_failures = [var.name]
  module { source = "./tests/inputs" }
  variables { name = "deeplens-lobby-" }
}

run "refuses_a_name_without_deeplens" {
  command         = plan
  expect_failures = [var.name]
  module { source = "./tests/inputs" }
  variables { name = "lobby" }
}

run "refuses_a_name_too_long_for_a_bucket" {
  command         = plan
  expect_failures = [var.name]
  module { source = "./tests/inputs" }
  variables { name = "deeplens-0123456789-0123456789-01" }
}

run "refuses_a_bucket_without_deeplens" {
  command         = plan
  expect_failures = [var.bucket_name]
  module { source = "./tests/inputs" }
  variables { bucket_name = "xn--crops" }
}

run "refuses_a_bucket_with_dots" {
  command         = plan
  expect_failures = [var.bucket_name]
  module { source = "./tests/inputs" }
  variables { bucket_name = "deeplens-my.crops" }
}

run "refuses_a_bucket_with_an_underscore" {
  command         = plan
  expect_failures = [var.bucket_name]
  module { source = "./tests/inputs" }
  variables { bucket_name = "deeplens-my_crops" }
}

run "refuses_a_bucket_of_64_characters" {
  command         = plan
  expect_failures = [var.bucket_name]
  module { source = "./tests/inputs" }
  variables { bucket_name = "deeplens-${join("", [for n in range(55) : "b"])}" }
}

run "refuses_a_bucket_named_like_an_access_point" {
  command         = plan
  expect_failures = [var.bucket_name]
  module { source = "./tests/inputs" }
  variables { bucket_name = "deeplens-crops-s3alias" }
}

run "refuses_a_bucket_named_like_an_object_lambda" {
  command         = plan
  expect_failures = [var.bucket_name]
  module { source = "./tests/inputs" }
  variables { bucket_name = "deeplens-crops--ol-s3" }
}

run "refuses_a_bucket_named_like_a_directory" {
  command         = plan
  expect_failures = [var.bucket_name]
  module { source = "./tests/inputs" }
  variables { bucket_name = "deeplens-crops--x-s3" }
}

run "refuses_a_bucket_named_like_a_table_bucket" {
  command         = plan
  expect_failures = [var.bucket_name]
  module { source = "./tests/inputs" }
  variables { bucket_name = "deeplens-crops--table-s3" }
}

run "refuses_a_bucket_named_like_an_account_namespace" {
  command         = plan
  expect_failures = [var.bucket_name]
  module { source = "./tests/inputs" }
  variables { bucket_name = "deeplens-crops-123456789012-us-east-1-an" }
}

run "refuses_a_table_of_two_characters" {
  command         = plan
  expect_failures = [var.table_name]
  module { source = "./tests/inputs" }
  variables { table_name = "ab" }
}

run "refuses_a_table_with_a_slash" {
  command         = plan
  expect_failures = [var.table_name]
  module { source = "./tests/inputs" }
  variables { table_name = "my/table" }
}

run "refuses_a_namespace_of_aws" {
  command         = plan
  expect_failures = [var.namespace]
  module { source = "./tests/inputs" }
  variables { namespace = "AWS/Faces" }
}

run "refuses_an_empty_namespace" {
  command         = plan
  expect_failures = [var.namespace]
  module { source = "./tests/inputs" }
  variables { namespace = "" }
}

run "refuses_a_namespace_with_a_colon" {
  command         = plan
  expect_failures = [var.namespace]
  module { source = "./tests/inputs" }
  variables { namespace = ":Faces" }
}

run "refuses_a_missing_scorer_zip" {
  command         = plan
  expect_failures = [var.scorer_zip]
  module { source = "./tests/inputs" }
  variables { scorer_zip = "tests/fixtures/none.zip" }
}

run "refuses_a_scorer_zip_that_is_a_folder" {
  command         = plan
  expect_failures = [var.scorer_zip]
  module { source = "./tests/inputs" }
  variables { scorer_zip = "tests/fixtures" }
}

run "refuses_a_scorer_zip_that_is_no_zip" {
  command         = plan
  expect_failures = [var.scorer_zip]
  module { source = "./tests/inputs" }
  variables { scorer_zip = "tests/fixtures/hall-1.csr" }
}

run "refuses_an_edge_zip_that_is_a_folder" {
  command         = plan
  expect_failures = [var.edge_zip]
  module { source = "./tests/inputs" }
  variables { edge_zip = "tests/fixtures" }
}

run "refuses_an_edge_zip_that_is_no_zip" {
  command         = plan
  expect_failures = [var.edge_zip]
  module { source = "./tests/inputs" }
  variables { edge_zip = "tests/fixtures/hall-1.csr" }
}

run "refuses_a_missing_edge_zip" {
  command         = plan
  expect_failures = [var.edge_zip]
  module { source = "./tests/inputs" }
  variables { edge_zip = "tests/fixtures/none.zip" }
}

run "refuses_a_key_that_is_an_alias" {
  command         = plan
  expect_failures = [var.kms_key_arn]
  module { source = "./tests/inputs" }
  variables { kms_key_arn = "arn:aws:kms:us-east-1:123456789012:alias/mine" }
}

run "refuses_a_key_of_another_region" {
  command         = plan
  expect_failures = [var.kms_key_arn]
  module { source = "./tests/inputs" }
  variables { kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555" }
}
