from __future__ import annotations

import errno
import threading
import time
from collections import Counter
from typing import ClassVar

import pytest

from facepipe_io.edge.uplink.lane import MAX_STRIKES
from facepipe_io.edge.uplink.spool import Spool
from facepipe_io.edge.uplink.uploader import QUEUED_CROPS, UPLOAD_TRIES, Uploader
from facepipe_io.errors import UplinkError
from tests.facepipe_io.edge.helpers import ListUplink, wait_for
from tests.facepipe_io.edge.uplink.test_spool import JPEG, PNG, RECORD, files_in, key, sample

WAIT = 90


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Sending:
    """An uploader at work, and what it counts."""

    begun: ClassVar[list] = []  # in this test

    def __init__(self, uplink, spool=None, **more):
        self.counts = Counter()
        self.errors = []
        self.uplink = uplink
        more.setdefault("backoff_seconds", 0.001)
        self.uploader = Uploader(uplink, spool, count=self.count, **more)
        self.fault = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        self.begun.append(self)

    def _run(self):
        try:
            self.uploader.run()
        except ZeroDivisionError as fault:
            self.fault = fault

    def count(self, error=None, **more):
        self.counts.update(more)
        if error is not None:
            self.errors.append(error)

    def put(self, *keys):
        for each in keys:
            self.uploader.put(each, JPEG)

    def put_samples(self, *names):
        for each in names:
            self.uploader.put_sample(each, PNG if each.endswith("png") else JPEG, RECORD)

    def wait(self, **counts):
        wait_for(lambda: all(self.counts[name] >= n for name, n in counts.items()))

    def end(self):
        self.uploader.close()
        self.thread.join(WAIT)
        assert not self.thread.is_alive()
        return self.counts


class Parallel(ListUplink):
    """Four at once; refuses keys for which `refuses` holds."""

    parallel = 4

    def __init__(self):
        super().__init__()
        self.refuses = lambda key: False
        self.lock = threading.Lock()

    def put(self, key, jpeg):
        if self.refuses(key):
            raise UplinkError("nowhere", f"no to {key}")
        with self.lock:
            super().put(key, jpeg)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


@pytest.fixture(autouse=True)
def _all_end():
    yield
    for sending in Sending.begun:
        sending.uploader.hurry(time.monotonic())
        sending.end()
    Sending.begun.clear()


def test_what_is_put_is_in_the_spool_until_it_is_stored(folder):
    uplink = ListUplink()
    uplink.gate.clear()
    sending = Sending(uplink, Spool(folder))
    sending.put(key(1), key(2))
    assert files_in(folder) == {key(1), key(2)}
    uplink.gate.set()
    counts = sending.end()
    assert uplink.crops == [(key(1), JPEG), (key(2), JPEG)]
    assert files_in(folder) == set()
    assert (counts["uploaded"], counts["bytes_uploaded"], counts["bytes_waiting"]) == (
        2,
        2 * len(JPEG),
        0,
    )


def test_what_an_earlier_start_left_goes_first(folder):
    earlier = Spool(folder)
    earlier.write(key(3), JPEG)
    earlier.write(key(1), JPEG)
    earlier.close()
    uplink = ListUplink()
    uplink.gate.clear()
    sending = Sending(uplink, Spool(folder))
    sending.put(key(0))  # the clock was set back, and yet it is the newest
    uplink.gate.set()
    assert sending.end()["recovered"] == 2
    assert uplink.keys == [key(1), key(3), key(0)]


def test_an_outage_loses_nothing_and_ends_in_order(folder):
    uplink = Parallel()
    uplink.refuses = lambda key: True
    sending = Sending(uplink, Spool(folder))
    keys = [key(n) for n in range(50)]
    sending.put(*keys)
    sending.wait(uplink_errors=10)
    assert files_in(folder) == set(keys)
    uplink.parallel = 1  # so that the order in which they arrive is that in which they were sent
    uplink.refuses = lambda key: False
    sending.wait(uploaded=50)
    sending.end()
    # The one with which it was tried may have been the newest.
    assert sorted(uplink.keys) == keys
    assert uplink.keys[1:] == sorted(uplink.keys[1:])
    assert files_in(folder) == set()


