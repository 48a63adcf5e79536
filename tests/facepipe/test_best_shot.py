"""Which view of whom is sent, and when."""

from __future__ import annotations

import gc
import pickle
import weakref

import attrs
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facepipe.tracks import BestShot, Shot

resends = st.sampled_from([0.0, 0.1, 1.0, 3.0, 10.0])
settles = st.sampled_from([0.0, 0.3, 0.7, 2.5])
qualities = st.sampled_from([0.0, 0.2, 0.5, 0.5, 0.8, 1.0])


@st.composite
def runs(draw, steps=(0.03, 0.1, 0.2, 0.5), stay=False, max_size=60):
    """Frames `(time, {track: quality})`: each of three people is in some of them.

    With `stay` everybody is in every frame.
    """
    time = draw(st.sampled_from([0.0, 1.7e9]))
    quality = qualities if stay else st.none() | qualities
    frames = []
    for _ in range(draw(st.integers(1, max_size))):
        time += draw(st.sampled_from(steps))
        seen = [draw(quality) for _ in range(3)]
        frames.append((time, {track: q for track, q in enumerate(seen, 1) if q is not None}))
    return frames


def play(frames, best, thrifty=True):
    """Run an agent's loop over the frames; gives (shots, the times at which they were due).

    A view is named by its track and time. A thrifty agent cuts only those that improve.
    """
    shots, due = [], []
    for time, seen in frames:
        fresh = best.due(time)
        shots += fresh
        due += [time] * len(fresh)
        for track, quality in seen.items():
            cut = best.improves(track, quality) or not thrifty
            best.offer(track, quality, time, (track, time) if cut else None)
    rest = best.flush(frames[-1][0])
    return shots + rest, due + [float("inf")] * len(rest)


def sightings(frames, track):
    return [(time, seen[track]) for time, seen in frames if track in seen]


# A clock that leaps far ahead, or back, but not far ahead and back to where it was: by then what
# was sent is forgotten.
leaping = runs(steps=(0.0, 0.1, 0.3, 1.0, 5.0, 40.0, 200.0, -0.3)) | runs(
    steps=(0.0, 0.1, 0.3, 1.0, 5.0, -0.3, -5.0, -3600.0)
)


@example(  # a clock that stepped back approaches the last view while a window is open
    frames=[(0.0, {1: 0.0}), (1.0, {1: 0.2}), (-4.0, {}), (-9.0, {1: 0.0}), (-8.9, {1: 0.2})],
    resend=10.0,
    settle=0.3,
)
@given(leaping, resends, settles)
def test_views_of_one_person_are_never_closer_than_the_resend_time(frames, resend, settle):
    shots, _ = play(frames, BestShot(resend_seconds=resend, settle_seconds=settle))
    for track in (1, 2, 3):
        times = [shot.time for shot in shots if shot.track == track]
        assert all(abs(b - a) >= resend for a, b in zip(times, times[1:]))


@given(runs(), resends, settles)
def test_shots_are_numbered_and_are_what_was_offered(frames, resend, settle):
    shots, _ = play(frames, BestShot(resend_seconds=resend, settle_seconds=settle))
    for track in (1, 2, 3):
        own = [shot for shot in shots if shot.track == track]
        assert [shot.shot for shot in own] == list(range(len(own)))
        for shot in own:
            assert shot.view == (track, shot.time)
            assert (shot.time, shot.quality) in sightings(frames, track)


def choose(frames, track, resend, settle):
    """A slow reference for one person: `(time, quality)` of each view sent."""
    sent, window = [], []
    for time, seen in [*frames, (None, {})]:
        if window:
            opened, last = window[0][0], window[-1][0]
            certain = sent or len(window) >= 3 or last - opened >= 0.33
            gone = time is not None and time - last > 2.0
            if certain and (time is None or gone or time - opened >= settle):
                sent.append(max(window, key=lambda view: view[1]))
                window = []
            elif gone:
                window = []
        if track in seen and (window or not sent or time - sent[-1][0] >= resend):
            window.append((time, seen[track]))
    return sent


@given(runs(steps=(0.03, 0.1, 0.2, 0.5, 1.5, 2.5)), resends, settles)
def test_each_shot_is_the_best_view_of_its_window(frames, resend, settle):
    shots, _ = play(frames, BestShot(resend_seconds=resend, settle_seconds=settle))
    for track in (1, 2, 3):
        views = [(shot.time, shot.quality) for shot in shots if shot.track == track]
        assert views == choose(frames, track, resend, settle)


