from __future__ import annotations

import pytest

from facepipe_io.cloud.settings import ScorerSettings
from facepipe_io.errors import SettingsError
from facepipe_io.settings import load


def test_defaults() -> None:
    assert load(ScorerSettings, {}) == ScorerSettings("rekognize-faces", "Facepipe", 10.0, 30.0)


def test_the_environment_sets_each() -> None:
    environ = {
        "FACEPIPE_TABLE": "t",
        "FACEPIPE_NAMESPACE": "N",
        "FACEPIPE_MIN_CONFIDENCE": "0",
        "FACEPIPE_RECORD_DAYS": "1.5",
    }
    assert load(ScorerSettings, environ) == ScorerSettings("t", "N", 0.0, 1.5)


def test_every_problem_is_reported_at_once() -> None:
    environ = {"FACEPIPE_MIN_CONFIDENCE": "101", "FACEPIPE_RECORD_DAYS": "nan"}
    with pytest.raises(SettingsError) as caught:
        load(ScorerSettings, environ)
    assert caught.value.problems == (
        "FACEPIPE_MIN_CONFIDENCE must be a number from 0 to 100, not '101'",
        "FACEPIPE_RECORD_DAYS must be a number from 1 to 3650, not 'nan'",
    )
