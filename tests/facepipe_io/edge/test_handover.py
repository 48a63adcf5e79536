from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from facepipe_io.edge.handover import Handover

steps = st.lists(st.one_of(st.integers(0, 99), st.just("take"), st.just("close")), max_size=40)


@given(steps=steps, capacity=st.integers(1, 4))
def test_a_lossy_one_keeps_the_newest_in_order(steps, capacity):
    """Nothing is lost without being told: what was put was taken, is there, or was handed back."""
    handover = Handover(capacity, lossy=True)
    expected, closed = [], False
    for step in steps:
        if step == "close":
            handover.close()
            closed = True
        elif step == "take":
            if expected or closed:
                assert handover.take() == (expected.pop(0) if expected else None)
            else:
                assert handover.take(timeout=0) is None
        elif closed:
            assert handover.put(step) == step
        else:
            lost = expected.pop(0) if len(expected) == capacity else None
            expected.append(step)
            assert handover.put(step) == lost
        assert len(handover) == len(expected)
        assert handover.closed == closed


@given(items=st.lists(st.integers(), max_size=30), capacity=st.integers(1, 3))
def test_any_other_hands_over_everything_in_order(items, capacity):
    handover = Handover(capacity, lossy=False)

    def put_all():
        for item in items:
            assert handover.put(item) is None
        handover.close()

    thread = threading.Thread(target=put_all)
    thread.start()
    taken = []
    while True:
        item = handover.take()
        if item is None:
            break
        assert len(handover) <= capacity
        taken.append(item)
    thread.join()
    assert taken == items


def test_closing_lets_go_of_who_waits_to_put():
    handover = Handover(1, lossy=False)
    handover.put("first")
    lost = []
    thread = threading.Thread(target=lambda: lost.append(handover.put("second")))
    thread.start()
    handover.close()
    thread.join()
    assert lost == ["second"]
    assert (handover.take(), handover.take()) == ("first", None)


def test_closing_lets_go_of_who_waits_to_take():
    handover = Handover(1, lossy=False)
    taken = []
    thread = threading.Thread(target=lambda: taken.append(handover.take()))
    thread.start()
    handover.close()
    thread.join()
    assert taken == [None]
