"""What a bill is made of: the price list, a run's workload, what terraform/ builds; and advice."""

from __future__ import annotations

import json
import logging
import re
from datetime import datetime, timezone
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe import _workload, costs
from facepipe.costs import MODES, Workload, bill
from facepipe.emotions import FaceEmotions
from facepipe.keys import CropKey, format_key
from facepipe.motion import MotionGate
from facepipe.records import ScoredCrop, metric_data, to_item
from facepipe.tracks import BestShot, FaceTracker
from facepipe_io.cloud.log import JsonFormatter
from facepipe_io.cloud.settings import ScorerSettings
from facepipe_io.edge import reporter
from facepipe_io.edge.settings import DeviceSettings
from facepipe_io.errors import StoreError
from facepipe_io.local.bill import (
    PRICES_FILE,
    advice,
    as_json,
    bills_of,
    read_prices,
    run_workload,
    with_changes,
)
from facepipe_io.local.store import Run, Store

ROOT = Path(__file__).resolve().parent.parent.parent.parent
PRICES = read_prices()
NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
EMOTIONS = (
    "HAPPY",
    "SAD",
    "ANGRY",
    "CONFUSED",
    "DISGUSTED",
    "SURPRISED",
    "CALM",
    "FEAR",
    "UNKNOWN",
)

#: What `benchmarks/modes.py` measured of the demo.
DEMO = Run(
    run="4f9c0a1b",
    started_at=NOON,
    source="demo",
    camera="demo",
    live=False,
    detector="yunet",
    scorer="smile",
    limits="It knows little.",
    resend_seconds=10.0,
    finished=True,
    seconds=20.0,
    recorded_seconds=41.9,
    frames=420,
    faces=868,
    people=10,
    crops=15,
    bytes_sent=201_353,
    frame_bytes=107_771.0,
)


def put(folder, run, *crops):
    with Store(folder, create=True) as store:
        store.put_run(run)
        for crop in crops:
            store.put(crop)
    return folder


# What the formulas take for granted


def terraform(path):
    return (ROOT / "terraform" / path).read_text("utf-8")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("modules/scorer/main.tf", f"memory_size      = {1024 * costs.MEMORY_GB:.0f}"),
        ("modules/scorer/main.tf", 'architectures    = ["arm64"]'),
        ("modules/scorer/main.tf", f"batch_size                         = {costs.BATCH_SIZE}"),
        ("modules/scorer/main.tf", f"batch_window_seconds = {costs.BATCH_SECONDS}"),
        ("modules/storage/main.tf", 'billing_mode = "PAY_PER_REQUEST"'),
        ("modules/storage/main.tf", 'projection_type = "ALL"'),
        ("modules/endpoint/main.tf", "initial_instance_count = 1"),
        ("modules/endpoint/main.tf", 'SAGEMAKER_MODEL_SERVER_WORKERS = "1"'),
        ("variables-endpoint.tf", f'instance_type = optional(string, "{PRICES.instance}")'),
    ],
)
def test_the_stack_is_built_as_it_is_billed(path, line):
    assert line in terraform(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("crop_days", costs.CROP_DAYS),
        ("record_days", costs.RECORD_DAYS),
        ("max_concurrency", Workload().max_concurrency),
    ],
)
def test_variables_have_the_defaults_that_are_billed(name, value):
    block = terraform("variables-limits.tf").partition(f'variable "{name}"')[2]
    assert re.search(r"default +=(.*)", block).group(1).strip() == str(value)


def test_the_stack_has_the_alarms_and_metrics_that_are_billed():
    alarms = terraform("modules/dashboard/alarms.tf")
    pipeline = alarms.partition("\n  alarms = {")[2].partition("\n  }\n")[0]
    assert len(re.findall(r"^    [a-z-]+ += ", pipeline, re.M)) == costs.ALARMS
    assert len(re.findall(r'resource "aws_cloudwatch_metric_alarm"', alarms)) == 2
    health = terraform("modules/dashboard/health.tf")
    names = re.search(r"health_metrics = \{(.*)\}", health).group(1)
    assert names.count("=") == costs.HEALTH_METRICS


def test_devices_and_the_function_are_set_as_they_are_billed():
    device, workload = attrs.fields(DeviceSettings), Workload()
    assert device.resend_seconds.default == workload.resend_seconds
    assert device.max_fps.default == workload.fps
    assert attrs.fields(ScorerSettings).record_days.default == costs.RECORD_DAYS
    assert reporter.HEALTH_SECONDS == costs.HEALTH_SECONDS
    assert reporter.MESSAGE_SECONDS == costs.MESSAGE_SECONDS


