from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
import threading
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from facepipe_io.edge.detectors import open_detector
from facepipe_io.edge.models import archives, published
from facepipe_io.edge.models import store as model_store
from facepipe_io.edge.models.published import MAX_TRIES, PublishedModel
from facepipe_io.errors import ModelError
from tests.facepipe_io.edge.helpers import picture
from tests.facepipe_io.edge.models.test_archives import member, tar
from tests.facepipe_io.edge.publishing import NAME, nobody, pack
from tests.facepipe_io.edge.uplink.test_uplinks import at_most_bytes_a_file
from tests.facepipe_io.local.onnx_file import squares_onnx

A, B, C, BAD = (pack(content) for content in (b"a", b"b", b"c", b"bad"))


def read(detector, path):
    """Opens a model that is a text: one that begins with `bad` cannot be opened."""
    content = Path(path).read_bytes()
    if content.startswith(b"bad"):
        raise ModelError(path, "it is bad; give another")
    return content


@pytest.fixture
def model(bucket, tmp_path):
    """A model as another process would have it, each time."""
    return lambda connect=bucket.connect, **more: PublishedModel(
        NAME, str(tmp_path / "state"), connect=connect, **more
    )


@pytest.fixture
def kept(tmp_path):
    """The content of each version on the disk; fails when there is anything else."""

    def kept():
        (home,) = (tmp_path / "state").iterdir()
        rest = {path.name for path in home.iterdir()} - {".lock", "state.json"}
        assert all(len(name) == 64 for name in rest)
        return sorted((home / name / "cups.onnx").read_bytes() for name in rest)

    return kept


def started(model, **more):
    return model.start(read, **more)[1]


