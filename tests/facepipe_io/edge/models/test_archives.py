from __future__ import annotations

import gzip
import io
import os
import tarfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facepipe_io.edge.models.archives import unpack
from facepipe_io.errors import ModelError
from tests.facepipe_io.edge.uplink.test_uplinks import at_most_bytes_a_file

FILES = {"compiled.so": b"\x7fELF" * 500, "compiled.meta": b"{}", "deep/er/a.json": b"[]", "z": b""}


def member(name, data=b"", kind=tarfile.REGTYPE, **more):
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(data)
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def tar(*members, dialect=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=dialect) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def raw_header(size, kind, name="x"):
    """A header as no library writes it."""
    info = tarfile.TarInfo(name)
    info.type = kind
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = size if isinstance(size, bytes) else b"%011o\0" % size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def good_tar(dialect=tarfile.PAX_FORMAT):
    members = [member(name, data) for name, data in FILES.items()]
    return tar(member(".", kind=tarfile.DIRTYPE), *members, dialect=dialect)


@pytest.fixture
def pack(tmp_path):
    def write(data):
        (tmp_path / "in").mkdir(exist_ok=True)
        path = tmp_path / "in" / "model.tar.gz"
        path.write_bytes(data)
        return str(path)

    return write


def everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def held(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("dialect", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_all_that_an_archive_holds_is_unpacked(pack, tmp_path, dialect):
    unpack(pack(gzip.compress(good_tar(dialect))), str(tmp_path / "new" / "out"))
    assert held(tmp_path / "new" / "out") == FILES
    folders = {"deep", "deep/er"}
    assert set(everything(tmp_path / "new" / "out")) == folders.union(FILES)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]


def test_an_empty_folder_may_be_there_already(pack, tmp_path):
    (tmp_path / "out").mkdir()
    unpack(pack(gzip.compress(good_tar())), str(tmp_path / "out"))
    assert held(tmp_path / "out") == FILES


def test_names_of_any_length_and_script(pack, tmp_path):
    name = "ü" * 60 + "/" + "日" * 60 + "/" + "n" * 200
    archive = gzip.compress(tar(member(name, b"data")))
    unpack(pack(archive), str(tmp_path / "out"))
    assert held(tmp_path / "out") == {name: b"data"}


def test_what_is_unpacked_has_the_rights_of_new_files(pack, tmp_path):
    archive = tar(member("a", b"1", mode=0o6777, uid=7), member("b", b"2", mode=0))
    unpack(pack(gzip.compress(archive)), str(tmp_path / "out"))
    (tmp_path / "fresh").write_bytes(b"")
    for name in "ab":
        there, fresh = ((tmp_path / path).stat() for path in ("out/" + name, "fresh"))
        assert (there.st_mode, there.st_uid) == (fresh.st_mode, fresh.st_uid)


OUTSIDE = "would write outside of its folder"
PLAIN = "no plain file"
DAMAGED = "damaged or no .tar.gz"
FIRST = member("first", b"data")
HOSTILE = {
    "up": (tar(FIRST, member("../evil", b"x")), OUTSIDE),
    "up inside": (tar(FIRST, member("a/../../evil", b"x")), OUTSIDE),
    "up folder": (tar(FIRST, member("..", kind=tarfile.DIRTYPE)), OUTSIDE),
    "absolute": (tar(FIRST, member("/tmp/evil", b"x")), OUTSIDE),
    "symlink": (tar(FIRST, member("l", kind=tarfile.SYMTYPE, linkname="/etc")), PLAIN),
    "symlink inside": (tar(FIRST, member("l", kind=tarfile.SYMTYPE, linkname="first")), PLAIN),
    "hard link": (tar(FIRST, member("l", kind=tarfile.LNKTYPE, linkname="first")), PLAIN),
    "fifo": (tar(FIRST, member("f", kind=tarfile.FIFOTYPE)), PLAIN),
    "device": (tar(FIRST, member("f", kind=tarfile.CHRTYPE)), PLAIN),
    "block device": (tar(FIRST, member("f", kind=tarfile.BLKTYPE)), PLAIN),
    "sparse": (tar(FIRST)[:1024] + raw_header(0, tarfile.GNUTYPE_SPARSE), PLAIN),
    "unknown type": (tar(FIRST, member("f", kind=b"Z")), PLAIN),
    "twice": (tar(FIRST, member("./first", b"other")), "'first' twice"),
    "a file in a file": (tar(FIRST, member("first/a", b"x")), "'first' is file and folder"),
    "a file for a folder": (tar(member("a/b", b""), member("a", b"")), "'a' is file and folder"),
    "a folder for a file": (
        tar(FIRST, member("first", kind=tarfile.DIRTYPE)),
        "'first' twice",
    ),
    "no name": (tar(FIRST, member("./", b"x")), DAMAGED),
    "long name": (tar(member("n" * 256, b"x")), "a name that no file can have"),
    "long path": (tar(member("n/" * 600 + "x", b"x")), "a name that no file can have"),
    "no file": (tar(member("a", kind=tarfile.DIRTYPE)), "there is no file in it"),
    "nothing": (tar(), "there is no file in it"),
    "huge": (tar(FIRST)[:1024] + raw_header(8 * 10**9, tarfile.REGTYPE), "more than 1 MB"),
    "negative": (tar(FIRST)[:1024] + raw_header(b"\xff" * 12, tarfile.REGTYPE), DAMAGED),
    "huge name": (raw_header(8 * 10**9, tarfile.GNUTYPE_LONGNAME) + bytes(2**20), DAMAGED),
    "huge description": (raw_header(8 * 10**9, tarfile.XHDTYPE) + bytes(2**20), DAMAGED),
    "negative name": (raw_header(b"\xff" * 12, tarfile.GNUTYPE_LONGNAME), DAMAGED),
    "names of names": (raw_header(1, tarfile.GNUTYPE_LONGNAME) * 800, DAMAGED),
    "descriptions of descriptions": (
        (raw_header(512, tarfile.XHDTYPE) + bytes(512)) * 900,
        DAMAGED,
    ),
    "something behind its end": (tar(FIRST) + b"more", DAMAGED),
    "a damaged header": (tar(FIRST)[:1024] + b"header" * 100 + bytes(2000), DAMAGED),
}


@pytest.mark.parametrize("case", sorted(HOSTILE))
def test_a_hostile_archive_is_refused_before_anything_is_written(case, pack, tmp_path):
    data, told = HOSTILE[case]
    with pytest.raises(ModelError, match=told) as caught:
        unpack(pack(gzip.compress(data)), str(tmp_path / "out"), max_bytes=10**6)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert everything(tmp_path) == ["in", "in/model.tar.gz"]


def test_too_many_files(pack, tmp_path, monkeypatch):
    monkeypatch.setattr("facepipe_io.edge.models.archives.MAX_FILES", 3)
    archive = pack(gzip.compress(tar(*[member(str(index)) for index in range(4)])))
    with pytest.raises(ModelError, match="more than 3 files"):
        unpack(archive, str(tmp_path / "out"))


class TestBombs:
    @pytest.mark.parametrize("size", [10**6 - 2048, 10**6])
    def test_the_limit_is_of_what_is_unpacked(self, pack, tmp_path, size):
        archive = pack(gzip.compress(tar(member("zeros", bytes(size)))))
        assert os.path.getsize(archive) < 5000  # noqa: PTH202
        if size < 10**6:
            unpack(archive, str(tmp_path / "out"), max_bytes=10**6 + 10240)
            assert (tmp_path / "out" / "zeros").stat().st_size == size
        else:
            with pytest.raises(ModelError, match="more than 1 MB"):
                unpack(archive, str(tmp_path / "out"), max_bytes=10**6)
            assert not (tmp_path / "out").exists()

    def test_many_small_ones(self, pack, tmp_path):
        archive = pack(gzip.compress(tar(*[member(str(index)) for index in range(3000)])))
        with pytest.raises(ModelError, match="more than 1 MB"):
            unpack(archive, str(tmp_path / "out"), max_bytes=10**6)

    def test_behind_the_end(self, pack, tmp_path):
        archive = pack(gzip.compress(good_tar() + bytes(10**7)))
        with pytest.raises(ModelError, match="more than 1 MB"):
            unpack(archive, str(tmp_path / "out"), max_bytes=10**6)


class TestDamage:
    @pytest.mark.parametrize(
        "data", [b"", b"no archive", bytes(1024), b"PK\x03\x04" + bytes(100), good_tar()]
    )
    def test_no_archive(self, pack, tmp_path, data):
        with pytest.raises(ModelError, match=DAMAGED):
            unpack(pack(data), str(tmp_path / "out"))

    def test_no_tar(self, pack, tmp_path):
        with pytest.raises(ModelError, match=DAMAGED):
            unpack(pack(gzip.compress(b"some text that is compressed" * 100)), str(tmp_path / "o"))

    def test_missing(self, tmp_path):
        with pytest.raises(ModelError, match=r"No such file.*check the path"):
            unpack(str(tmp_path / "missing.tar.gz"), str(tmp_path / "out"))

    def test_truncated_anywhere(self, pack, tmp_path):
        data = gzip.compress(good_tar())
        for length in range(0, len(data), 7):
            with pytest.raises(ModelError, match=DAMAGED):
                unpack(pack(data[:length]), str(tmp_path / "out"))
        assert everything(tmp_path) == ["in", "in/model.tar.gz"]

    @settings(suppress_health_check=list(HealthCheck))
    @given(st.data())
    def test_whatever_is_changed_it_is_told_in_one_sentence(self, pack, tmp_path_factory, data):
        """Before it is compressed, so that no checksum of gzip helps."""
        content = bytearray(good_tar())
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, len(content) - 1))
            content[place] = data.draw(st.integers(0, 255))
        folder = tmp_path_factory.mktemp("changed")
        try:
            unpack(pack(gzip.compress(bytes(content))), str(folder / "out"), max_bytes=10**6)
        except ModelError as error:
            assert "\n" not in str(error)
            assert everything(folder) == []
        else:
            assert set(everything(folder)) >= {"out"}


class TestWriting:
    def test_a_folder_that_is_in_use_is_left_alone(self, pack, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mine").write_bytes(b"1")
        with pytest.raises(ModelError, match="name a folder that is new or empty"):
            unpack(pack(gzip.compress(good_tar())), str(tmp_path / "out"))
        assert everything(tmp_path) == ["in", "in/model.tar.gz", "out", "out/mine"]

    def test_a_full_disk_leaves_nothing_behind(self, pack, tmp_path):
        archive = pack(gzip.compress(good_tar()))
        with at_most_bytes_a_file(1000), pytest.raises(ModelError, match="make room there"):
            unpack(archive, str(tmp_path / "out"))
        assert everything(tmp_path) == ["in", "in/model.tar.gz"]

    def test_a_place_that_cannot_be_written(self, pack, tmp_path):
        archive = pack(gzip.compress(good_tar()))
        with pytest.raises(ModelError, match="cannot be unpacked into"):
            unpack(archive, archive + "/out")
