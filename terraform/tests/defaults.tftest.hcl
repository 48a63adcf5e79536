# The whole root, with its defaults and with its options, on a provider that answers anything.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  scorer_zip = "tests/fixtures/stand-in.zip"
  edge_zip   = "tests/fixtures/stand-in.zip"
}

run "defaults" {
  assert {
    condition     = output.bucket == "deeplens-facepipe-123456789012-us-east-1"
    error_message = "The bucket is named by name, account and region, not ${output.bucket}."
  }

  assert {
    condition     = output.table == "rekognize-faces" && output.namespace == "Facepipe"
    error_message = "Programs in the field know the table and the namespace by these names."
  }

  assert {
    condition     = output.dashboard_url == "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#dashboards:name=deeplens-facepipe"
    error_message = "The dashboard is not at ${output.dashboard_url}."
  }

  assert {
    condition     = length(output.camera_certificates) == 0 && output.batch_role_arn == null && output.kms_key_statements == null && output.greengrass_component == null
    error_message = "Cameras, the role for batch jobs, a key and Greengrass are there only when asked for."
  }

  assert {
    condition     = output.endpoint_name == null && length(output.video_streams) == 0 && length(module.endpoint) == 0 && length(module.video) == 0
    error_message = "What costs money whether it is used or not is there only when asked for."
  }

  assert {
    condition     = output.training_role_arn == null && output.trainer_policy_arn == null && output.kms_key_arn == null && !var.camera_models
    error_message = "Nothing may train, and no camera may fetch models, unless that is asked for."
  }

  assert {
    condition     = var.silent_minutes == 10 && length(var.revoked_cameras) == 0
    error_message = "A camera that goes silent rings, and none is revoked unasked."
  }
}

run "options" {
  variables {
    region          = "eu-west-1"
    name            = "deeplens-lobby"
    bucket_name     = "deeplens-lobby-crops"
    table_name      = "moods"
    namespace       = "Lobby/Moods"
    kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    alarm_email     = "ops@example.com"
    crop_days       = 7
    record_days     = 365
    log_days        = 1
    min_confidence  = 0
    max_concurrency = 1000
    silent_minutes  = 1440
    batch_rescoring = true
    revoked_cameras = ["Hall:2"]
    cameras = {
      hall-1   = "tests/fixtures/hall-1.csr"
      "Hall:2" = <<-PEM
        -----BEGIN CERTIFICATE REQUEST-----
        MIHLMHMCAQAwETEPMA0GA1UEAwwGaGFsbC0yMFkwEwYHKoZIzj0CAQYIKoZIzj0D
        AQcDQgAE8QJRfPyjAiP+edXRWCy86CPVXnA37I1UKn/0KAjJ2RYYERz4mRTvJN6j
        pbzb2+HfWUYZZt7YcIx63gnvX2wWJaAAMAoGCCqGSM49BAMCA0gAMEUCIQDZpjjB
        qDTrDUIGO7P0P8plTsvrxRsc9RMCPpQAg75PWwIgV2QLtWJx57w7HL7hvG/YTFDJ
        cFDyBA5I7lr7QcIl60M=
        -----END CERTIFICATE REQUEST-----
      PEM
    }
  }

  assert {
    condition     = output.bucket == "deeplens-lobby-crops" && output.table == "moods" && output.health_namespace == "Lobby/Moods/Cameras"
    error_message = "A name that was given is not used."
  }

  assert {
    condition     = toset(keys(output.camera_certificates)) == toset(["hall-1", "Hall:2"])
    error_message = "Each camera has a certificate, whether its request was text or a file."
  }

  assert {
    condition     = output.batch_role_arn != null && length(output.kms_key_statements) == 0
    error_message = "The role for batch jobs and the statements for the key are there when asked for; here the statements are the mock's."
  }
}

run "greengrass" {
  variables {
    wheel      = "tests/fixtures/wheels/facepipe-0.1*.whl"
    greengrass = {}
    cameras    = { hall-1 = "tests/fixtures/hall-1.csr" }
  }

  assert {
    condition     = output.greengrass_component.name == "deeplens-facepipe-camera" && startswith(output.greengrass_component.version, "0.1.")
    error_message = "The component is there when asked for, made of the wheel that the pattern finds."
  }
}

run "endpoint" {
  variables {
    endpoint_archive = "tests/fixtures/model.tar.gz"
    endpoint         = {}
  }

  assert {
    condition     = output.endpoint_name == "deeplens-facepipe-faces" && var.endpoint.instance_type == "ml.m5.large"
    error_message = "The endpoint is there when asked for, on the instance that its description gives the price of."
  }
}

run "video" {
  variables {
    video   = {}
    cameras = { hall-1 = "tests/fixtures/hall-1.csr" }
  }

  assert {
    condition     = output.video_streams == tomap({ hall-1 = "deeplens-facepipe-hall-1" }) && var.video.retention_hours == 24
    error_message = "Each camera has a stream when asked for, and video is kept for a day."
  }
}

run "feedback" {
  variables { feedback = {} }

  assert {
    condition     = var.feedback.prefixes == toset(["feedback"]) && var.feedback.days == 30
    error_message = "Frames go under feedback/ and are kept for 30 days, unless something else is asked for."
  }
}

run "training" {
  variables {
    training    = true
    kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition     = output.training_role_arn == "arn:aws:iam::123456789012:role/deeplens-facepipe-training" && output.trainer_policy_arn != null && output.kms_key_arn == var.kms_key_arn
    error_message = "The role and the policy are there when asked for, and the key is told of."
  }
}

# As long as a name may be, in the region of the longest name: every name made of it fits.
run "longest_names" {
  variables {
    region              = "xx-northwestern-1"
    rekognition_regions = ["xx-northwestern-1"]
    name                = "deeplens-0123456789-0123456789-0"
    cameras             = { (join("", [for n in range(128) : "c"])) = "tests/fixtures/hall-1.csr" }
    training            = true
  }

  assert {
    condition     = length(split("/", output.training_role_arn)[1]) <= 64
    error_message = "IAM takes 64 characters."
  }

  assert {
    condition     = length(output.bucket) == 63
    error_message = "The bucket's name has ${length(output.bucket)} characters; this test wants S3's most, 63."
  }

  assert {
    condition     = length(output.scorer_function) <= 64
    error_message = "Lambda takes 64 characters."
  }

  assert {
    condition     = length(keys(output.camera_certificates)[0]) == 128
    error_message = "AWS IoT takes 128 characters."
  }
}
