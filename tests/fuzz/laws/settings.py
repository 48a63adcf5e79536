"""What people set: variables, names, addresses, and what is to be kept for labelling."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from facepipe.errors import FeedbackError, PointerError
from facepipe.keys import CropKey, parse_key
from facepipe.models import pointer_key
from facepipe.samples import parse_sample_key, sample_key
from facepipe.sampling import keeps, parse_feedback
from facepipe_io.cloud.endpoint import EndpointSettings
from facepipe_io.cloud.settings import ScorerSettings
from facepipe_io.device.environment import check_environment, environment_file
from facepipe_io.edge.bus import parse_broker
from facepipe_io.edge.cameras.base import has_stills, is_live, without_secrets
from facepipe_io.edge.live.address import format_address, parse_live_address
from facepipe_io.edge.live.tokens import read_token
from facepipe_io.edge.names import bucket_name, camera_name, endpoint_name, host_name, preview_name
from facepipe_io.edge.settings import device_settings
from facepipe_io.errors import SettingsError
from facepipe_io.local.selection import Selection, parse_moment
from facepipe_io.settings import load
from facepipe_io.training.algorithm import hyperparameter_problems, training_image
from facepipe_io.training.upload import parse_target
from tests.fuzz import values

_NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
_SAMPLES = {
    "unsure": {
        "s3-bucket-name": "samples",
        "content-type": "image/jpeg,image/png",
        "s3-prefix": "hall/samples",
        "file-ext": "jpg",
        "sampling-strategy": {"strategy-name": "ENTROPY", "threshold": 0.5},
    },
    "random": {
        "s3-bucket-name": "samples",
        "content-type": "image/png",
        "sampling-strategy": '{"strategy-name": "RANDOM_SAMPLING", "rate": 0.1}',
    },
}


class _Half:
    """A generator of one number."""

    def random(self) -> float:
        return 0.5


def feedback(data: bytes) -> None:
    """Samples of a configuration that is taken can be chosen, and have keys."""
    text = values.text(data, [_SAMPLES])
    try:
        configs = parse_feedback(text)
    except FeedbackError as error:
        assert error.problems
        assert all(isinstance(problem, str) for problem in error.problems)
        return
    assert configs
    for config in configs:
        assert keeps(config.strategy, [[0.5, 0.5], [], [2.0]], _Half()) in (True, False)
        key = sample_key(config.prefix, "x" * 128, _NOON, "4f9c", 7, config.extension)
        assert parse_sample_key(key).prefix == config.prefix
        assert len(key.encode()) <= 1024


_ENVIRONMENTS = [
    {
        "FACEPIPE_CAMERA": "hall",
        "FACEPIPE_SOURCE": "rtsp://door/1",
        "FACEPIPE_MODE": "faces",
        "FACEPIPE_DETECTOR": "sagemaker",
        "FACEPIPE_ENDPOINT": "faces",
        "FACEPIPE_CROP_AT": "endpoint",
        "FACEPIPE_MIN_SCORE": "0.5",
        "FACEPIPE_BUCKET": "crops",
        "FACEPIPE_MAX_FPS": "15",
        "FACEPIPE_TOP_K": "3",
        "FACEPIPE_PREVIEW": "http://:8080",
        "FACEPIPE_PREVIEW_VIEWERS": "10",
        "FACEPIPE_BUS": "mqtts://hall:secret@broker:8883",
        "FACEPIPE_CREDENTIALS_ENDPOINT": "c1.credentials.iot.us-east-1.amazonaws.com",
        "FACEPIPE_ROLE_ALIAS": "cameras",
        "FACEPIPE_CERTIFICATE": "a.pem",
        "FACEPIPE_PRIVATE_KEY": "a.key",
        "HOME": "/nowhere",
    },
    {
        "AWS_IOT_THING_NAME": "hall",
        "FACEPIPE_CROPS_DIR": "crops",
        "FACEPIPE_DETECTOR": "yunet",
        "FACEPIPE_MODEL": "a.onnx",
        "FACEPIPE_LABELS": "a.txt",
        "FACEPIPE_FEEDBACK": '{"all": {"s3-bucket-name": "samples", "content-type": "image/png"}}',
        "FACEPIPE_MIN_CONFIDENCE": "10",
        "FACEPIPE_RECORD_DAYS": "30",
        "XDG_STATE_HOME": "/nowhere",
    },
    {"FACEPIPE_MODEL": "s3://crops/models/bottles.json", "FACEPIPE_BUCKET": "crops"},
    {"FACEPIPE_MODE": "classify", "FACEPIPE_MODEL": "a", "FACEPIPE_LABELS": "b"},
]


def environment(data: bytes) -> None:
    """Variables are settings, or a sentence says what is wrong with each."""
    given = values.document(data, _ENVIRONMENTS)
    if not isinstance(given, dict):
        return
    # What a process can be given: no name or text of it has a null character, or half of a pair.
    given = {_variable(name): _variable(value) for name, value in given.items()}
    for cls in (ScorerSettings, EndpointSettings):
        with suppress(SettingsError):
            load(cls, given)
    with suppress(SettingsError):
        found = device_settings(given)
        assert 0 < found.max_fps < float("inf")
        CropKey(found.camera, _NOON, "4f9c", 0, 0)
    with suppress(SettingsError):
        check_environment({"FACEPIPE_CAMERA": "hall", **given}, "hall", None)
        assert environment_file(given).count("\n") == len(given)


def _variable(value: Any) -> str:
    text = str(value).replace("\0", "") if not isinstance(value, int) else "7"
    return text.encode("utf-8", "replace").decode().replace("/dev/", "/").replace("/proc/", "/")


def names(data: bytes) -> None:
    """A name or an address that is taken can be used as one."""
    text = data.decode("utf-8", "surrogateescape")
    for parse in (bucket_name, endpoint_name, preview_name):
        with suppress(ValueError):
            assert parse(text) == text
            assert text.isascii() or parse is preview_name
    with suppress(ValueError):
        key = f"faces/{camera_name(text)}/2026/11/20/09/20261120T093005250Z-4f9c8a1b-7-0.jpg"
        assert parse_key(key).camera == text
    with suppress(PointerError):
        assert pointer_key(text).isascii()
    is_host = False
    with suppress(ValueError):
        is_host = bool(host_name(text))
    if is_host:
        parts = urlsplit(f"https://{text}/")
        assert parts.hostname == text.partition(":")[0].lower()
        assert parts.port is None or parts.port > 0
    address = None
    with suppress(ValueError):
        address = parse_live_address(text)
    if address is not None:
        assert parse_live_address(format_address(*address)) == address
    with suppress(SettingsError):
        broker = parse_broker(text)
        assert str(broker).isprintable()
        again = parse_broker(str(broker))
        assert (again.host, again.port, again.tls) == (broker.host, broker.port, broker.tls)
    with suppress(SettingsError):
        assert str(parse_target(text)) == text.rstrip("/")
    with suppress(ValueError):
        assert training_image("eu-west-1", text) == text
    assert has_stills(text) <= is_live(text)
    bare = without_secrets(text)
    assert without_secrets(bare) == bare


def moment(data: bytes) -> None:
    """A time as somebody types it."""
    text = data.decode("utf-8", "surrogateescape")
    for end in (True, False):
        found = None
        with suppress(ValueError):
            found = parse_moment(text, _NOON, end=end)
        if found is not None:
            assert found.utcoffset() is not None
            assert Selection(since=found).words()


def token(data: bytes) -> None:
    """The file of the word that opens the page."""
    with tempfile.TemporaryDirectory() as folder, suppress(SettingsError):
        path = Path(folder, "token")
        path.write_bytes(data)
        found = read_token(path)
        assert found.isascii()
        assert found.isprintable()
        assert 16 <= len(found) <= 128


def hyperparameters(data: bytes) -> None:
    """What somebody sets for a training job."""
    template = {"momentum": "0.9", "lr_scheduler_step": "5,10", "freeze_layer_pattern": "^conv"}
    given = values.document(data, [template])
    if isinstance(given, dict):
        given = {name: _variable(value) for name, value in given.items()}
        for name, problem in hyperparameter_problems(given).items():
            assert name in given
            assert isinstance(problem, str)


PARSERS = {
    "feedback": feedback,
    "environment": environment,
    "names": names,
    "moment": moment,
    "token": token,
    "hyperparameters": hyperparameters,
}