class TestStart:
    def test_the_published_version_is_fetched_once(self, bucket, model, kept):
        sha256 = bucket.put(A)
        version, opened = model().start(read)
        assert (version.sha256, version.detector, opened) == (sha256, "onnx", b"a")
        assert started(model()) == b"a"
        assert bucket.archives_fetched == 1
        assert kept() == [b"a"]

    def test_a_detector_that_finds(self, bucket, model):
        bucket.put(pack(squares_onnx(), **{"cups.txt": b"red\ngreen\nblue\n"}))
        detector = model().start(open_detector)[1]
        image = picture(0)
        image[:60, :80, 2] = 255
        found = detector.detect(image)
        assert {detector.label(number) for number in found.labels.tolist()} == {"red"}

    def test_without_a_network_the_last_one_is_used(self, bucket, model, caplog):
        with pytest.raises(ModelError, match="check the network"):
            started(model(nobody))
        bucket.put(A)
        started(model())
        offline = model(nobody)
        assert started(offline) == b"a"
        assert offline.errors == 1
        assert "going on with the one fetched last" in caplog.text

    def test_nobody_is_asked_where_what_is_there_will_do(self, bucket, model):
        bucket.put(A)
        assert started(model(), newest=False) == b"a"
        bucket.put(B)
        bucket.asked.clear()
        assert started(model(), newest=False) == b"a"
        assert bucket.asked == []
        assert started(model()) == b"b"

    def test_a_bad_version_falls_back_to_the_last_good_one(self, bucket, model, kept, caplog):
        bucket.put(A)
        first = model()
        first.prove(first.start(read)[0])
        bucket.put(BAD)
        second = model()
        assert started(second) == b"a"
        assert second.errors == 1
        assert "cannot use the model" in caplog.text
        assert "it is bad; give another" in caplog.text
        assert kept() == [b"a"]
        assert started(model()) == b"a"
        assert bucket.archives_fetched == 2  # it is remembered

    def test_a_bad_version_alone_is_remembered_as_well(self, bucket, model):
        bucket.put(BAD)
        with pytest.raises(ModelError, match=r"version \w{12} is no good: .*it is bad"):
            started(model())
        with pytest.raises(ModelError, match=r"version \w{12} is no good: .*it is bad"):
            started(model())
        assert bucket.archives_fetched == 1
        bucket.put(A)
        assert started(model()) == b"a"

    @pytest.mark.parametrize("proven", [False, True])
    def test_what_was_wrong_with_the_device_is_put_right_by_another_start(
        self, bucket, model, proven
    ):
        def with_wrong_labels(detector, path):
            raise ModelError(path, "it has 2 classes and 3 labels")

        bucket.put(A)
        if proven:
            first = model()
            first.prove(first.start(read)[0])
        for newest in (False, True):
            with pytest.raises(ModelError, match="3 labels"):
                model().start(with_wrong_labels, newest=newest)
        assert started(model(), newest=False) == b"a"
        bucket.put(B)
        with pytest.raises(ModelError, match="no version of it can be used"):
            model().start(with_wrong_labels)
        assert started(model(), newest=False) == b"b"
        assert bucket.archives_fetched <= 4

    def test_a_better_one_is_looked_for_before_it_gives_up(self, bucket, model):
        bucket.put(BAD)
        with pytest.raises(ModelError, match="it is bad"):
            started(model())
        bucket.put(A)
        assert started(model(), newest=False) == b"a"

    def test_a_good_one_that_was_damaged_on_the_disk_is_fetched_again(
        self, bucket, model, tmp_path
    ):
        bucket.put(A)
        first = model()
        first.prove(first.start(read)[0])
        (path,) = tmp_path.rglob("cups.onnx")
        path.write_bytes(b"bad now")
        assert started(model(), newest=False) == b"a"
        assert bucket.archives_fetched == 2

    def test_a_version_that_ends_the_process_again_and_again(self, bucket, model, caplog):
        """As one that is too large for the memory does."""

        class KilledError(BaseException):
            pass

        def end(detector, path):
            if Path(path).read_bytes() == b"b":
                raise KilledError
            return b"a"

        bucket.put(A)
        first = model()
        first.prove(first.start(end)[0])
        bucket.put(B)
        for _ in range(MAX_TRIES):
            with pytest.raises(KilledError):
                model().start(end)
        assert model().start(end)[1] == b"a"
        assert "3 processes ended while they opened it" in caplog.text
        assert model().start(end)[1] == b"a"

    def test_several_at_once(self, bucket, model):
        bucket.put(A)
        found = []
        threads = [
            threading.Thread(target=lambda: found.append(started(model()))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == 8 * [b"a"]
        assert bucket.archives_fetched == 1


class TestRenew:
    @pytest.fixture
    def using(self, bucket, model):
        """A process that uses A, which has looked at frames."""
        bucket.put(A)
        using = model()
        version, _ = using.start(read)
        using.prove(version)
        return using, version

    def test_the_same_version_is_used_on(self, bucket, using):
        model, version = using
        assert model.renew(version, read) is None
        bucket.put(A)
        assert model.renew(version, read) is None
        assert bucket.archives_fetched == 1

    def test_a_new_one_is_opened_and_the_one_before_it_kept(self, bucket, using, kept):
        model, version = using
        for archive, content in ((B, b"b"), (C, b"c")):
            bucket.put(archive)
            version, opened = model.renew(version, read)
            assert opened == content
            model.prove(version)
        assert kept() == [b"b", b"c"]

    def test_one_that_never_looked_at_a_frame_is_nothing_to_go_back_to(self, bucket, using, kept):
        model, version = using
        for archive in (B, C):
            bucket.put(archive)
            version, _ = model.renew(version, read)
        assert kept() == [b"a", b"c"]

    def test_going_back(self, bucket, using, kept, caplog):
        model, version = using
        bucket.put(B)
        new, _ = model.renew(version, read)
        old, opened = model.go_back(new, "it failed", read)
        assert (old, opened) == (version, b"a")
        assert f"version {new.short} is not used: it failed" in caplog.text
        assert model.renew(old, read) is None
        assert bucket.archives_fetched == 2
        assert kept() == [b"a"]

    def test_with_none_to_go_back_to_it_is_used_on(self, bucket, model, caplog):
        bucket.put(A)
        using = model()
        version, _ = using.start(read)
        assert using.go_back(version, "it failed", read) is None
        assert "it failed; there is none to go back to" in caplog.text
        assert started(model(), newest=False) == b"a"

    def test_a_version_that_is_published_again_gets_another_chance(self, bucket, using):
        model, version = using
        bucket.put(B)
        new, _ = model.renew(version, read)
        model.go_back(new, "it failed", read)
        bucket.put(B)
        assert model.renew(version, read)[1] == b"b"

    def test_a_pointer_that_goes_back_needs_no_archive(self, bucket, using, kept):
        model, version = using
        bucket.put(B)
        new, _ = model.renew(version, read)
        model.prove(new)
        bucket.put(A)
        assert model.renew(new, read)[1] == b"a"
        assert bucket.archives_fetched == 2
        assert kept() == [b"a", b"b"]

    @pytest.mark.parametrize(
        ("archive", "pointer", "told"),
        [
            (B, {"size": len(B) + 1}, "not what its pointer says, going by size and SHA-256"),
            (B, {"size": len(B) - 1}, "not what its pointer says, going by size and SHA-256"),
            (B, {"sha256": 64 * "0"}, "not what its pointer says, going by size and SHA-256"),
            (B, {"size": 2**31}, "it has 2147.48 MB, which no model needs"),
            (B, {"detector": "owl"}, "there is no detector"),
            (B[:-1], {}, "it is damaged or no .tar.gz archive"),
            (b"no archive", {}, "it is damaged or no .tar.gz archive"),
            (pack(b"b", name="../cups.onnx"), {}, "it would write outside of its folder"),
            (gzip.compress(tar(member("a", b"", b"2", linkname="/"))), {}, "what is no plain file"),
            (pack(b"b", name="cups.pb"), {}, "it holds 0 .onnx files"),
            (pack(b"b", **{"b.onnx": b""}), {}, "it holds 2 .onnx files"),
            (BAD, {}, "it is bad"),
        ],
        ids=[
            "longer", "shorter", "another", "huge", "no detector", "cut off", "no archive",
            "outside", "link", "no model", "two models", "not opened",
        ],
    )  # fmt: skip
    def test_what_is_no_good_is_told_once_and_never_fetched_again(
        self, bucket, using, kept, model, caplog, archive, pointer, told
    ):
        def open_model(detector, path):
            return open_detector(detector, path) if detector == "owl" else read(detector, path)

        using, version = using
        bucket.put(archive, **pointer)
        for _ in range(2):
            assert using.renew(version, open_model) is None
        (line,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
        assert told in line
        assert "\n" not in line
        assert using.errors == 1
        assert bucket.archives_fetched <= 2
        assert kept() == [b"a"]
        assert started(model()) == b"a"
        assert bucket.archives_fetched <= 2

    def test_only_so_much_is_read_and_stored(self, bucket, using, monkeypatch):
        model, version = using
        bucket.put(os.urandom(300_000), size=70_000)
        written = []
        monkeypatch.setattr(
            published.PublishedModel,
            "_copy",
            _noting(written, PublishedModel._copy),
        )
        assert model.renew(version, read) is None
        assert written[0] <= 70_000

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            (b"", "it is no JSON"),
            (b"\xff", "codec can't decode"),
            (b"{}", "`version` is missing"),
            (b" " * 10**6, "it is no JSON"),
        ],
        ids=["empty", "no text", "no fields", "long"],
    )
    def test_a_pointer_that_is_none(self, bucket, using, text, told):
        model, version = using
        bucket.s3.put_object(Bucket="models", Key="models/cups.json", Body=text)
        for _ in range(2):
            with pytest.raises(ModelError, match=told) as caught:
                model.renew(version, read)
            assert "publish it with `facepipe deploy`" in str(caught.value)
        assert model.errors == 2

    def test_an_archive_that_is_not_there_is_looked_for_again(self, bucket, using):
        model, version = using
        sha256 = bucket.put(B)
        key = f"models/cups/{sha256}.tar.gz"
        bucket.s3.delete_object(Bucket="models", Key=key)
        with pytest.raises(ModelError, match=r"models/cups/.*NoSuchKey.*check the name"):
            model.renew(version, read)
        bucket.s3.put_object(Bucket="models", Key=key, Body=B)
        assert model.renew(version, read)[1] == b"b"

    def test_a_full_disk_is_no_fault_of_the_model(self, bucket, using, kept):
        model, version = using
        bucket.put(pack(os.urandom(20_000)))
        with at_most_bytes_a_file(5000), pytest.raises(ModelError, match="make room"):
            model.renew(version, lambda *_: b"large")
        assert kept() == [b"a"]
        assert model.renew(version, lambda *_: b"large")[1] == b"large"

    def test_a_disk_that_takes_no_notes_stops_nothing(self, bucket, using, model, caplog):
        using, version = using
        bucket.put(B)
        with at_most_bytes_a_file(len(B)):
            assert using.renew(version, read)[1] == b"b"
        assert "what is used cannot be noted" in caplog.text
        assert started(model(nobody)) == b"a"

    def test_a_damaged_note_is_told_and_all_fetched_anew(self, bucket, using, model, tmp_path):
        (path,) = tmp_path.rglob("state.json")
        whole = json.loads(path.read_text())
        odd = [{**whole, "current": {"sha256": ".."}}, {**whole, "tries": float("inf")}]
        for text in ("", "[]", "{}", "\0", *map(json.dumps, odd)):
            path.write_text(text)
            assert started(model()) == b"a"

    def test_folders_that_are_gone(self, bucket, using, model, tmp_path):
        using, version = using
        bucket.put(B)
        new, _ = using.renew(version, read)
        using.prove(new)
        (home,) = (tmp_path / "state").iterdir()
        (home / new.sha256).rename(tmp_path / "gone")
        assert started(model(nobody)) == b"a"


def _noting(written, save):
    def noting(self, chunks, length, out):
        try:
            return save(self, chunks, length, out)
        finally:
            written.append(self._store.archive.stat().st_size)

    return noting


@pytest.mark.parametrize("name", ["s3://", "s3://models", "s3://models/", "s3:///a.json"])
def test_half_a_name(name, tmp_path):
    with pytest.raises(ModelError, match=r"named s3://bucket/models/NAME\.json"):
        PublishedModel(name, str(tmp_path), connect=nobody)


@pytest.mark.parametrize("there", ["", "a", "b", "ab"])
def test_a_version_without_its_folder_is_none(there, tmp_path):
    store = model_store.ModelStore(tmp_path)
    current, previous = (model_store.KeptVersion(64 * x, "onnx", "2026") for x in "ab")
    store.write(model_store.Shelf(current, previous, proven=True))
    for name in there:
        store.path(64 * name).mkdir()
    found = store.read()
    assert [each.sha256[0] for each in (found.current, found.previous) if each] == list(there)
    assert store.read() == found


def test_a_place_that_cannot_be_written(bucket, tmp_path):
    (tmp_path / "file").write_text("")
    model = PublishedModel(NAME, str(tmp_path / "file"), connect=bucket.connect)
    with pytest.raises(ModelError, match="allow writing where models are kept"):
        model.start(read)


def killed_after(lines, work):
    """Run in a process that is killed once it has come so far in what writes to the disk.

    Returns:
        Whether it came to its end before that.
    """
    writers = [
        archives._write,
        model_store.ModelStore.write,
        PublishedModel._fetch,
        PublishedModel._copy,
    ]
    code = {function.__code__ for function in writers}
    left = [lines]

    def trace(frame, event, arg):
        if frame.f_code not in code:
            return None
        if event == "line":
            left[0] -= 1
            if left[0] <= 0:
                os._exit(9)
        return trace

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads that the runner has
        child = os.fork()
    if child == 0:
        status = 1
        try:
            sys.settrace(trace)
            work()
            status = 0
        finally:
            os._exit(status)
    status = os.waitpid(child, 0)[1] >> 8
    assert status in (0, 9)
    return status == 0


class TestKill:
    @pytest.fixture
    def using(self, bucket, tmp_path, monkeypatch):
        """The folder of a device that uses A, and used C before it."""
        monkeypatch.setattr(os, "fsync", lambda file: None)  # it matters when the power is cut
        for archive in (C, A):
            bucket.put(archive)
            model = PublishedModel(NAME, str(tmp_path / "using"), connect=bucket.connect)
            version, _ = model.start(read)
            model.prove(version)
        return tmp_path / "using", version

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(lines=st.integers(1, 120), archive=st.sampled_from([B, BAD]))
    @example(lines=10**6, archive=B)
    def test_whenever_the_process_is_killed_what_is_left_can_be_used(
        self, bucket, using, tmp_path_factory, lines, archive
    ):
        folder = tmp_path_factory.mktemp("state") / "models"
        shutil.copytree(str(using[0]), str(folder))
        bucket.put(archive)

        def model(connect=bucket.connect):
            return PublishedModel(NAME, str(folder), connect=connect)

        def renew():
            renewing = model()
            found = renewing.renew(using[1], read)
            if found is not None:
                renewing.prove(found[0])

        through = killed_after(lines, renew)
        assert through == (lines == 10**6) or lines > 90
        good = archive is B
        assert started(model(nobody)) in ([b"a", b"b"] if good else [b"a"])
        assert started(model()) == (b"b" if good else b"a")
        (home,) = folder.iterdir()
        names = {path.name for path in home.iterdir()} - {".lock", "state.json"}
        assert len(names) <= 2
        assert all(len(name) == 64 for name in names)
