from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from facepipe.images import encode_jpeg, encode_png
from facepipe_io.edge.uplink.spool import Spool, open_spool
from facepipe_io.errors import SettingsError
from tests.facepipe_io.edge.helpers import picture

JPEG = encode_jpeg(picture(7))
PNG = encode_png(picture(7))
RECORD = b'{"source-ref": "s3://samples/a.jpg"}\n'


def key(number: int, camera: str = "hall", hour: int = 9) -> str:
    return f"faces/{camera}/2026/11/20/{hour:02}/20261120T{hour:02}3005{number:03}Z-4f9c-1-0.jpg"


def sample(number: int, extension: str = "jpg", key: str = "unsure/hall") -> str:
    return f"feedback/samples/{key}/20261120T093005250Z-4f9c-{number}.{extension}"


def files_in(folder: Path) -> set:
    """What is in a folder, of which parts may be going away."""
    found = (Path(parent, name) for parent, _, names in os.walk(str(folder)) for name in names)
    return {path.relative_to(folder).as_posix() for path in found} - {".lock"}


@pytest.fixture
def spool(tmp_path):
    opened = Spool(tmp_path / "state" / "spool")
    yield opened
    opened.close()


def test_what_is_written_can_be_read_until_it_is_removed(spool):
    spool.write(key(1), JPEG)
    spool.write(key(2, "hall ü+%"), JPEG)
    assert files_in(spool.folder) == {key(1), key(2, "hall ü+%")}
    assert spool.read(key(1)) == JPEG
    spool.sync(key(1))
    spool.remove(key(1))
    spool.remove(key(1))
    spool.sync(key(1))
    assert files_in(spool.folder) == {key(2, "hall ü+%")}
    with pytest.raises(FileNotFoundError):
        spool.read(key(1))


def test_no_empty_folder_is_left(spool):
    """Else a year would leave 8,760 of them."""
    for hour in range(3):
        spool.write(key(1, hour=hour), JPEG)
    spool.remove(key(1, hour=0))
    assert not (spool.folder / key(1, hour=0)).parent.exists()
    spool.remove(key(1, hour=1))
    spool.remove(key(1, hour=2))
    assert [path.name for path in spool.folder.iterdir()] == [".lock"]


def test_faces_are_for_this_user_alone(spool):
    spool.write(key(1), JPEG)
    assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((spool.folder / key(1)).stat().st_mode) == 0o600


def test_the_next_start_finds_what_waits_in_the_order_of_its_keys(tmp_path):
    first = Spool(tmp_path)
    assert first.found == []
    for number, hour in ((5, 9), (1, 10), (2, 9)):
        first.write(key(number, hour=hour), JPEG)
    first.close()
    second = Spool(tmp_path)
    assert second.found == [(key(n, hour=h), len(JPEG)) for n, h in ((2, 9), (5, 9), (1, 10))]
    assert (second.damaged, second.foreign) == (0, 0)
    second.close()


