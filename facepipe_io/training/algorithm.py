"""SageMaker's built-in object detection: its images, instances and hyperparameters."""

from __future__ import annotations

import difflib
import re
import warnings
from typing import Callable, Mapping

from facepipe_io.settings import number, one_of, positive_int

# Accounts that hold AWS's image, by region: "Docker registry paths and example code", Amazon
# SageMaker Developer Guide, as in sagemaker-python-sdk, image_uri_config/object-detection.json.
_ACCOUNTS = {
    "af-south-1": "455444449433",
    "ap-east-1": "286214385809",
    "ap-northeast-1": "501404015308",
    "ap-northeast-2": "306986355934",
    "ap-northeast-3": "364406365360",
    "ap-south-1": "991648021394",
    "ap-southeast-1": "475088953585",
    "ap-southeast-2": "544295431143",
    "ca-central-1": "469771592824",
    "cn-north-1": "390948362332",
    "cn-northwest-1": "387376663083",
    "eu-central-1": "813361260812",
    "eu-north-1": "669576153137",
    "eu-south-1": "257386234256",
    "eu-west-1": "685385470294",
    "eu-west-2": "644912444149",
    "eu-west-3": "749696950732",
    "me-south-1": "249704162688",
    "sa-east-1": "855470959533",
    "us-east-1": "811284229777",
    "us-east-2": "825641698319",
    "us-gov-west-1": "226302683700",
    "us-west-1": "632365934929",
    "us-west-2": "433757028032",
}

_IMAGE = re.compile(
    r"[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[a-z0-9][a-z0-9._/-]*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]*|@sha256:[0-9a-f]{64})"
)

#: Instance types to how many GPUs they have: those of the families that "Object Detection - MXNet"
#: in the Amazon SageMaker Developer Guide names (P2, P3, G4dn, G5), but for P2, which AWS retired.
GPUS = {
    "ml.g4dn.xlarge": 1,
    "ml.g4dn.2xlarge": 1,
    "ml.g4dn.4xlarge": 1,
    "ml.g4dn.8xlarge": 1,
    "ml.g4dn.12xlarge": 4,
    "ml.g4dn.16xlarge": 1,
    "ml.g5.xlarge": 1,
    "ml.g5.2xlarge": 1,
    "ml.g5.4xlarge": 1,
    "ml.g5.8xlarge": 1,
    "ml.g5.12xlarge": 4,
    "ml.g5.16xlarge": 1,
    "ml.g5.24xlarge": 4,
    "ml.g5.48xlarge": 8,
    "ml.p3.2xlarge": 1,
    "ml.p3.8xlarge": 4,
    "ml.p3.16xlarge": 8,
}

#: The least side of a picture that the algorithm takes, in pixels.
MIN_SIDE = 300

#: Numbers ahead of the boxes in a picture's label, and numbers of each box (class, left, top,
#: width, height): `label_width` in "Object Detection Hyperparameters", as are the ranges below.
LABEL_HEADER, LABEL_PER_BOX = 2, 5

#: All that the algorithm can optimise with.
OPTIMIZERS = ("sgd", "adam", "rmsprop", "adadelta")

# What the data say, and nobody has to.
_COMPUTED = ("image_shape", "num_classes", "num_training_samples")


def training_image(region: str, given: str | None = None) -> str:
    """The container image that trains, in ECR.

    Args:
        region: where it is to run.
        given: another than AWS's own.

    Raises:
        ValueError: with one sentence, when there is none.

    Example:
        >>> training_image("eu-west-1")
        '685385470294.dkr.ecr.eu-west-1.amazonaws.com/object-detection:1'
    """
    if given is not None:
        if _IMAGE.fullmatch(given) is None:
            raise ValueError(
                "--image must be an image in ECR, with its tag or digest, such as "
                f"{training_image('us-east-1')}, not {given!r}"
            )
        return given
    if region not in _ACCOUNTS:
        raise ValueError(
            f"AWS has no object-detection image in {region} that is known here: train in another "
            "region, or name the image with --image"
        )
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"{_ACCOUNTS[region]}.dkr.ecr.{region}.{domain}/object-detection:1"


def check_instance_type(name: str) -> None:
    """Refuse an instance type that the algorithm cannot be trained on.

    Raises:
        ValueError: with one sentence that names those it can.
    """
    if name in GPUS:
        return
    choices = ", ".join(GPUS)
    if name.startswith("ml.p2."):
        raise ValueError(f"{name} is gone: AWS retired P2. Take one of {choices}")
    raise ValueError(f"the algorithm cannot be trained on {name}. Take one of {choices}")


def hyperparameter_problems(given: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with hyperparameters that somebody set: name to one sentence.

    Example:
        >>> hyperparameter_problems({"momentum": "2", "mini_batch_size": "8"})
        {'momentum': 'momentum must be a number greater than 0 and at most 1, not 2'}
    """
    problems = {}
    for name, value in given.items():
        if name in _COMPUTED:
            problems[name] = f"{name} follows from the data set: leave it out"
        elif name == "epochs":
            problems[name] = "the number of epochs is set with --epochs"
        elif name not in _PARSERS:
            near = difflib.get_close_matches(name, _PARSERS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            problems[name] = f"{name} is no hyperparameter of the algorithm{hint}"
        else:
            try:
                _PARSERS[name](value)
            except ValueError as error:
                problems[name] = f"{name} must be {error}, not {value or 'nothing'}"
    return problems


def epoch_steps(text: str) -> tuple[int, ...]:
    """Read `lr_scheduler_step`: epochs, rising, with commas between; none at all is fine.

    Raises:
        ValueError: whose text completes "lr_scheduler_step must be ...".

    Example:
        >>> epoch_steps("5, 10")
        (5, 10)
    """
    words = [word.strip() for word in text.split(",")] if text.strip() else []
    if not all(word.isascii() and word.isdigit() and int(word) > 0 for word in words):
        raise ValueError("epochs with commas between, such as 5,10,25")
    steps = tuple(int(word) for word in words)
    if list(steps) != sorted(set(steps)):
        raise ValueError("epochs in rising order")
    return steps


def _share(text: str, *, below_one: bool = False) -> float:
    at_most = "less than" if below_one else "at most"
    message = f"a number greater than 0 and {at_most} 1"
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(message) from error
    if not 0 < value <= 1 or (below_one and value == 1):
        raise ValueError(message)
    return value


def _part(text: str) -> float:
    return _share(text, below_one=True)


def _pattern(text: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what later releases will read otherwise
            re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"a regular expression ({error})") from error
    return text


_PARSERS: dict[str, Callable[[str], object]] = {
    "base_network": one_of("vgg-16", "resnet-50"),
    "early_stopping": one_of("True", "False"),
    "early_stopping_min_epochs": positive_int,
    "early_stopping_patience": positive_int,
    "early_stopping_tolerance": number(0, 1),
    "freeze_layer_pattern": _pattern,
    "label_width": positive_int,
    "learning_rate": _share,
    "lr_scheduler_factor": _part,
    "lr_scheduler_step": epoch_steps,
    "mini_batch_size": positive_int,
    "momentum": _share,
    "nms_threshold": _share,
    "optimizer": one_of(*OPTIMIZERS),
    "overlap_threshold": _share,
    "use_pretrained_model": one_of("0", "1"),
    "weight_decay": _part,
}
