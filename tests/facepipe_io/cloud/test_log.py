from __future__ import annotations

import json
import logging
from typing import Iterator

import pytest

from facepipe_io.cloud import log
from tests.facepipe_io.cloud.world import logger_put_back


@pytest.fixture(autouse=True)
def _logger_put_back() -> Iterator[None]:
    with logger_put_back():
        yield


def test_each_line_is_an_object_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()
    log.logger.warning("crop", extra={"fields": {"key": "faces/a\nb ü.jpg", "ms": 1.5}})
    (line,) = capsys.readouterr().out.splitlines()
    parsed = json.loads(line)
    assert parsed.pop("timestamp").endswith("Z")
    assert parsed == {"level": "WARNING", "message": "crop", "key": "faces/a\nb ü.jpg", "ms": 1.5}


def test_a_traceback_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        log.logger.exception("unexpected")
    (line,) = capsys.readouterr().out.splitlines()
    assert "ZeroDivisionError: division by zero" in json.loads(line)["exception"]


def test_lines_name_their_invocation(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()
    for request_id in ("first", "second"):
        log.begin(request_id)
        log.logger.info("crop")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["request_id"] for line in lines] == ["first", "second"]


def test_a_second_start_writes_no_line_twice(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()
    log.configure()
    log.logger.info("once")
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_other_loggers_are_left_alone() -> None:
    before = list(logging.getLogger().handlers)
    log.configure()
    assert logging.getLogger().handlers == before