@pytest.mark.parametrize(
    "data",
    [b"", JPEG[:1], JPEG[:2], JPEG[:-2], JPEG[: len(JPEG) // 2], b"\0" * len(JPEG), JPEG[2:]],
    ids=["empty", "a byte", "a start", "no end", "a half", "zeros", "no start"],
)
def test_what_a_power_cut_left_of_a_crop_is_removed(tmp_path, data):
    for name, content in ((key(1), data), (key(2), JPEG), (key(3) + ".part", JPEG)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    spool = Spool(tmp_path)
    assert spool.found == [(key(2), len(JPEG))]
    assert (spool.damaged, spool.foreign) == (2, 0)
    assert files_in(tmp_path) == {key(2)}
    spool.close()


def test_what_is_not_facepipes_is_left_alone(tmp_path, caplog):
    foreign = ["notes.txt", "faces/cat.jpg", "holiday.part", key(1).replace("/09/", "/10/")]
    for name in foreign:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(JPEG)
    (tmp_path / key(2)).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / key(2)).symlink_to(tmp_path / "notes.txt")
    spool = Spool(tmp_path)
    assert (spool.found, spool.damaged, spool.foreign) == ([], 0, 5)
    assert files_in(tmp_path) == {*foreign, key(2)}
    assert len(caplog.records) == 1
    spool.close()


def test_what_cannot_be_read_is_left_for_who_can(tmp_path, monkeypatch, caplog):
    """A failing disk, or a crop that root has written, is no reason to delete it."""
    earlier = Spool(tmp_path)
    for number in (1, 2):
        earlier.write(key(number), JPEG)
    earlier.close()
    really_open = Path.open

    def may_fail(self, *arguments, **more):
        if self.name.endswith(Path(key(1)).name):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(self))
        return really_open(self, *arguments, **more)

    monkeypatch.setattr(Path, "open", may_fail)
    spool = Spool(tmp_path)
    assert spool.found == [(key(2), len(JPEG))]
    assert (spool.damaged, spool.foreign) == (0, 1)
    assert files_in(tmp_path) == {key(1), key(2)}
    assert "Input/output error" in caplog.text
    spool.close()


def test_the_oldest_first_whosever_they_are(tmp_path):
    earlier = Spool(tmp_path)
    earlier.write(key(1, camera="alpha", hour=9), JPEG)
    earlier.write(key(2, camera="zebra", hour=8), JPEG)
    earlier.close()
    spool = Spool(tmp_path)
    assert [found for found, _ in spool.found] == [
        key(2, camera="zebra", hour=8),
        key(1, camera="alpha", hour=9),
    ]
    spool.close()


class TestSamples:
    @staticmethod
    def lay(folder, **contents):
        """Files of samples: a name's extension, underlines for further dots, and what it holds."""
        for name, data in contents.items():
            path = folder / sample(1, name.replace("_", "."))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    @pytest.mark.parametrize(("extension", "data"), [("jpg", JPEG), ("jpeg", JPEG), ("png", PNG)])
    def test_the_next_start_finds_those_that_are_whole(self, tmp_path, extension, data):
        self.lay(tmp_path, **{extension: data, "json": RECORD})
        spool = Spool(tmp_path)
        assert spool.samples == [(sample(1, extension), len(data) + len(RECORD))]
        assert (spool.found, spool.damaged_samples, spool.foreign) == ([], 0, 0)
        assert files_in(tmp_path) == {sample(1, extension), sample(1, "json")}
        spool.close()

    @pytest.mark.parametrize(
        ("contents", "damaged"),
        [
            ({"jpg": JPEG[:-2], "json": RECORD}, 2),
            ({"jpg": b"", "json": RECORD}, 2),
            ({"jpg": PNG, "json": RECORD}, 2),
            ({"png": PNG[:-1], "json": RECORD}, 2),
            ({"png": b"\0" * len(PNG), "json": RECORD}, 2),
            ({"jpg": JPEG, "json": b""}, 2),
            ({"jpg": JPEG, "json": RECORD[:-3]}, 2),
            ({"jpg": JPEG, "json": b"\xff\xfe"}, 2),
            ({"jpg": JPEG}, 1),
            ({"jpg_part": JPEG, "json": RECORD}, 2),
            ({"json_part": RECORD}, 1),
            ({"json": RECORD}, 0),  # the picture was stored, and then the process was killed
        ],
    )
    def test_what_is_no_whole_one_is_removed(self, tmp_path, contents, damaged):
        self.lay(tmp_path, **contents)
        spool = Spool(tmp_path)
        assert (spool.samples, spool.damaged_samples) == ([], damaged)
        assert (spool.found, spool.damaged, spool.foreign) == ([], 0, 0)
        assert files_in(tmp_path) == set()
        spool.close()

    def test_what_is_not_facepipes_is_left_alone(self, tmp_path):
        foreign = [
            "feedback/notes.json",
            "feedback/samples/unsure/hall/notes.json",
            "feedback/hall/20261120T093005250Z-4f9c-1.jpg",  # in no bucket
            "samples/unsure/hall/20261120T093005250Z-4f9c-1.jpg",
            sample(1, "gif"),
            sample(1, "jpg.part.part"),
            sample(1, key="unsure//hall").replace("//", "/faces/").replace("unsure/", ""),
            f"feedback/samples/{key(1)}",
        ]
        for name in foreign:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"whatever")
        spool = Spool(tmp_path)
        assert (spool.found, spool.samples) == ([], [])
        assert (spool.damaged, spool.damaged_samples, spool.foreign) == (0, 0, len(foreign))
        assert files_in(tmp_path) == set(foreign)
        spool.close()

    @pytest.mark.parametrize("unreadable", ["jpg", "json"])
    def test_what_cannot_be_read_is_left_with_what_belongs_to_it(
        self, tmp_path, monkeypatch, unreadable
    ):
        self.lay(tmp_path, jpg=JPEG, json=RECORD)
        really_open = Path.open

        def may_fail(self, *arguments, **more):
            if self.name.endswith(unreadable):
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(self))
            return really_open(self, *arguments, **more)

        monkeypatch.setattr(Path, "open", may_fail)
        monkeypatch.setattr(Path, "read_bytes", lambda self: self.open("rb").read())
        spool = Spool(tmp_path)
        assert (spool.samples, spool.damaged_samples, spool.foreign) == ([], 0, 1)
        assert files_in(tmp_path) == {sample(1), sample(1, "json")}
        spool.close()


def test_nothing_of_a_crop_is_left_when_the_disk_is_full(spool, monkeypatch):
    def full(self, target):
        assert self.read_bytes() == JPEG
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        spool.write(key(1), JPEG)
    assert files_in(spool.folder) == set()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="full: this system has no /dev/full")
def test_a_disk_that_is_really_full_says_so(spool):
    (spool.folder / key(1)).parent.mkdir(parents=True)
    (spool.folder / (key(1) + ".part")).symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space"):
        spool.write(key(1), JPEG)
    assert files_in(spool.folder) == set()


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path):
    code = "from facepipe_io.edge.uplink.spool import Spool; "
    code += f"s = Spool({str(tmp_path)!r}); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        with pytest.raises(SettingsError, match="in use by another facepipe"):
            Spool(tmp_path)
        other.kill()
    Spool(tmp_path).close()


def test_a_folder_that_cannot_be_one_is_a_mistake_of_the_settings(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SettingsError, match="cannot be used"):
        open_spool(str(tmp_path / "file" / "spool"))


def test_without_a_disk_memory_serves(monkeypatch, tmp_path, caplog):
    def failing(self, *arguments, **more):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", failing)
    assert open_spool(str(tmp_path / "spool")) is None
    assert "wait in memory" in caplog.text
