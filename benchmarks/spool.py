"""The spool and its uploader beside the bare disk, and beside the bare link.

The disk: the same files in the same folder with nothing but the system's calls, in one thread.
`durable` is with what a power cut must not undo: the file and its folder on the disk itself. A
backlog is drained by the uploader's threads, which hand each crop from one to the next; to an
uplink that takes crops at once, that is most of what it costs.

The link: S3 on loopback, where each put takes a round trip, or all of them share a bandwidth. The
uploader drains a backlog with all but one of its connections; that one is for live crops, and the
peer has as many as the backlog. `link itself` is what its figures allow, with no work at all.
"""

# The bare disk is the system's own calls.
# ruff: noqa: PTH104, PTH108, PTH120

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator

import numpy as np

from benchmarks.figures import Growth, Ratio
from benchmarks.loopback import Loopback, loopback
from facepipe.images import encode_jpeg
from facepipe.keys import CropKey, format_key
from facepipe_io.edge.uplink import PARALLEL, S3Uplink, Uplink
from facepipe_io.edge.uplink.spool import Spool
from facepipe_io.edge.uplink.uploader import Uploader
from facepipe_io.errors import UplinkError

BACKLOGS = (10, 100, 1_000, 10_000)
PUT = 20  # crops, between two looks at a clock
DRAINED, FEWEST_DRAINED = 60, 12  # crops, over the link
LATENCY, BANDWIDTH = 0.02, 1e6
PLACES = PARALLEL - 1  # of a backlog

START = datetime(2026, 11, 20, 9, tzinfo=timezone.utc)
#: Some 15 kB, as a crop of 200 pixels has.
CROP = encode_jpeg(np.random.default_rng(7).integers(0, 256, (128, 128, 3), np.uint8))


class Sink(Uplink):
    """Takes everything at once."""

    parallel = PARALLEL

    def put(self, key: str, data: bytes) -> None:
        """Take a crop."""
        assert data == CROP, f"{key} is not as it was put"


def keys(count: int) -> list[str]:
    """Of crops that are taken ten a second."""
    times = (START + timedelta(seconds=number / 10) for number in range(count))
    return [format_key(CropKey("hall-1", at, "4f9c", n, 0)) for n, at in enumerate(times)]


