"""Laws of the backlog, against a plain list of what should be in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from facepipe_io.edge.uplink.backlog import LIVE_SECONDS, Backlog, Parcel

NOW = 1000.0


@st.composite
def parcels(draw, max_size=12):
    """Crops in order, of any size and age, in memory or not, some of which rest."""
    count = draw(st.integers(0, max_size))
    made = []
    for number in range(count):
        in_memory = draw(st.booleans())
        made.append(
            Parcel(
                number,
                f"crop {number}",
                size=draw(st.integers(1, 50)),
                contents=(b"picture",) if in_memory else None,
                put_at=draw(st.sampled_from([-float("inf"), NOW - 2 * LIVE_SECONDS, NOW])),
                rests_until=draw(st.sampled_from([-float("inf"), NOW, NOW + 1])),
            )
        )
    return made


def backlog_of(made, spool_bytes=1e9, memory_bytes=1e9):
    backlog = Backlog(spool_bytes=spool_bytes, memory_bytes=memory_bytes)
    for parcel in made:
        backlog.add(parcel)
    return backlog


def chosen(backlog, choose=Backlog.choose, **how):
    return list(iter(lambda: choose(backlog, now=NOW, **how), None))


def awake(made):
    return [parcel for parcel in made if parcel.rests_until <= NOW]


@given(parcels())
def test_crops_go_in_their_order_and_those_that_rest_do_not(made):
    backlog = backlog_of(made)
    assert chosen(backlog) == awake(made)
    assert len(backlog) == len(made) - len(awake(made))
    resting = [parcel.rests_until for parcel in made if parcel.rests_until > NOW]
    assert backlog.next_after_rest() == min(resting, default=float("inf"))


@given(parcels())
def test_the_newest_first_is_the_order_backwards(made):
    assert chosen(backlog_of(made), Backlog.choose_newest) == awake(made)[::-1]


@given(parcels(), st.integers(-1, 13))
def test_who_goes_through_the_order_begins_anew_at_its_end(made, number):
    behind = [parcel for parcel in awake(made) if parcel.number > number]
    before = [parcel for parcel in awake(made) if parcel.number <= number]
    assert chosen(backlog_of(made), Backlog.choose_after, number=number) == behind + before


@given(parcels())
def test_only_live_crops_are_live_and_they_go_in_their_order(made):
    """Those behind the last one that is not live: nothing newer is older."""
    old = [parcel.number for parcel in made if parcel.put_at < NOW - LIVE_SECONDS]
    live = [parcel for parcel in awake(made) if parcel.number > max(old, default=-1)]
    assert chosen(backlog_of(made), live_only=True) == live


@given(parcels(), st.randoms(use_true_random=False))
def test_what_is_put_back_has_its_old_place(made, random):
    backlog = backlog_of(made)
    taken = chosen(backlog)
    random.shuffle(taken)
    for parcel in taken:
        backlog.put_back(parcel)
    assert chosen(backlog) == awake(made)


@given(parcels(), st.integers(0, 200), st.integers(0, 200))
def test_no_more_is_dropped_than_has_to_be_and_only_the_oldest(made, spool_bytes, memory_bytes):
    backlog = backlog_of(made, spool_bytes, memory_bytes)
    dropped = backlog.drop()
    numbers = {parcel.number for parcel in dropped}
    for in_memory, most in ((False, spool_bytes), (True, memory_bytes)):
        ours = [parcel for parcel in made if parcel.in_memory == in_memory]
        gone = [parcel for parcel in ours if parcel.number in numbers]
        assert gone == ours[: len(gone)]
        kept = sum(parcel.size for parcel in ours[len(gone) :])
        assert kept <= most or ours[len(gone) :] == made[-1:]
        assert not gone or kept + gone[-1].size > most
    assert backlog.drop() == []


@given(parcels(), st.integers(0, 200), st.booleans())
def test_down_to_a_bound_the_oldest_are_dropped_and_even_the_newest(made, most, in_memory):
    backlog = backlog_of(made)
    dropped = backlog.drop_beyond(most, in_memory=in_memory)
    ours = [parcel for parcel in made if parcel.in_memory == in_memory]
    assert dropped == ours[: len(dropped)]
    kept = sum(parcel.size for parcel in ours[len(dropped) :])
    assert kept == backlog.bytes(in_memory=in_memory) <= most
    assert not dropped or kept + dropped[-1].size > most
    assert list(backlog) == [parcel for parcel in made if parcel not in dropped]


@given(parcels(), st.integers(0, 200))
def test_what_is_on_its_way_counts_but_is_not_dropped(made, most):
    backlog = backlog_of(made, most, most)
    first = backlog.choose(NOW)
    assert first not in backlog.drop()


@given(parcels())
def test_what_moved_to_the_spool_counts_there(made):
    backlog = backlog_of(made, spool_bytes=0, memory_bytes=1e9)
    for parcel in backlog.in_memory():
        parcel.contents = None
        backlog.moved(parcel)
    assert backlog.in_memory() == []
    assert backlog.drop() == made[:-1]