@given(runs(), resends, settles)
def test_whoever_is_seen_for_a_second_is_sent(frames, resend, settle):
    shots, _ = play(frames, BestShot(resend_seconds=resend, settle_seconds=settle))
    for track in (1, 2, 3):
        for times in stays([time for time, _ in sightings(frames, track)]):
            if times[-1] - times[0] >= 1.0:
                near = [s.time for s in shots if s.track == track and s.time <= times[-1]]
                assert near
                assert times[0] - near[-1] < resend or near[-1] >= times[0]


def stays(times, gap=2.0):
    """Split times where more than `gap` lies between two of them: whoever it was had left."""
    parts = []
    for time in times:
        if parts and time - parts[-1][-1] <= gap:
            parts[-1].append(time)
        else:
            parts.append([time])
    return parts


@given(runs(stay=True, max_size=100), resends, settles)
def test_whoever_stays_is_sent_soon_and_again_and_again(frames, resend, settle):
    """Nobody has to wait longer than the windows and the time between frames explain."""
    shots, due = play(frames, BestShot(resend_seconds=resend, settle_seconds=settle))
    times = [time for time, _ in frames]
    step = 0.5 + 1e-6
    for track in (1, 2, 3):
        own = [(shot.time, when) for shot, when in zip(shots, due) if shot.track == track]
        if times[-1] - times[0] >= max(settle, 1.0) + step:
            assert own[0][1] <= times[0] + max(settle, 3 * step) + step
        wait = max(resend, settle + step) + settle + 2 * step
        views = [view for view, _ in own] or [times[0]]
        assert all(b - a <= wait for a, b in zip(views, views[1:]))
        assert times[-1] - views[-1] <= wait


@given(st.lists(st.floats(5.0, 50.0), max_size=30), st.booleans(), settles)
def test_a_flicker_is_not_sent(pauses, twice, settle):
    """One frame, or two in a row, every now and then, even if they have the same number."""
    best = BestShot(settle_seconds=settle)
    time, shots = 0.0, []
    for pause in pauses:
        time += pause
        for frame in range(2):
            shots += best.due(time + 0.1 * frame)
            if frame == 0 or twice:
                best.offer(1, 1.0, time + 0.1 * frame, "noise")
    assert shots + best.flush(time) == []


def test_two_faces_in_one_frame_are_no_second_sighting():
    best = BestShot()
    for quality in (0.1, 0.5, 0.3, 0.2):
        best.offer(1, quality, 0.0, "noise")
    assert best.flush(0.0) == []


def test_two_sightings_some_time_apart_are_no_flicker():
    best = BestShot()
    best.offer(1, 0.5, 0.0, "first")
    best.offer(1, 0.4, 0.5, "second")
    assert best.due(0.7) == [Shot(1, 0, 0.0, 0.5, "first")]


def test_who_leaves_before_the_window_closes_is_sent():
    best = BestShot(settle_seconds=30.0)
    for time in (0.0, 0.4, 0.8):
        best.offer(1, 0.5, time, f"at {time}")
    assert best.due(2.5) == []
    assert [shot.view for shot in best.due(3.0)] == ["at 0.0"]


def test_still_pictures_are_sent_at_once():
    best = BestShot(resend_seconds=0.0, settle_seconds=0.0, min_views=1)
    best.offer(1, 0.5, 0.0, "one")
    assert [shot.view for shot in best.due(0.0)] == ["one"]
    best.offer(2, 0.5, 1.0, "other")
    assert [shot.view for shot in best.flush(1.0)] == ["other"]


@given(leaping, resends, settles)
def test_a_view_that_does_not_improve_need_not_be_cut(frames, resend, settle):
    one, other = (BestShot(resend_seconds=resend, settle_seconds=settle) for _ in range(2))
    thrifty, lavish = play(frames, one), play(frames, other, thrifty=False)
    assert thrifty == lavish
    assert [shot.view for shot in thrifty[0]] == [shot.view for shot in lavish[0]]


def test_nothing_is_cut_while_a_person_rests():
    best = BestShot(resend_seconds=10.0, settle_seconds=0.0)
    for time in (0.0, 0.1, 0.2):
        best.offer(1, 0.5, time, "view")
    assert len(best.due(0.3)) == 1
    assert not best.improves(1, 1.0)
    best.due(9.9)
    assert not best.improves(1, 1.0)
    best.due(10.0)
    assert best.improves(1, 0.1)


def test_a_person_known_only_without_views_waits_for_one():
    best = BestShot()
    for time in (0.0, 0.5, 1.0):
        best.offer(1, 0.5, time, None)
        assert best.improves(1, 0.0)
    assert best.due(1.0) == []
    best.offer(1, 0.1, 1.1, "view")
    assert [shot.view for shot in best.due(1.2)] == ["view"]