def test_devices_follow_people_as_it_is_billed():
    assert float(_workload.SETTLE_SECONDS) == BestShot().settle_seconds
    assert FaceTracker().max_gap_seconds == _workload.FOLLOWED_SECONDS
    assert MotionGate().idle_seconds == _workload.IDLE_SECONDS


@pytest.fixture
def scored():
    """A crop of a camera with a name of usual length, in which every emotion passed."""
    key = format_key(CropKey("hall-entrance-1", NOON, "4f9c0a1b", 123, 2))
    emotions = FaceEmotions(dict.fromkeys(EMOTIONS, 10.12))
    return ScoredCrop(key, "hall-entrance-1", NOON, 1, emotions)


def test_a_crop_is_charted_by_as_many_metrics_as_are_billed(scored):
    metrics = [(datum["MetricName"], "Dimensions" in datum) for datum in metric_data([scored])]
    assert len({name for name, of_camera in metrics if of_camera}) == costs.EMOTION_METRICS
    assert len(set(metrics)) == 2 * costs.EMOTION_METRICS


def test_a_record_has_no_more_bytes_than_are_billed(scored):
    """Names and values in UTF-8, a number in a byte for two digits and one more."""
    size = 0
    for name, value in to_item(scored, expires_at=1_800_000_000).items():
        number = value.get("N", "").replace(".", "")
        size += len(name) + (len(value["S"]) if "S" in value else (len(number) + 1) // 2 + 1)
    assert 0.5 * costs.RECORD_BYTES <= 2 * (size + 100) <= costs.RECORD_BYTES
    assert size < 1024  # hence one write unit


def test_a_line_of_the_log_has_no_more_bytes_than_are_billed(scored):
    ident = "8f5b1c0e-6b1c-4a33-9f3e-6a1b1c0e6b1c"
    formatter = JsonFormatter()
    formatter.request_id = ident
    fields = {
        "bucket": "deeplens-facepipe-123456789012-us-east-1",
        "key": scored.key,
        "outcome": "scored",
        "message_id": ident,
        "receive_count": 1,
        "camera": scored.camera,
        "dominant": "SURPRISED",
        "faces": 1,
        "ms": 234.5,
    }
    record = {"created": 0.0, "msg": "crop", "levelname": "INFO", "fields": fields}
    line = formatter.format(logging.makeLogRecord(record))
    assert 0.8 * costs.CROP_LOG_BYTES <= len(line) + 26 <= costs.CROP_LOG_BYTES


# Price lists


def test_another_price_list_is_read(tmp_path):
    document = json.loads(PRICES_FILE.read_text("utf-8"))
    document["prices"]["rekognition.images"]["tiers"] = [{"price": 2}]
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(document))
    month = bill(Workload(cameras=1), read_prices(path))
    assert month.line("rekognition.images").dollars == 2 * month.crops


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory; --prices wants a copy of"),
        (b"{", "it is no JSON; copy"),
        (b"\xff", "it is no JSON; copy"),
        (b"[" * 100_000, "it is no JSON; copy"),
        (b"[]", "the price list must be an object with names and values; copy"),
    ],
)
def test_a_file_that_is_no_price_list_is_refused_in_one_line(content, reason, tmp_path):
    path = tmp_path / "prices.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        read_prices(path)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


# Runs


def test_a_run_says_who_passes_and_what_is_sent(tmp_path):
    run, found = run_workload(put(tmp_path, DEMO))
    assert run == DEMO
    workload = Workload(**found)
    assert workload.fps == pytest.approx(10)
    assert workload.people_per_hour == pytest.approx(859.2, abs=0.1)
    assert workload.seconds_in_view == pytest.approx(8.68)
    assert workload.crops_per_person == 1.5
    assert workload.crop_bytes == pytest.approx(13_424, abs=1)
    assert workload.frame_bytes == 107_771


def test_the_defaults_are_about_the_demos(tmp_path):
    _, found = run_workload(put(tmp_path, DEMO))
    workload = Workload()
    for name in ("crop_bytes", "frame_bytes"):
        assert getattr(workload, name) == pytest.approx(found[name], rel=0.01)


def test_crops_of_objects_are_not_scored_and_not_counted(tmp_path, scored):
    key = format_key(CropKey("demo", NOON, DEMO.run, 3, 0, label="bottle"))
    bottle = ScoredCrop(key, "demo", NOON, 0, FaceEmotions({}), label="bottle")
    face = attrs.evolve(scored, key=format_key(CropKey("demo", NOON, DEMO.run, 1, 0)))
    run = attrs.evolve(DEMO, labels=("face", "bottle"))
    _, found = run_workload(put(tmp_path, run, bottle, face))
    assert found["crops_per_person"] == 1.4