def test_while_many_wait_a_live_crop_has_its_turn(folder):
    """Three of four threads hang over the backlog; the fourth takes what comes in now."""
    earlier = Spool(folder)
    for n in range(20):
        earlier.write(key(n), JPEG)
    earlier.close()
    uplink = Parallel()
    hanging = threading.Semaphore(0)
    let_go = threading.Event()

    def refuses(of):
        if of < key(20):
            hanging.release()
            assert let_go.wait(WAIT)
        return False

    uplink.refuses = refuses
    sending = Sending(uplink, Spool(folder))
    for _ in range(3):
        assert hanging.acquire(timeout=WAIT)
    sending.put(key(50), key(51))
    sending.wait(uploaded=2)
    assert uplink.keys == [key(50), key(51)]
    let_go.set()
    assert sending.end()["uploaded"] == 22


def test_beyond_its_bound_the_spool_drops_the_oldest(folder):
    uplink = ListUplink()
    uplink.refusing.set()
    sending = Sending(uplink, Spool(folder), max_bytes=5.5 * len(JPEG), backoff_seconds=60)
    sending.put(key(0))
    sending.wait(uplink_errors=1)
    sending.put(*(key(n) for n in range(1, 9)))
    sending.wait(dropped=4)
    assert files_in(folder) == {key(n) for n in range(4, 9)}
    assert sending.counts["dropped"] == 4
    assert sending.counts["bytes_waiting"] == 5 * len(JPEG)


def test_a_crop_that_nobody_takes_holds_up_no_other(folder):
    uplink = Parallel()
    uplink.refuses = lambda of: of == key(0)
    sending = Sending(uplink, Spool(folder))
    sending.put(key(0))
    for n in range(1, 40):
        sending.put(key(n))
        sending.wait(uploaded=n)
    sending.wait(refused=1)
    errors = sending.counts["uplink_errors"]
    assert errors > MAX_STRIKES
    sending.put(*(key(n) for n in range(40, 60)))
    sending.wait(uploaded=59)
    assert sending.counts["uplink_errors"] == errors  # it rests
    assert files_in(folder) == {key(0)}
    sending.uploader.hurry(time.monotonic())
    sending.end()
    assert files_in(folder) == {key(0)}  # and is left to the next start


def test_while_the_disk_is_full_crops_wait_in_memory(folder, monkeypatch, caplog):
    uplink = ListUplink()
    uplink.refusing.set()
    spool = Spool(folder)
    full = threading.Event()
    write = spool.write

    def may_be_full(key, jpeg):
        if full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        write(key, jpeg)

    monkeypatch.setattr(spool, "write", may_be_full)
    sending = Sending(uplink, spool)
    full.set()
    sending.put(key(1), key(2))
    sending.wait(uplink_errors=3)
    assert files_in(folder) == set()
    assert sending.counts["disk_errors"] >= 2
    full.clear()  # there is room again, and they are moved although nobody comes any more
    wait_for(lambda: files_in(folder) >= {key(1), key(2)})
    sending.put(key(3))
    uplink.refusing.clear()
    sending.wait(uploaded=3)
    counts = sending.end()
    assert sorted(uplink.keys) == [key(1), key(2), key(3)]
    assert (counts["uploaded"], counts["failed"], counts["bytes_waiting"]) == (3, 0, 0)
    assert sum("spool" in record.getMessage() for record in caplog.records) == 2


def test_too_much_for_memory_costs_the_oldest_in_memory(folder, monkeypatch):
    monkeypatch.setattr("facepipe_io.edge.uplink.uploader.MEMORY_BYTES", 2.5 * len(JPEG))
    spool = Spool(folder)
    uplink = ListUplink()
    uplink.refusing.set()
    sending = Sending(uplink, spool, backoff_seconds=60)
    sending.put(key(0))
    sending.wait(uplink_errors=1)

    def full(key, jpeg):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool, "write", full)
    sending.put(*(key(n) for n in range(1, 6)))
    sending.wait(dropped=3)
    sending.uploader.hurry(time.monotonic())
    counts = sending.end()
    assert (counts["dropped"], counts["failed"]) == (3, 2)  # those in memory are lost at the end
    assert files_in(folder) == {key(0)}  # the one in the spool is not


