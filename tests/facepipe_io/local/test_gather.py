"""Runs out of folders: each crop counts once, and what is left out is said to be."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepipe_io.errors import StoreError
from facepipe_io.local.crowds import crowds_by
from facepipe_io.local.gather import Gathered, read_folders, records_of, run_of
from facepipe_io.local.selection import Selection
from facepipe_io.local.store import Store
from tests.facepipe_io.local.crowd_data import crop_of, fill, records
from tests.facepipe_io.local.test_store import NOON, RUN

EVERYTHING = Selection()


def names(found):
    return [run.run for run in found.runs]


@settings(max_examples=15)
@given(crops=records(), since=st.none() | st.sampled_from(range(12)))
def test_each_crop_that_is_asked_for_is_there_once(crops, since):
    selection = Selection(since=None if since is None else crops[since % len(crops)].captured_at)
    with tempfile.TemporaryDirectory() as scratch:
        with Store(Path(scratch), create=True) as store:
            for run_id in {run_of(crop) for crop in crops}:
                store.put_run(attrs.evolve(RUN, run=run_id, live=True))
            for crop in crops:
                store.put(crop)
        found = read_folders([Path(scratch), Path(scratch)], selection)
    expected = Counter(crop for crop in crops if selection.keeps(crop))
    assert Counter(crop for each in found.records for crop in each.crops) == expected
    seen = [crop for one in (*found.people, *found.things) for crop in one.crops]
    assert Counter(seen) == expected


@given(crops=records(), by=st.sampled_from([None, "camera", "run"]))
def test_everybody_is_in_one_crowd_and_each_crowd_has_a_name_of_its_own(crops, by):
    groups: dict = {}
    for crop in crops:
        groups.setdefault((crop.camera, run_of(crop)), []).append(crop)
    found = Gathered(
        "table t",
        tuple(records_of(*key, each, lambda crop: 0.0) for key, each in groups.items()),
    )
    crowds, what = crowds_by(found, by)
    assert sum(len(crowd.people) for crowd in crowds) == len(found.people)
    assert len({crowd.name for crowd in crowds}) == len(crowds)
    cameras = {camera for camera, _ in groups}
    assert what == (by or ("camera" if len(cameras) > 1 else "run"))
    assert len(crowds) == (len(cameras) if what == "camera" else len(groups))


def test_a_person_is_of_one_camera_and_one_run(tmp_path):
    fill(tmp_path / "a", "hall", ["HAPPY", "SAD"], run="aaaa")
    fill(tmp_path / "b", "hall", ["HAPPY", "SAD"], run="bbbb")
    found = read_folders([tmp_path / "a", tmp_path / "b"], EVERYTHING)
    assert [(each.place, len(each.people)) for each in found.records] == [("a", 2), ("b", 2)]
    assert found.folders == {"aaaa": tmp_path / "a", "bbbb": tmp_path / "b"}
    crowds, by = crowds_by(found, None)
    assert ([crowd.name for crowd in crowds], by) == (["a", "b"], "camera")


def test_a_run_that_is_in_two_folders_counts_once(tmp_path):
    fill(tmp_path / "a", "hall", ["HAPPY", "SAD"])
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    found = read_folders([tmp_path / "a", tmp_path / "copy"], EVERYTHING)
    assert len(found.people) == 2


def test_of_a_recording_that_was_run_again_the_latest_run_counts(tmp_path):
    fill(tmp_path, "hall", ["SAD"], run="aaaa")
    other = fill(tmp_path, "hall", ["SAD"], run="bbbb", source="other.mp4")
    fill(tmp_path, "hall", ["HAPPY"], run="cccc", start=NOON - timedelta(days=9))
    found = read_folders([tmp_path], EVERYTHING)
    assert set(names(found)) == {"bbbb", "cccc"}, "put last counts, whatever the clock said"
    assert [run.run for run in found.left_out] == ["aaaa"]
    assert other in found.runs
    chosen = read_folders([tmp_path], Selection(runs=("aaaa", "cccc")))
    assert (set(names(chosen)), chosen.left_out) == ({"aaaa", "cccc"}, ())


def test_of_a_camera_each_run_counts(tmp_path):
    for number in range(3):
        begun = NOON + timedelta(hours=number)
        fill(tmp_path, "hall", ["SAD"], run=f"000{number}", live=True, source="0", start=begun)
    found = read_folders([tmp_path], EVERYTHING)
    assert names(found) == ["0000", "0001", "0002"]
    crowds, by = crowds_by(found, None)
    assert by == "run"
    assert [crowd.name for crowd in crowds] == [
        f"hall, 20 November 2026, {hour}:00 UTC" for hour in (12, 13, 14)
    ]
    (together,), _ = crowds_by(found, "camera")
    assert together.about == "0 · 3 runs · 20 November 2026, 12:00 to 14:00 UTC"


def test_runs_that_began_at_one_time_are_told_apart(tmp_path):
    for run in ("aaaa", "bbbb"):
        fill(tmp_path, "hall", ["SAD"], run=run, source=f"clips/{run}.mp4")
    crowds, _ = crowds_by(read_folders([tmp_path], EVERYTHING), None)
    assert [crowd.name for crowd in crowds] == ["hall, run aaaa", "hall, run bbbb"]
    assert [crowd.about for crowd in crowds] == [
        f"{run}.mp4 · 20 November 2026, 12:00 UTC" for run in ("aaaa", "bbbb")
    ]


def test_folders_of_one_name_are_told_apart(tmp_path):
    for parent in ("friday", "saturday"):
        fill(tmp_path / parent / "out", "hall", ["SAD"], run=f"{parent}00")
        fill(tmp_path / parent / "out", "door", ["SAD"], run=f"{parent}01")
    found = read_folders([tmp_path / name / "out" for name in ("friday", "saturday")], EVERYTHING)
    crowds, _ = crowds_by(found, None)
    assert [crowd.name for crowd in crowds] == [
        f"{camera}, {tmp_path}/{day}/out"
        for camera in ("door", "hall")
        for day in ("friday", "saturday")
    ]


def test_a_run_in_which_nobody_was_seen_is_there_unless_crops_are_asked_for(tmp_path):
    fill(tmp_path, "hall", ["SAD"])
    fill(tmp_path, "door", [])
    assert [each.camera for each in read_folders([tmp_path], EVERYTHING).records] == [
        "hall",
        "door",
    ]
    only = read_folders([tmp_path], Selection(since=NOON))
    assert [each.camera for each in only.records] == ["hall"]


def test_what_is_asked_for_and_not_there(tmp_path):
    fill(tmp_path, "hall", ["SAD", "HAPPY"], run="aaaa")
    with pytest.raises(StoreError) as caught:
        read_folders([tmp_path], Selection(cameras=("door",), since=NOON))
    assert str(caught.value) == (
        f"cannot use {tmp_path}: it has no crop of camera door, since 2026-11-20T12:00:00.000Z; "
        "it has those of hall, 20 November 2026, 12:00 UTC"
    )
    with pytest.raises(StoreError, match="it has no run zzzz; there are aaaa"):
        read_folders([tmp_path], Selection(runs=("aaaa", "zzzz")))
    (tmp_path / "empty").mkdir()
    Store(tmp_path / "empty", create=True).close()
    with pytest.raises(StoreError, match="it has no run yet; first: facepipe run SOURCE --out"):
        read_folders([tmp_path, tmp_path / "empty"], EVERYTHING)


def test_objects_are_gathered_as_well(tmp_path):
    run = fill(tmp_path, "hall", ["SAD"], run="aaaa")
    with Store(tmp_path) as store:
        store.put(crop_of("hall", run.run, 1, label="cup"))
    found = read_folders([tmp_path], EVERYTHING)
    assert [(thing.track, thing.label) for thing in found.things] == [(1, "cup")]
    assert len(found.people) == 1