@example([3600.0, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4])
@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30))
def test_a_clock_that_leaps_starves_nobody(times):
    """Whatever the clock has done before, somebody who stays is sent within two resend times."""
    best = BestShot(resend_seconds=2.0)
    for time in times:
        best.due(time)
        best.offer(1, 0.5, time, "before")
    shots = []
    for frame in range(60):
        time = times[-1] + 0.1 * frame
        shots += best.due(time)
        best.offer(1, 0.5, time, "after")
    assert len(shots + best.flush(time)) >= 1


class View:
    """Something that can be watched being let go."""


def test_only_the_best_view_of_a_window_is_kept_and_none_once_sent():
    best = BestShot(settle_seconds=1.0)
    views = [View() for _ in range(4)]
    watched = [weakref.ref(view) for view in views]
    for frame, quality in enumerate([0.5, 0.2, 0.9, 0.1]):
        best.offer(1, quality, 0.1 * frame, views.pop(0))
    gc.collect()
    assert [ref() is not None for ref in watched] == [False, False, True, False]
    assert len(best.due(1.0)) == 1
    gc.collect()
    assert watched[2]() is None


def test_a_flicker_is_let_go_of():
    best = BestShot()
    view = View()
    watched = weakref.ref(view)
    best.offer(1, 0.5, 0.0, view)
    del view
    best.due(1.9)
    assert watched() is not None
    best.due(2.1)
    gc.collect()
    assert watched() is None


def test_memory_stays_bounded():
    best = BestShot(resend_seconds=1.0)
    sizes = []
    shots = 0
    for track in range(3000):
        for step in range(4 if track % 3 else 1):
            time = track + 0.1 * step
            shots += len(best.due(time))
            best.offer(track, 0.5, time, "view")
        sizes.append(len(pickle.dumps(best)))
    assert shots == 2000 - 1
    assert max(sizes[300:]) <= max(sizes[:300]) + 200


def test_flushed_is_flushed():
    best = BestShot()
    for time in (0.0, 0.1, 0.2):
        best.offer(1, 0.5, time, "view")
    best.offer(2, 0.5, 0.2, "noise")
    assert best.flush(0.2) == [Shot(1, 0, 0.0, 0.5, "view")]
    for time in (0.3, 0.4):
        best.offer(2, 0.5, time, "noise anew")
    assert best.flush(0.4) == []
    best.offer(1, 0.9, 5.0, "too early")
    assert best.flush(5.0) == []
    best.offer(1, 0.9, 10.0, "again")
    assert best.flush(10.0) == [Shot(1, 1, 10.0, 0.9, "again")]


def test_shots_come_in_the_order_in_which_people_appeared():
    best = BestShot(settle_seconds=0.3)
    for track, time in [(5, 0.0), (3, 0.1), (5, 0.1), (3, 0.2), (5, 0.2), (3, 0.3)]:
        best.offer(track, 0.5, time, "view")
    assert [shot.track for shot in best.due(0.5)] == [5, 3]


@pytest.mark.parametrize(
    "setting",
    [
        {"resend_seconds": -1.0},
        {"resend_seconds": float("inf")},
        {"resend_seconds": float("nan")},
        {"settle_seconds": -0.1},
        {"min_views": 0},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        BestShot(**setting)


def test_a_view_that_is_no_better_is_not_cut():
    best = BestShot()
    best.due(0.0)
    best.offer(1, 0.5, 0.0, "view")
    assert not best.improves(1, 0.5)
    assert best.improves(1, 0.6)
    assert best.improves(2, 0.1)


def test_nothing_is_cut_after_a_flush_while_a_person_rests():
    best = BestShot(min_views=1)
    best.offer(1, 0.5, 0.0, "view")
    assert len(best.flush(0.5)) == 1
    assert not best.improves(1, 1.0)


def test_a_third_of_a_second_apart_is_no_flicker():
    best = BestShot()
    for time in (0.0, 0.33):
        best.offer(1, 0.5, time, "view")
    assert len(best.flush(0.33)) == 1


def test_whoever_stays_keeps_nobody_else_in_mind():
    best = BestShot(resend_seconds=1.0, min_views=1)
    sizes = []
    for track in range(1, 600):
        best.due(float(track))
        for seen in (0, track):
            best.offer(seen, 0.5, float(track), "view")
        sizes.append(len(pickle.dumps(best)))
    assert max(sizes[300:]) <= max(sizes[:300]) + 200


def test_shots_are_compared_without_their_views():
    assert Shot(1, 0, 0.0, 0.5, np.zeros(2)) == Shot(1, 0, 0.0, 0.5, np.ones(2))


def test_it_is_made_of_its_settings_alone():
    settings = [field.name for field in attrs.fields(BestShot) if field.init]
    assert settings == ["resend_seconds", "settle_seconds", "min_views"]
