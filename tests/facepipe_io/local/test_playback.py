from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe_io.edge.cameras import Frame
from facepipe_io.local.playback import RealTime
from tests.facepipe_io.edge.helpers import ScriptedCamera

BLANK = np.zeros((8, 8, 3), np.uint8)


class TestRealTime:
    """A recording in its own time."""

    class Clock:
        def __init__(self):
            self.now = 100.0

        def __call__(self):
            return self.now

        def sleep(self, seconds):
            assert seconds > 0
            self.now += seconds

    def played(self, times, work=lambda clock: None):
        """When each frame of these times was given, from the first on."""
        clock = self.Clock()
        camera = ScriptedCamera([Frame(BLANK, time) for time in times], live=False)
        playing = RealTime(camera, clock=clock, sleep=clock.sleep)
        given = []
        while playing.read() is not None:
            given.append(clock.now - 100.0)
            work(clock)
        return given

    @given(st.lists(st.floats(0, 0.9), max_size=20))
    def test_frames_come_as_far_apart_as_they_were_taken(self, gaps):
        times = list(itertools.accumulate([1e9, *gaps]))
        expected = [time - 1e9 for time in times]
        assert self.played(times) == pytest.approx(expected, abs=1e-5)

    def test_a_long_gap_is_cut(self):
        assert self.played([0.0, 60.0, 60.5]) == pytest.approx([0.0, 1.0, 1.5])

    def test_a_clock_that_steps_back_stops_nothing(self):
        assert self.played([50.0, 10.0, 10.5]) == pytest.approx([0.0, 0.0, 0.5])

    def test_a_short_delay_is_made_up_for(self):
        delays = iter([0.3, 0.0, 0.0, 0.0])

        def work(clock):
            clock.now += next(delays)

        assert self.played([0.0, 0.1, 0.2, 0.5], work) == pytest.approx([0.0, 0.3, 0.3, 0.5])

    def test_frames_that_take_longer_than_they_last_come_one_after_the_other(self):
        def work(clock):
            clock.now += 2.0

        given = self.played([n / 10 for n in range(6)], work)
        assert given == pytest.approx([0.0, 2.0, 4.0, 6.0, 8.0, 10.0])
