"""Crowds for tests, made of records and of nothing else."""

from __future__ import annotations

from datetime import timedelta

import attrs
from hypothesis import strategies as st

from facepipe.emotions import FaceEmotions
from facepipe.keys import CropKey, format_key
from facepipe.records import ScoredCrop, seen_object
from facepipe_io.local.crowds import Crowd
from facepipe_io.local.gather import records_of
from facepipe_io.local.store import Store
from tests.facepipe_io.local.test_store import NOON, RUN

MOODS = ("HAPPY", "CALM", "SAD", "FEAR", "UNKNOWN")


def crop_of(camera, run, track, *, shot=0, seconds=0.0, label=None, **emotions):
    """A crop with the key that facepipe gives it."""
    taken = NOON + timedelta(seconds=seconds)
    if label is not None:
        return seen_object(format_key(CropKey(camera, taken, run, track, shot, label=label)))
    key = format_key(CropKey(camera, taken, run, track, shot))
    return ScoredCrop(key, camera, taken, 1, FaceEmotions(emotions or {"HAPPY": 97.5}))


def crowd_of(name, happy, others=0, run="4f9c"):
    """So many people who look happy, and so many who look calm."""
    moods = ["HAPPY"] * happy + ["CALM"] * others
    crops = [
        crop_of(name, run, track, seconds=track, **{mood: 90.0})
        for track, mood in enumerate(moods, start=1)
    ]
    return Crowd(name, (records_of(name, run, crops, lambda crop: 0.0),))


def fill(folder, camera, moods, *, run=None, source=None, live=False, start=NOON, **figures):
    """An output folder with one run more: people of these moods, ten seconds apart."""
    run_id = run or "".join(filter(str.isalnum, camera.lower()))
    begun = attrs.evolve(
        RUN,
        run=run_id,
        camera=camera,
        source=source or f"{camera}.mp4",
        live=live,
        started_at=start,
        finished=True,
        **figures,
    )
    offset = (start - NOON).total_seconds()
    folder.mkdir(parents=True, exist_ok=True)
    with Store(folder, create=True) as store:
        store.put_run(begun)
        for track, mood in enumerate(moods, start=1):
            scores = {mood: 80.0, "CALM" if mood != "CALM" else "SAD": 15.0}
            store.put(crop_of(camera, run_id, track, seconds=offset + 10 * track, **scores))
    return begun


_CAMERAS = ("hall", "=door", "@stage \u05d0", '-1, "a"')
_MOMENTS = st.integers(0, 10**9).map(lambda millis: NOON + timedelta(milliseconds=millis))
_SCORES = st.dictionaries(
    st.sampled_from(MOODS), st.integers(1001, 10000).map(lambda n: n / 100), min_size=1, max_size=3
)


@st.composite
def records(draw, max_size=5):
    """Crops of several cameras and runs, each with a key of its own that fits it."""
    found = {}
    choices = st.tuples(
        st.sampled_from(_CAMERAS), st.sampled_from(["4f9c", "0a0a"]), _MOMENTS, st.integers(0, 3)
    )
    for shot, choice in enumerate(draw(st.lists(choices, min_size=1, max_size=max_size))):
        camera, run, taken, track = choice
        key = CropKey(camera, taken, run, track, shot)
        if track == 0:
            crop = seen_object(format_key(attrs.evolve(key, label="soda cup")))
        else:
            crop = ScoredCrop(format_key(key), camera, taken, 1, FaceEmotions(draw(_SCORES)))
        found[crop.key] = crop
    return list(found.values())
