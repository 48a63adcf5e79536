"""The life of a stack, step by step and in this order, and its security, tried out."""

from __future__ import annotations

import shutil

import pytest

from facepipe_io.edge.cameras.demo import visits
from tests.emulator import running
from tests.rehearsal.probes import PROBES, Actors, table
from tests.rehearsal.stack import Stack
from tests.rehearsal.terraform import ROOT, installed

pytestmark = [
    pytest.mark.skipif(not installed(), reason="terraform: not installed"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl: not installed"),
]


@pytest.fixture(scope="module")
def aws():
    with running("--enforce-iam", "--retry-seconds", "0") as emulator:
        yield emulator


@pytest.fixture(scope="module")
def stack(aws, tmp_path_factory):
    made = Stack.make(aws, tmp_path_factory.mktemp("rehearsal"))
    made.terraform.init()
    made.build()
    return made


@pytest.fixture(scope="module")
def actors(stack):
    if not stack.crops("hall-1"):  # run alone, without the demo
        stack.run_demo("hall-1")
    return Actors.of(stack)


def test_a_second_plan_is_empty(stack):
    stack.assert_nothing_to_do()


def test_a_camera_watches_the_demo_and_what_it_saw_is_on_record(stack):
    keys = stack.run_demo("hall-1")
    stack.wait_until_scored()
    stack.assert_records_say_what_was_seen(keys)
    stack.assert_metrics_say_what_was_seen()
    assert stack.crops("hall-2") == []


def test_the_same_people_are_found_wherever_faces_are_looked_for(stack):
    keys = stack.run_demo_in_each_mode()
    people = sorted({visit.name for visit in visits()})
    assert {mode: stack.visitors(found) for mode, found in keys.items()} == dict.fromkeys(
        ("on the device", "in the cloud", "in the cloud, crops too"), people
    )
    counts = [len(found) for found in keys.values()]
    assert max(counts) - min(counts) <= 1


def test_every_widget_of_the_dashboard_shows_something(stack, tmp_path):
    stack.see_an_object("hall-1")
    stack.assert_dashboard_shows_all(tmp_path / "dashboard.png")


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: f"{probe.who} {probe.what}")
def test_who_may_do_what(actors, probe):
    assert probe.outcome(actors) == ("allowed" if probe.allowed else "denied")


def test_the_documented_table_is_what_was_tried():
    assert len(PROBES) >= 40
    assert table() in (ROOT / "docs" / "security.md").read_text("utf-8")


def test_an_update_rebuilds_nothing_and_is_in_use(stack):
    stack.update_in_place()
    stack.assert_update_is_in_use("hall-1")
    stack.assert_revoked("hall-2")


def test_the_function_wrote_no_error(stack):
    events = stack.aws.client("logs").filter_log_events(
        logGroupName=stack.outputs["scorer_log_group"]
    )["events"]
    lines = [event["message"] for event in events]
    assert any('"outcome": "scored"' in line for line in lines)
    assert not [line for line in lines if '"level": "ERROR"' in line]


def test_destroyed_nothing_is_left(stack, aws):
    stack.terraform.destroy()
    stack.assert_nothing_is_left()
    assert aws.lacking() == []