def test_a_crop_that_somebody_removed_from_the_spool_is_lost_and_told_of(folder, caplog):
    uplink = ListUplink()
    uplink.refusing.set()
    sending = Sending(uplink, Spool(folder), backoff_seconds=0.2)
    sending.put(key(1))
    sending.wait(uplink_errors=1)
    (folder / key(1)).unlink()
    uplink.refusing.clear()
    sending.put(key(2))
    counts = sending.end()
    assert (uplink.keys, counts["failed"], counts["bytes_waiting"]) == ([key(2)], 1, 0)
    assert "removed from the spool" in caplog.text


def test_a_crop_that_cannot_be_read_is_kept_for_later(folder, monkeypatch):
    spool = Spool(folder)
    sending = Sending(ListUplink(), spool)
    read = spool.read

    def failing(of):
        if of == key(1):
            raise OSError(errno.EIO, "Input/output error")
        return read(of)

    monkeypatch.setattr(spool, "read", failing)
    sending.put(key(1), key(2))
    sending.wait(uploaded=1, refused=1)
    sending.uploader.hurry(time.monotonic())
    sending.end()
    assert files_in(folder) == {key(1)}


def test_a_fault_in_the_uplink_costs_no_crop(folder, caplog):
    class Faulty(Parallel):
        def put(self, key_, jpeg):
            if key_ == key(1):
                raise ZeroDivisionError("a fault")
            super().put(key_, jpeg)

    uplink = Faulty()
    sending = Sending(uplink, Spool(folder))
    sending.put(key(1), key(2))
    sending.wait(uploaded=1, refused=1)
    sending.uploader.hurry(time.monotonic())
    sending.end()
    assert (uplink.keys, files_in(folder)) == ([key(2)], {key(1)})
    assert "a fault" in caplog.text


@pytest.mark.parametrize("parallel", [1, 4])
def test_crops_that_nobody_takes_at_both_ends_hold_up_none_between(folder, parallel):
    earlier = Spool(folder)
    for n in range(12):
        earlier.write(key(n), JPEG)
    earlier.close()
    uplink = Parallel()
    uplink.parallel = parallel
    uplink.refuses = lambda of: of in (key(0), key(11))
    sending = Sending(uplink, Spool(folder))
    sending.wait(uploaded=10)
    sending.uploader.hurry(time.monotonic())
    sending.end()
    assert files_in(folder) == {key(0), key(11)}


