# What a camera's crop goes through, in order: storage, queue, scorer, dashboard. `device` is the
# cameras' side: who may send crops and messages. `greengrass` is one way to run them; `endpoint` finds
# faces for them; `video` takes their video; `training` makes models for them.

module "storage" {
  source = "./modules/storage"

  account     = local.account
  bucket_name = local.bucket_name
  table_name  = var.table_name
  queue_arn   = module.queue.arn
  crop_days   = var.crop_days
  record_days = var.record_days
  feedback    = var.feedback
  kms_key_arn = var.kms_key_arn
}

module "queue" {
  source = "./modules/queue"

  account                    = local.account
  name                       = var.name
  bucket_arn                 = local.bucket_arn
  visibility_timeout_seconds = module.scorer.visibility_timeout_seconds
  kms_key_arn                = var.kms_key_arn
}

module "scorer" {
  source = "./modules/scorer"

  account         = local.account
  name            = var.name
  zip             = var.scorer_zip
  bucket_arn      = local.bucket_arn
  queue_arn       = module.queue.arn
  table_name      = var.table_name
  table_arn       = module.storage.table_arn
  namespace       = var.namespace
  min_confidence  = var.min_confidence
  record_days     = var.record_days
  max_concurrency = var.max_concurrency
  log_days        = var.log_days
  batch_rescoring = var.batch_rescoring
  kms_key_arn     = var.kms_key_arn
}

module "dashboard" {
  source = "./modules/dashboard"

  account          = local.account
  name             = var.name
  cameras          = toset(keys(var.cameras))
  namespace        = var.namespace
  queue_name       = module.queue.name
  dead_letter_name = module.queue.dead_letter_name
  function_name    = module.scorer.function_name
  function_alias   = module.scorer.alias
  alarm_email      = var.alarm_email
  silent_minutes   = var.silent_minutes
  log_days         = var.log_days
  kms_key_arn      = var.kms_key_arn
}

module "device" {
  source = "./modules/device"

  account         = local.account
  name            = var.name
  cameras         = local.csrs
  revoked_cameras = var.revoked_cameras
  bucket_arn      = local.bucket_arn
  feedback        = var.feedback
  models          = var.camera_models
  zip             = var.edge_zip
  log_days        = var.log_days
  kms_key_arn     = var.kms_key_arn
}

module "greengrass" {
  source = "./modules/greengrass"
  count  = var.greengrass == null ? 0 : 1

  account         = local.account
  name            = var.name
  certificates    = module.device.certificate_arns
  thing_group_arn = module.device.thing_group_arn
  role_name       = module.device.role_name
  bucket_name     = module.storage.bucket_name
  wheel           = local.wheel
  settings        = merge({ for name in module.endpoint[*].endpoint_name : "FACEPIPE_ENDPOINT" => name }, var.greengrass.settings)
  kms_key_arn     = var.kms_key_arn
}

module "endpoint" {
  source = "./modules/endpoint"
  count  = var.endpoint == null ? 0 : 1

  account          = local.account
  name             = var.name
  camera_role_name = module.device.role_name
  bucket_name      = module.storage.bucket_name
  archive          = var.endpoint_archive
  instance_type    = var.endpoint.instance_type
  image            = var.endpoint.image
  settings         = var.endpoint.settings
  crops            = var.endpoint.crops
  log_days         = var.log_days
  kms_key_arn      = var.kms_key_arn
}

module "video" {
  source = "./modules/video"
  count  = var.video == null ? 0 : 1

  account          = local.account
  name             = var.name
  cameras          = toset(keys(var.cameras))
  camera_role_name = module.device.role_name
  retention_hours  = var.video.retention_hours
  kms_key_arn      = var.kms_key_arn
}

module "training" {
  source = "./modules/training"
  count  = var.training ? 1 : 0

  account     = local.account
  name        = var.name
  bucket_name = module.storage.bucket_name
  kms_key_arn = var.kms_key_arn
}
