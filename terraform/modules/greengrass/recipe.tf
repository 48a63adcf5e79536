# The component: what it is made of, how a core device installs and runs it, what it may say.

locals {
  component_name = "${var.name}-camera"

  # By what is in it, since Greengrass keeps a version as it was first: facepipe's major and minor,
  # and a number out of a digest of everything. A suffix would say it better, but the nucleus takes
  # 0.1.0-abc for a range (github.com/aws-greengrass/aws-greengrass-nucleus/pull/1620).
  package_version   = regex("^facepipe-(\\d+)\\.(\\d+)", basename(var.wheel))
  digest            = sha256(join(" ", [local.recipe, filesha256(var.wheel), filesha256(local.requirements)]))
  component_version = join(".", [local.package_version[0], local.package_version[1], parseint(substr(local.digest, 0, 7), 16)])

  requirements = "${path.module}/requirements.txt"
  artifacts    = { wheel = var.wheel, requirements = local.requirements }
  artifact_keys = {
    for artifact, file in local.artifacts : artifact => "components/${local.component_name}/${local.component_version}/${basename(file)}"
  }

  # The agent finds the camera's name by itself: the nucleus sets AWS_IOT_THING_NAME.
  environment = merge({ FACEPIPE_SOURCE = "0" }, var.settings, {
    AWS_DEFAULT_REGION = var.account.region
    FACEPIPE_BUCKET    = var.bucket_name
    FACEPIPE_BUS       = "greengrass"
  })

  topics = ["facepipe/%s/health", "facepipe/%s/infer", "mli/predictions/%s"]

  # The nucleus runs this at each of its starts, perhaps with no network: what is there is not
  # installed again. What was in use last stays, should the deployment be rolled back.
  install = <<-SH
    set -eu
    cd "{work:path}"
    if [ -e venv-@version@/complete ]; then
      touch venv-@version@
      exit
    fi
    rm -rf venv-@version@
    python3 -m venv venv-@version@
    install="venv-@version@/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir"
    $install --requirement "{artifacts:path}/requirements.txt"
    $install --no-index --no-deps "{artifacts:path}/${basename(var.wheel)}"
    touch venv-@version@/complete
    ls -dt venv-* | tail -n +3 | xargs rm -rf
  SH

  # What a camera does not share with the others, or with the cloud, is in a file of its own.
  run = <<-SH
    set -a
    [ ! -r /etc/facepipe/local.env ] || . /etc/facepipe/local.env
    exec "{work:path}/venv-@version@/bin/python" -m deeplens_entry
  SH

  recipe = jsonencode({
    RecipeFormatVersion  = "2020-01-25"
    ComponentName        = local.component_name
    ComponentVersion     = "@version@"
    ComponentDescription = "Finds faces and sends crops of them"
    ComponentPublisher   = "facepipe"

    ComponentDependencies = {
      "aws.greengrass.TokenExchangeService" = { VersionRequirement = "^2.0.0", DependencyType = "HARD" }
    }

    ComponentConfiguration = {
      DefaultConfiguration = {
        environment = local.environment
        accessControl = {
          "aws.greengrass.ipc.mqttproxy" = {
            "${local.component_name}:mqttproxy:1" = {
              policyDescription = "What a camera says of itself"
              operations        = ["aws.greengrass#PublishToIoTCore"]
              # Needs the nucleus's setting interpolateComponentConfiguration.
              resources = [for topic in local.topics : format(topic, "{iot:thingName}")]
            }
          }
        }
      }
    }

    Manifests = [{
      Platform  = { os = "linux" }
      Artifacts = [for file in values(local.artifacts) : { URI = "s3://${var.bucket_name}/components/${local.component_name}/@version@/${basename(file)}" }]
      Lifecycle = {
        Setenv = merge(
          { for variable in keys(local.environment) : variable => "{configuration:/environment/${variable}}" },
          { FACEPIPE_SPOOL_DIR = "{work:path}/spool" },
        )
        install = { Script = local.install, Timeout = 1800 }
        run     = { Script = local.run }
      }
    }]
  })
}