class TestEnd:
    def test_a_crop_that_rests_is_not_waited_for(self, folder, caplog):
        """Not even where nobody is in a hurry: it rests for ten minutes, and then again."""

        class Faulty(ListUplink):
            def put(self, key, jpeg):
                raise ZeroDivisionError("a fault")

        sending = Sending(Faulty(), Spool(folder))
        sending.put(key(1))
        assert sending.end()["refused"] == 1
        assert files_in(folder) == {key(1)}

    def test_in_memory_a_crop_that_rests_has_its_last_tries_at_once(self, caplog):
        class Faulty(ListUplink):
            def put(self, key, jpeg):
                self.entered.set()
                if not self.refusing.is_set():
                    raise ZeroDivisionError("a fault")
                self.crops.append((key, jpeg))

        uplink = Faulty()
        sending = Sending(uplink)
        sending.put(key(1))
        sending.wait(refused=1)
        uplink.refusing.set()  # from here on it takes them
        assert sending.end()["uploaded"] == 1

    def test_in_memory_an_outage_before_the_end_costs_no_tries_after_it(self):
        uplink = ListUplink()
        uplink.refusing.set()
        sending = Sending(uplink)
        sending.put(*(key(n) for n in range(3)))
        sending.wait(uplink_errors=2 * UPLOAD_TRIES)
        before = sending.counts["uplink_errors"]
        counts = sending.end()
        assert counts["failed"] == 3
        assert counts["uplink_errors"] >= before + UPLOAD_TRIES + 2

    def test_a_crop_in_memory_whose_upload_hangs_is_put_into_the_spool(self, folder, monkeypatch):
        monkeypatch.setattr("facepipe_io.edge.uplink.uploader.GRACE_SECONDS", 0.01)
        spool = Spool(folder)
        write = spool.write

        def full(key, jpeg):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(spool, "write", full)
        uplink = ListUplink()
        uplink.gate.clear()
        sending = Sending(uplink, spool)
        sending.put(key(1))
        assert uplink.entered.wait(WAIT)
        monkeypatch.setattr(spool, "write", write)  # there is room again
        sending.uploader.hurry(time.monotonic())
        assert sending.end()["failed"] == 0
        assert files_in(folder) == {key(1)}
        uplink.gate.set()

    def test_what_an_uplink_refuses_is_left_in_the_spool(self, folder):
        uplink = ListUplink()
        uplink.refusing.set()
        sending = Sending(uplink, Spool(folder))
        sending.put(key(1), key(2))
        counts = sending.end()
        assert (counts["uploaded"], counts["failed"], counts["dropped"]) == (0, 0, 0)
        assert counts["uplink_errors"] == UPLOAD_TRIES
        assert files_in(folder) == {key(1), key(2)}
        Spool(folder).close()  # it is let go of

    def test_an_upload_that_hangs_is_left_in_the_spool(self, folder, monkeypatch):
        monkeypatch.setattr("facepipe_io.edge.uplink.uploader.GRACE_SECONDS", 0.01)
        uplink = ListUplink()
        uplink.gate.clear()
        sending = Sending(uplink, Spool(folder))
        sending.put(key(1), key(2))
        assert uplink.entered.wait(WAIT)
        sending.uploader.hurry(time.monotonic())
        sending.end()
        assert files_in(folder) == {key(1), key(2)}
        uplink.gate.set()

    def test_after_the_deadline_nothing_is_begun(self, folder):
        clock = Clock()
        uplink = ListUplink()
        uplink.gate.clear()
        sending = Sending(uplink, Spool(folder), clock=clock)
        sending.put(*(key(n) for n in range(5)))
        assert uplink.entered.wait(WAIT)
        sending.uploader.hurry(1.0)
        sending.uploader.close()
        clock.now = 2.0
        uplink.gate.set()
        sending.thread.join(WAIT)
        assert len(uplink.crops) <= 2
        assert files_in(folder) == {key(n) for n in range(len(uplink.crops), 5)}

    def test_a_put_that_waits_for_room_does_not_wait_for_ever(self, monkeypatch):
        """Whatever becomes of the thread that decides."""
        uplink = ListUplink()
        uplink.gate.clear()
        sending = Sending(uplink, lossy=False)
        putting = threading.Thread(
            target=lambda: sending.put(*(key(n) for n in range(QUEUED_CROPS + 1))), daemon=True
        )
        putting.start()
        wait_for(lambda: sending.counts["bytes_waiting"] > QUEUED_CROPS * len(JPEG))
        sending.uploader._events.put(((1).__truediv__, 0))  # a fault
        putting.join(WAIT)
        assert not putting.is_alive()
        sending.thread.join(WAIT)
        assert sending.fault is not None
        uplink.gate.set()


def of_crops(counts):
    """What was counted but samples."""
    return {name: n for name, n in counts.items() if not name.startswith("samples") and n}