def test_a_run_that_saw_nobody_costs_what_a_month_of_it_would(tmp_path):
    run = attrs.evolve(DEMO, people=0, faces=0, crops=0, bytes_sent=0, frame_bytes=0.0)
    _, found = run_workload(put(tmp_path, run))
    assert bill(Workload(**found), PRICES).crops == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"finished": False}, "has no figures; let one come to its end"),
        ({"labels": ("bottle",)}, "looked for objects, which are not scored"),
        ({"recorded_seconds": 0.0}, "is of pictures that have no times; use a video"),
    ],
)
def test_a_run_of_which_too_little_is_known_is_refused(changes, reason, tmp_path):
    put(tmp_path, attrs.evolve(DEMO, **changes))
    with pytest.raises(StoreError, match=reason):
        run_workload(tmp_path)


def test_a_folder_without_a_run_is_refused(tmp_path):
    Store(tmp_path, create=True).close()
    with pytest.raises(StoreError, match="it has no run yet; first: facepipe run"):
        run_workload(tmp_path)


_counted = st.fixed_dictionaries(
    {
        "seconds_in_view": st.floats(0.5, 100),
        "resend_seconds": st.floats(0, 100),
        "crops_per_person": st.floats(0, 20),
    }
)


@given(_counted)
def test_what_was_counted_stays_unless_something_is_changed(found):
    assert with_changes(found, {"hours": 3.0})["crops_per_person"] == pytest.approx(
        found["crops_per_person"]
    )


@given(_counted, st.floats(0, 200))
def test_a_slower_policy_than_the_runs_sends_no_more(found, resend):
    changed = with_changes(found, {"resend_seconds": resend})["crops_per_person"]
    if resend >= found["resend_seconds"]:
        assert changed <= found["crops_per_person"] * (1 + 1e-12)
    else:
        assert changed >= found["crops_per_person"] * (1 - 1e-12)
    assert changed >= min(found["crops_per_person"], 1)


def test_people_who_stay_twice_as_long_send_twice_as_many_after_their_first():
    found = {"seconds_in_view": 8.0, "resend_seconds": 10.0, "crops_per_person": 1.5}
    assert with_changes(found, {"seconds_in_view": 16.0})["crops_per_person"] == 2.0


# What is said


def test_where_all_keeps_within_its_limits_there_is_no_advice():
    assert advice(bills_of(Workload(cameras=2), PRICES), PRICES) == []


def test_each_limit_that_is_exceeded_is_told_of_and_what_to_do():
    crowd = Workload(cameras=120, fps=10)
    rekognition, concurrency, *instances = advice(bills_of(crowd, PRICES), PRICES)
    assert "asks Rekognition 60.0 times a second, and its quota in us-east-1 is 50" in rekognition
    assert "FACEPIPE_RESEND_SECONDS, which is 10 here" in rekognition
    assert "30.0 crops have to be scored at once, and max_concurrency is 5" in concurrency
    assert concurrency.endswith("Set it to 30, with a quota of 150 calls a second.")
    assert ["33 instances of ml.m5.large" in instances[0], "40 inst" in instances[1]] == [
        True,
        True,
    ]
    assert "FACEPIPE_MAX_FPS, which is 10 here" in instances[0]


def test_what_the_quota_allows_is_set_without_more_of_it():
    (said,) = advice(bills_of(Workload(cameras=24), PRICES, "edge"), PRICES)
    assert said.endswith("Set it to 6.")


def test_nothing_is_set_higher_than_sqs_takes_it():
    said = advice(bills_of(Workload(cameras=100_000), PRICES, "edge"), PRICES)[1]
    assert "Set it to 1,000, with" in said


def test_json_has_each_modes_bill():
    workload = Workload(cameras=3)
    document = json.loads(json.dumps(as_json(bills_of(workload, PRICES), PRICES)))
    assert list(document["modes"]) == list(MODES)
    assert document["prices"]["region"] == "us-east-1"
    assert document["workload"]["cameras"] == 3
    for mode, said in document["modes"].items():
        month = bill(attrs.evolve(workload, mode=mode), PRICES)
        assert said["dollars"] == float(month.total)
        assert said["dollars"] == pytest.approx(sum(line["dollars"] for line in said["lines"]))
        assert [line["name"] for line in said["lines"]] == [line.name for line in month.lines]
        assert said["peak_calls"] == month.peak_calls