def bare_write(folder: str, key: str, *, durable: bool = False) -> None:
    """A crop, under another name first."""
    path = f"{folder}/{key}"
    file = os.open(f"{path}.part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(file, CROP)
    if durable:
        os.fsync(file)
    os.close(file)
    os.rename(f"{path}.part", path)
    if durable:
        parent = os.open(os.path.dirname(path), os.O_RDONLY)
        os.fsync(parent)
        os.close(parent)


def bare_take(folder: str, key: str) -> None:
    """Read a crop, and remove it."""
    path = f"{folder}/{key}"
    file = os.open(path, os.O_RDONLY)
    data = os.read(file, os.fstat(file).st_size)
    os.close(file)
    assert data == CROP, f"{key} is not as it was written"
    os.unlink(path)


def write(spool: Spool, key: str, *, durable: bool = False) -> None:
    """A crop into the spool."""
    spool.write(key, CROP)
    if durable:
        spool.sync(key)


def take(spool: Spool, key: str) -> None:
    """Read a crop, and remove it."""
    assert spool.read(key) == CROP, f"{key} is not as it was put"
    spool.remove(key)


def disk(folder: str, seconds: float) -> Iterator[Ratio]:
    """A crop in, a crop in so that it stays, and a crop out."""
    stays, *names = keys(1 + PUT)
    spool = Spool(folder)
    spool.write(stays, CROP)  # there are others, as a rule; an empty folder is removed

    def each(work: Callable[[str], None]) -> float:
        start = time.perf_counter()
        for name in names:
            work(name)
        return (time.perf_counter() - start) / PUT * 1e6

    rounds, end = [], time.perf_counter() + 3 * seconds
    while len(rounds) < 3 or time.perf_counter() < end:
        row = []
        for durable in (False, True):
            row += [
                each(partial(write, spool, durable=durable)),
                each(partial(take, spool)),
                each(partial(bare_write, folder, durable=durable)),
                each(partial(bare_take, folder)),
            ]
        rounds.append(row)
    put, out, bare_put, bare_out, put_durable, _, bare_put_durable, _ = zip(*rounds[1:])
    of_rounds = partial(Ratio.of_rounds, "spool")
    yield of_rounds("a crop put", "bare disk", "us", put, bare_put)
    yield of_rounds("a crop put, durable", "bare disk", "us", put_durable, bare_put_durable)
    yield of_rounds("a crop read and removed", "bare disk", "us", out, bare_out)
    spool.remove(stays)
    spool.close()


def fill(folder: str, names: list[str]) -> None:
    """Let crops of an earlier start wait."""
    for name in names:
        Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
        bare_write(folder, name)


def drain(folder: str, uplink: Uplink, crops: int) -> float:
    """Start anew, and send what waits; the seconds."""
    figures: Counter[str] = Counter()

    def count(error: BaseException | None = None, **more: int) -> None:
        assert error is None, error
        figures.update(more)

    uploader = Uploader(uplink, Spool(folder), count=count)
    uploader.close()
    start = time.perf_counter()
    uploader.run()
    spent = time.perf_counter() - start
    assert figures["uploaded"] == crops, figures
    return spent


def backlog(folder: str, seconds: float) -> Iterator[Ratio | Growth]:
    """Crops that wait at the start, to an uplink that takes them at once."""
    sizes = BACKLOGS if seconds > 0.1 else BACKLOGS[:-1]
    ours, theirs, end = [], [], time.perf_counter() + 12 * seconds
    while not ours or time.perf_counter() < end:
        row = []
        for size in sizes:
            fill(folder, keys(size))
            row.append(drain(folder, Sink(), size))
        ours.append(row)
        fill(folder, keys(sizes[-1]))
        start = time.perf_counter()
        for name in keys(sizes[-1]):
            bare_take(folder, name)
        theirs.append((time.perf_counter() - start) / sizes[-1] * 1e6)
    last = [row[-1] / sizes[-1] * 1e6 for row in ours]
    what = f"a crop of {sizes[-1]:,} drained, no link"
    yield Ratio.of_rounds("spool", what, "bare disk", "us", last, theirs)
    yield Growth.of_rounds("spool", "a backlog drained, no link", "crops", "s", sizes, ours)


class Down(Uplink):
    """Takes nothing."""

    parallel = PARALLEL

    def __init__(self) -> None:
        self.asked = threading.Event()

    def put(self, key: str, data: bytes) -> None:  # noqa: ARG002
        """Refuse a crop."""
        self.asked.set()
        raise UplinkError("nowhere", "there is no link; wait")


def put_while_down(folder: str, names: list[str]) -> float:
    """Milliseconds of processor time to put a crop, while those that are there cannot be sent."""
    uplink = Down()
    uploader = Uploader(uplink, Spool(folder), count=lambda *_, **__: None, backoff_seconds=60)
    sending = threading.Thread(target=uploader.run)
    sending.start()
    uplink.asked.wait()
    start = time.process_time()
    for name in names:
        uploader.put(name, CROP)
    uploader.close()
    uploader.hurry(time.monotonic())
    sending.join()
    spent = time.process_time() - start
    for name in names:
        bare_take(folder, name)
    return spent / len(names) * 1e3


def outage(folder: str, seconds: float) -> Iterator[Growth]:
    """A crop put while others wait for a link that is down."""
    sizes = BACKLOGS if seconds > 0.1 else BACKLOGS[:-1]
    for size in sizes:
        fill(f"{folder}/{size}", keys(size))
    rounds, end = [], time.perf_counter() + 8 * seconds
    while not rounds or time.perf_counter() < end:
        rounds.append(
            [put_while_down(f"{folder}/{size}", keys(size + PUT)[size:]) for size in sizes]
        )
    what = "a crop put with no link, processor"
    yield Growth.of_rounds("spool", what, "crops waiting", "ms", sizes, rounds, bound=0.1)


def alone(folder: str, client: Any, names: list[str]) -> float:
    """Read, put and remove crops over as many connections as a backlog has; the seconds."""

    def send(key: str) -> None:
        data = Path(folder, key).read_bytes()
        client.put_object(Bucket="crops", Key=key, Body=data, ContentType="image/jpeg")
        os.unlink(f"{folder}/{key}")

    start = time.perf_counter()
    with ThreadPoolExecutor(PLACES) as pool:
        list(pool.map(send, names))
    return time.perf_counter() - start


def in_turns(
    cloud: Loopback, folder: str, names: list[str], seconds: float
) -> tuple[list[float], list[float]]:
    """Milliseconds a crop of both sides over a link, round by round."""
    client = cloud.client()
    uplink = S3Uplink("crops", lambda: client)
    rounds, end = [], time.perf_counter() + 4 * seconds
    while len(rounds) < 3 or time.perf_counter() < end:
        row = []
        for side in (
            partial(drain, folder, uplink, len(names)),
            partial(alone, folder, client, names),
        ):
            fill(folder, names)
            row.append(side() / len(names) * 1e3)
            counts = cloud.take()
            assert counts.calls == counts.kept == len(names), f"{counts} of {len(names)} crops"
        rounds.append(row)
    ours, theirs = zip(*rounds[1:])  # the first one warms up
    return ours, theirs


def link(folder: str, seconds: float) -> Iterator[Ratio]:
    """A backlog over a link of some latency, and over one of some bandwidth."""
    names = keys(DRAINED if seconds > 0.1 else FEWEST_DRAINED)
    links = {
        f"{LATENCY * 1e3:.0f} ms a put": (loopback(latency=LATENCY), LATENCY / PLACES),
        f"{BANDWIDTH / 1e6:.0f} MB/s": (loopback(bandwidth=BANDWIDTH), len(CROP) / BANDWIDTH),
    }
    for name, (opened, allowed) in links.items():
        with opened as cloud:
            ours, theirs = in_turns(cloud, folder, names, seconds)
        what = f"a crop of {len(names)} drained, {name}"
        yield Ratio.of_rounds("spool", what, f"boto3, {PLACES} threads", "ms", ours, theirs)
        theirs = [allowed * 1e3] * len(ours)
        yield Ratio.of_rounds("spool", what, "link itself", "ms", ours, theirs)


def figures(seconds: float) -> Iterator[Ratio | Growth]:
    """Beside the disk, over the backlog, and beside the link."""
    log = logging.getLogger("facepipe_io")
    before = log.level
    log.setLevel(logging.ERROR)  # it tells of each backlog that it finds, and of each outage
    try:
        for part in (disk, backlog, outage, link):
            with tempfile.TemporaryDirectory() as folder:
                yield from part(folder, seconds)
    finally:
        log.setLevel(before)
