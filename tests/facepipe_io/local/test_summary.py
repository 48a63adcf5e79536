"""What is said of a run follows from its records."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.emotions import FaceEmotions
from facepipe.records import ScoredCrop
from facepipe_io.errors import StoreError
from facepipe_io.local.store import Store
from facepipe_io.local.summary import mean_emotions, summarise
from tests.facepipe_io.local.test_store import RUN, scored

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)

confidences = st.dictionaries(
    st.sampled_from(["HAPPY", "CALM", "SAD"]), st.floats(10.01, 100), min_size=1
)
timed_crops = st.lists(
    st.tuples(st.floats(0, 1e6), confidences).map(
        lambda pair: ScoredCrop(
            "faces/x.jpg", "hall", NOON + timedelta(seconds=pair[0]), 1, FaceEmotions(pair[1])
        )
    ),
    min_size=1,
    max_size=8,
).map(lambda crops: sorted(crops, key=lambda crop: crop.captured_at))


@given(crops=timed_crops)
def test_the_mean_lies_between_the_least_and_the_most(crops):
    for name, mean in mean_emotions(crops).items():
        values = [crop.emotions.scores.get(name, 0.0) for crop in crops]
        assert min(values) - 1e-9 <= mean <= max(values) + 1e-9
    ranked = list(mean_emotions(crops).values())
    assert ranked == sorted(ranked, reverse=True)


def test_a_run_is_put_together(tmp_path):
    run = attrs.evolve(RUN, frames=100, frame_bytes=1000.0, faces=50, crops=3, bytes_sent=5000)
    other = attrs.evolve(RUN, run="0000", started_at=NOON - timedelta(days=1))
    small, large = scored(2, 0, seconds=3, HAPPY=90.0), scored(2, 1, seconds=14, CALM=60.0)
    with Store(tmp_path, create=True) as store:
        for each in (other, run):
            store.put_run(each)
        for crop in (scored(7, seconds=1, SAD=50.0), large, small, scored(1, run="0000")):
            store.put(crop)
    for crop, size in ((small, 10), (large, 999)):
        (tmp_path / crop.key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / crop.key).write_bytes(b"x" * size)
    summary = summarise(tmp_path)
    assert (summary.run, summary.others) == (run, (other,))
    assert [(p.track, len(p.crops), p.dominant) for p in summary.people] == [
        (2, 2, "HAPPY"),
        (7, 1, "SAD"),
    ]
    assert summary.people[0].best == large
    assert summary.people[0].emotions == {"HAPPY": 45.0, "CALM": 30.0}
    assert summary.moods == [("HAPPY", 1), ("SAD", 1)]
    assert [crop.captured_at.second for crop in summary.crops] == [1, 3, 14]
    assert summary.bytes_saved == pytest.approx(0.95)
    assert summary.calls_saved == pytest.approx(0.94)
    document = json.loads(json.dumps(summary.as_json()))
    assert document["run"]["started_at"] == "2026-11-20T12:00:00.000Z"
    assert [person["track"] for person in document["people"]] == [2, 7]
    assert document["people"][0]["best_crop"] == large.key


def test_any_run_of_a_folder_can_be_put_together(tmp_path):
    clock_set_back = attrs.evolve(RUN, run="aaaa", started_at=NOON - timedelta(days=1))
    with Store(tmp_path, create=True) as store:
        store.put_run(RUN)
        store.put_run(clock_set_back)
        store.put(scored(run=RUN.run))
    assert summarise(tmp_path).run == clock_set_back
    chosen = summarise(tmp_path, RUN.run)
    assert (chosen.run, chosen.others, len(chosen.people)) == (RUN, (clock_set_back,), 1)
    with pytest.raises(StoreError, match="no run zzzz"):
        summarise(tmp_path, "zzzz")


def test_what_was_lost_was_not_saved(tmp_path):
    run = attrs.evolve(RUN, frames=9, frame_bytes=9.0, faces=9, lost=1)
    with Store(tmp_path, create=True) as store:
        store.put_run(run)
    summary = summarise(tmp_path)
    assert (summary.bytes_saved, summary.calls_saved) == (None, None)


def test_nothing_to_compare_with_saves_nothing(tmp_path):
    with Store(tmp_path, create=True) as store:
        store.put_run(RUN)
    summary = summarise(tmp_path)
    assert (summary.bytes_saved, summary.calls_saved, summary.people) == (None, None, ())


def test_a_folder_without_a_run(tmp_path):
    with Store(tmp_path, create=True):
        pass
    with pytest.raises(StoreError, match="no run yet; first: facepipe run"):
        summarise(tmp_path)
