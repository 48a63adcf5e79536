from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe_io.edge.resilience import MAX_BACKOFF_SECONDS, Pace, Trouble, backoff


@given(st.floats(1e-3, 100))
def test_pauses_grow_to_a_bound(first):
    pauses = list(itertools.islice(backoff(first), 30))
    assert pauses[0] == first
    assert all(b == min(2 * a, MAX_BACKOFF_SECONDS) for a, b in zip(pauses, pauses[1:]))
    assert pauses[-1] == MAX_BACKOFF_SECONDS


@given(
    fps=st.floats(0.5, 60),
    gaps=st.lists(st.floats(0, 0.3), min_size=1, max_size=200),
)
def test_never_more_frames_than_wanted(fps, gaps):
    times = list(itertools.accumulate([1000.0, *gaps]))
    pace = Pace(fps)
    passed = [time for time in times if pace.is_due(time)]
    assert passed[0] == times[0]
    for i, start in enumerate(passed):
        for j in range(i, len(passed)):
            # A frame that is late and one that is a quarter early come on top.
            assert j - i + 1 <= (passed[j] - start) * fps + 2.3


@pytest.mark.parametrize(("camera", "wanted"), [(30, 15), (30, 20), (15, 15), (25, 60), (60, 7)])
def test_as_many_frames_as_wanted_where_the_camera_gives_them(camera, wanted):
    jitter = [0.0, 0.1, -0.1, 0.05, -0.15]  # of a frame
    pace = Pace(wanted)
    seconds = 20
    times = [(i + jitter[i % 5]) / camera for i in range(1, camera * seconds)]
    passed = sum(pace.is_due(time) for time in times)
    assert passed == pytest.approx(min(camera, wanted) * seconds, rel=0.03)


@pytest.mark.parametrize("step", [-1e9, -3600, -1.0, 3600, 1e9])
def test_a_clock_that_steps_does_not_stop_the_frames(step):
    pace = Pace(10)
    times = [i / 30 for i in range(300)] + [step + 10 + i / 30 for i in range(300)]
    passed = [time for time in times if pace.is_due(time)]
    assert len(passed) == pytest.approx(200, abs=6)


class TestTrouble:
    """Its clock shows `now`; what was logged is in `said`."""

    @pytest.fixture
    def trouble(self):
        self.now = 0.0
        return Trouble("uplink", clock=lambda: self.now)

    def said(self, caplog):
        return [record.getMessage() for record in caplog.records]

    def test_it_is_told_when_it_begins_and_when_it_ends(self, trouble, caplog):
        trouble.ends()
        for _ in range(50):
            trouble.begins(OSError("no\nroute"))
        trouble.given_up = True
        trouble.ends()
        trouble.ends()
        assert self.said(caplog) == [
            "uplink: no route; trying again",
            "uplink: works again, after 50 failures",
        ]
        assert not trouble.given_up

    def test_what_comes_and_goes_is_told_once_a_minute(self, trouble, caplog):
        for _ in range(600):
            self.now += 1.0
            trouble.begins(OSError("no route"))
            trouble.ends()
        assert len(self.said(caplog)) == 2 * 10

    def test_what_begins_soon_after_and_stays_is_told_in_time(self, trouble, caplog):
        trouble.begins(OSError("no route"))
        trouble.ends()
        for _ in range(100):
            self.now += 1.0
            trouble.begins(OSError("no route again"))
        trouble.ends()
        assert self.said(caplog)[2:] == [
            "uplink: no route again; trying again",
            "uplink: works again, after 100 failures",
        ]