class TestSamples:
    def test_a_sample_is_in_the_spool_until_both_its_files_are_stored(self, folder):
        uplink = ListUplink()
        uplink.gate.clear()
        sending = Sending(uplink, Spool(folder))
        sending.put_samples(sample(1), sample(2, "png"))
        names = [sample(1), sample(1, "json"), sample(2, "png"), sample(2, "json")]
        assert files_in(folder) == set(names)
        uplink.gate.set()
        counts = sending.end()
        assert uplink.crops == list(zip(names, [JPEG, RECORD, PNG, RECORD]))
        assert files_in(folder) == set()
        assert (counts["samples"], counts["samples_stored"], counts["samples_dropped"]) == (4, 4, 0)
        assert of_crops(counts) == {}

    def test_samples_go_in_their_order_after_every_crop_that_waits(self, folder):
        uplink = ListUplink()
        uplink.gate.clear()
        sending = Sending(uplink, Spool(folder))
        sending.put(key(0))
        assert uplink.entered.wait(WAIT)
        sending.put_samples(sample(1), sample(2))
        sending.put(key(3), key(4))
        uplink.gate.set()
        sending.end()
        order = [name for name in uplink.keys if not name.endswith("json")]
        assert order == [key(0), key(3), key(4), sample(1), sample(2)]

    def test_a_live_crop_has_its_turn_while_a_sample_hangs(self, folder):
        uplink = Parallel()
        hangs, let_go = threading.Event(), threading.Event()

        def refuses(of):
            if of.startswith("feedback/"):
                hangs.set()
                assert let_go.wait(WAIT)
            return False

        uplink.refuses = refuses
        sending = Sending(uplink, Spool(folder))
        sending.put_samples(*(sample(n) for n in range(5)))
        assert hangs.wait(WAIT)
        sending.put(*(key(n) for n in range(9)))
        sending.wait(uploaded=9)
        assert sending.counts["samples_stored"] == 0
        let_go.set()
        assert sending.end()["samples_stored"] == 10

    def test_samples_that_nobody_takes_are_no_trouble_to_crops(self, folder, caplog):
        """A bucket that is not there, say: crops are neither paused nor counted as failed."""
        uplink = Parallel()
        uplink.refuses = lambda of: of.startswith("feedback/")
        sending = Sending(uplink, Spool(folder), backoff_seconds=60)
        sending.put_samples(sample(1))
        wait_for(lambda: sending.errors)
        for n in range(20):
            sending.put(key(n))
            sending.wait(uploaded=n + 1)
        sending.uploader.hurry(time.monotonic())
        counts = sending.end()
        assert files_in(folder) == {sample(1), sample(1, "json")}
        assert of_crops(counts) == {"uploaded": 20, "bytes_uploaded": 20 * len(JPEG)}
        assert [r.getMessage() for r in caplog.records if "samples" in r.getMessage()] == [
            f"uplink of samples: {sending.errors[0]}; trying again"
        ]

    def test_a_record_never_goes_before_its_picture(self, folder):
        """Each is refused once, and then taken."""
        refused = set()

        def refuses(name):
            if name in refused:
                return False
            refused.add(name)
            return True

        uplink = Parallel()
        uplink.refuses = refuses
        sending = Sending(uplink, Spool(folder))
        names = [sample(n) for n in range(8)]
        sending.put_samples(*names)
        sending.wait(samples_stored=16)
        sending.end()
        for name in names:
            record = name.replace("jpg", "json")
            assert uplink.keys.index(name) < uplink.keys.index(record)

    def test_samples_have_a_quarter_of_the_spool_and_the_next_is_not_kept(self, folder):
        uplink = ListUplink()
        uplink.refusing.set()
        size = len(JPEG) + len(RECORD)
        sending = Sending(uplink, Spool(folder), max_bytes=4 * 3 * size, backoff_seconds=60)
        sending.put_samples(*(sample(n) for n in range(5)))
        assert files_in(folder) == {sample(n, e) for n in range(3) for e in ("jpg", "json")}
        assert (sending.counts["samples"], sending.counts["samples_dropped"]) == (10, 4)
        sending.uploader.hurry(time.monotonic())
        assert of_crops(sending.end()) == {}

    def test_where_crops_need_the_room_samples_go_first_and_the_oldest_of_them(self, folder):
        uplink = ListUplink()
        uplink.refusing.set()
        size = len(JPEG) + len(RECORD)
        bound = 6 * size
        sending = Sending(uplink, Spool(folder), max_bytes=bound, backoff_seconds=60)
        sending.put(key(0))
        sending.wait(uplink_errors=1)
        sending.put_samples(sample(1))
        sending.put(*(key(n) for n in range(2, 5)))
        fit = int(bound // len(JPEG))
        assert fit >= 6
        sending.put(*(key(n) for n in range(5, 1 + fit)))
        sending.wait(samples_dropped=2)
        assert sending.counts["dropped"] == 0
        kept = {key(0), *(key(n) for n in range(2, 1 + fit))}
        wait_for(lambda: files_in(folder) == kept)
        sending.put_samples(sample(90))  # there is no room for it
        assert files_in(folder) == kept
        assert sending.counts["samples_dropped"] == 4
        sending.put(key(99))
        sending.wait(dropped=1)

    def test_crops_that_are_stored_give_their_room_back(self, folder):
        size = len(JPEG) + len(RECORD)
        uplink = ListUplink()
        uplink.refusing.set()
        sending = Sending(uplink, Spool(folder), max_bytes=4 * size, backoff_seconds=0.001)
        sending.put(*(key(n) for n in range(4)))
        wait_for(lambda: sending.uploader._sample_room < size)
        sending.put_samples(sample(5))
        assert sending.counts["samples_dropped"] == 2
        uplink.refusing.clear()
        sending.wait(uploaded=4)
        wait_for(lambda: sending.uploader._sample_room >= size)
        sending.put_samples(sample(6))
        sending.wait(samples_stored=2)
        sending.end()

    def test_what_an_earlier_start_left_is_sent(self, folder):
        earlier = Spool(folder)
        for n, extension in ((3, "png"), (1, "jpg")):
            earlier.write(sample(n, "json"), RECORD)
            earlier.write(sample(n, extension), PNG if extension == "png" else JPEG)
        earlier.close()
        uplink = ListUplink()
        sending = Sending(uplink, Spool(folder))
        counts = sending.end()
        assert uplink.keys == [sample(1), sample(1, "json"), sample(3, "png"), sample(3, "json")]
        assert files_in(folder) == set()
        assert (counts["samples"], counts["samples_stored"]) == (0, 4)
        assert of_crops(counts) == {}

    def test_a_full_disk_costs_samples_and_leaves_no_part_of_one(self, folder, monkeypatch):
        spool = Spool(folder)
        write = spool.write

        def full(name, data):
            if not name.endswith("json"):
                raise OSError(errno.ENOSPC, "No space left on device")
            write(name, data)

        monkeypatch.setattr(spool, "write", full)
        sending = Sending(ListUplink(), spool)
        sending.put_samples(sample(1), sample(2))
        assert files_in(folder) == set()
        counts = sending.end()
        assert (counts["samples_dropped"], counts["disk_errors"], counts["failed"]) == (4, 2, 0)

    def test_a_sample_of_which_somebody_removed_a_part_is_lost_as_a_whole(self, folder):
        uplink = ListUplink()
        uplink.gate.clear()
        sending = Sending(uplink, Spool(folder))
        sending.put(key(0))
        assert uplink.entered.wait(WAIT)
        sending.put_samples(sample(1), sample(2))
        (folder / sample(1, "json")).unlink()
        uplink.gate.set()
        counts = sending.end()
        assert uplink.keys == [key(0), sample(2), sample(2, "json")]
        assert files_in(folder) == set()
        assert (counts["samples_stored"], counts["samples_dropped"], counts["failed"]) == (2, 2, 0)

    def test_a_fault_in_the_uplink_costs_no_sample(self, folder, caplog):
        class Faulty(ListUplink):
            def put(self, key, data):
                raise ZeroDivisionError("a fault")

        sending = Sending(Faulty(), Spool(folder))
        sending.put_samples(sample(1))
        wait_for(lambda: sending.errors)
        counts = sending.end()
        assert files_in(folder) == {sample(1), sample(1, "json")}
        assert of_crops(counts) == {}

    def test_in_memory_too_samples_have_their_bound_and_their_tries(self, monkeypatch):
        size = len(JPEG) + len(RECORD)
        monkeypatch.setattr("facepipe_io.edge.uplink.uploader.MEMORY_BYTES", 4 * 2 * size)
        uplink = ListUplink()
        uplink.refusing.set()
        sending = Sending(uplink)
        sending.put_samples(*(sample(n) for n in range(3)))
        assert sending.counts["samples_dropped"] == 2
        counts = sending.end()
        assert (counts["samples"], counts["samples_dropped"]) == (6, 6)
        assert of_crops(counts) == {}
        assert len(sending.errors) == UPLOAD_TRIES + 1

    def test_a_recording_waits_for_no_sample(self):
        uplink = ListUplink()
        sending = Sending(uplink, lossy=False)
        sending.put(key(0))
        sending.put_samples(sample(1))
        counts = sending.end()
        assert (counts["uploaded"], counts["samples_stored"]) == (1, 2)

    def test_at_the_end_crops_that_are_given_up_let_samples_wait_for_the_next_start(self, folder):
        uplink = ListUplink()
        uplink.refusing.set()
        sending = Sending(uplink, Spool(folder))
        sending.put(key(0))
        sending.put_samples(sample(1))
        assert of_crops(sending.end()) == {
            "bytes_waiting": len(JPEG),
            "uplink_errors": UPLOAD_TRIES,
        }
        assert files_in(folder) == {key(0), sample(1), sample(1, "json")}
