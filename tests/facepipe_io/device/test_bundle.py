from __future__ import annotations

import ssl
import subprocess
import tarfile
import zipfile

import pytest

from facepipe_io.device.bundle import bundle_entries, ca_certificates, write_bundle
from facepipe_io.device.entry import Entry
from facepipe_io.device.wheel import build_wheel, read_wheel
from facepipe_io.edge.identity import Identity
from facepipe_io.errors import SettingsError, StoreError

WEBCAM = {"FACEPIPE_SOURCE": "0"}


def names(entries):
    return {entry.name for entry in entries}


def test_a_bundle_has_all_that_a_device_needs(files, stack):
    entries = bundle_entries(files, stack, settings=WEBCAM)
    assert names(entries) == {
        "README",
        "ca.pem",
        "certificate.pem",
        "facepipe.env",
        "facepipe.service",
        "install.sh",
        "private.key",
        "requirements-opencv.txt",
        "requirements.txt",
    }


def test_what_the_live_page_needs_travels_along_where_there_is_one(files, stack):
    page = {**WEBCAM, "FACEPIPE_PREVIEW": "http://:8080"}
    pipe = {**WEBCAM, "FACEPIPE_PREVIEW": "/run/facepipe/results.mjpeg"}
    assert "requirements-live.txt" in names(bundle_entries(files, stack, settings=page))
    assert "requirements-live.txt" not in names(bundle_entries(files, stack, settings=pipe))


def test_what_is_in_it_is_an_identity(files, stack, tmp_path):
    for entry in bundle_entries(files, stack, settings=WEBCAM):
        (tmp_path / entry.name).write_bytes(entry.data)
    paths = [str(tmp_path / name) for name in ("certificate.pem", "private.key", "ca.pem")]
    assert Identity(*paths).context().get_ca_certs()


def test_the_key_is_in_one_file_alone(files, stack):
    entries = bundle_entries(files, stack, settings=WEBCAM)
    secret = files.key.read_bytes().splitlines()[1]
    assert [entry.name for entry in entries if secret in entry.data] == ["private.key"]
    assert secret.decode() not in repr(entries)


def test_models_travel_along(files, stack, tmp_path):
    for name in ("face.caffemodel", "deploy.prototxt"):
        (tmp_path / name).write_text(name)
    models = [tmp_path / "face.caffemodel", tmp_path / "deploy.prototxt"]
    entries = bundle_entries(files, stack, settings=WEBCAM, models=models)
    found = {entry.name: entry.data.decode() for entry in entries}
    assert found["models/face.caffemodel"] == "face.caffemodel"
    assert found["models/deploy.prototxt"] == "deploy.prototxt"
    assert 'FACEPIPE_MODEL="/opt/facepipe/models/face.caffemodel"' in found["facepipe.env"]


def test_what_belongs_to_a_model_travels_along_by_itself(files, stack, tmp_path):
    (tmp_path / "bottles.onnx").write_bytes(b"model")
    (tmp_path / "bottles.txt").write_text("bottle")
    settings = {**WEBCAM, "FACEPIPE_DETECTOR": "onnx"}
    entries = bundle_entries(files, stack, settings=settings, models=[tmp_path / "bottles.onnx"])
    assert {"models/bottles.onnx", "models/bottles.txt"} <= names(entries)


def test_a_model_and_a_published_one_are_one_too_many(files, stack, tmp_path):
    (tmp_path / "bottles.onnx").touch()
    settings = {**WEBCAM, "FACEPIPE_MODEL": "s3://crops/models/bottles.json"}
    with pytest.raises(SettingsError, match="give one of them"):
        bundle_entries(files, stack, settings=settings, models=[tmp_path / "bottles.onnx"])
    (environ,) = [
        entry.data.decode()
        for entry in bundle_entries(files, stack, settings=settings)
        if entry.name == "facepipe.env"
    ]
    assert 'FACEPIPE_MODEL="s3://crops/models/bottles.json"' in environ


def test_two_models_of_one_name_cannot(files, stack, tmp_path):
    (tmp_path / "a").mkdir()
    models = [tmp_path / "face.onnx", tmp_path / "a" / "face.onnx"]
    for path in models:
        path.touch()
    with pytest.raises(SettingsError, match="have one name"):
        bundle_entries(files, stack, settings=WEBCAM, models=models)


def test_a_model_that_is_not_there_is_told_of(files, stack, tmp_path):
    with pytest.raises(SettingsError, match=r"nowhere\.onnx: No such file"):
        bundle_entries(files, stack, settings=WEBCAM, models=[tmp_path / "nowhere.onnx"])


def test_whom_a_camera_believes_are_amazons_roots():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ca_certificates())
    found = [
        dict(pair for part in told["subject"] for pair in part) for told in context.get_ca_certs()
    ]
    assert sorted(subject["commonName"] for subject in found) == [
        "Amazon Root CA 1",
        "Amazon Root CA 2",
        "Amazon Root CA 3",
        "Amazon Root CA 4",
        "Starfield Services Root Certificate Authority - G2",
    ]


ENTRIES = [Entry("b", b"two", ""), Entry("models/a", b"one", ""), Entry("a", b"three", "")]


def test_only_its_owner_can_read_a_bundle_and_what_comes_out(tmp_path):
    path = tmp_path / "facepipe-hall-1.tar.gz"
    write_bundle(path, "facepipe-hall-1", ENTRIES)
    assert path.stat().st_mode & 0o777 == 0o600
    subprocess.run(["tar", "xzf", path], cwd=tmp_path, check=True)
    folder = tmp_path / "facepipe-hall-1"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "b").stat().st_mode & 0o777 == 0o600
    assert (folder / "models" / "a").read_bytes() == b"one"


def test_an_archive_names_nothing_outside_its_folder_and_nobody(tmp_path):
    path = tmp_path / "a.tar.gz"
    write_bundle(path, "facepipe-hall-1", ENTRIES)
    with tarfile.open(path) as archive:
        members = archive.getmembers()
    assert [member.name for member in members] == [
        "facepipe-hall-1",
        "facepipe-hall-1/a",
        "facepipe-hall-1/b",
        "facepipe-hall-1/models/a",
    ]
    assert {(member.uid, member.gid, member.uname, member.gname) for member in members} == {
        (0, 0, "", "")
    }


def test_the_same_entries_give_the_same_bytes(tmp_path):
    write_bundle(tmp_path / "a.tar.gz", "facepipe-hall-1", ENTRIES)
    write_bundle(tmp_path / "b.tar.gz", "facepipe-hall-1", ENTRIES[::-1])
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()


def test_a_bundle_that_was_there_is_replaced_and_nothing_left_beside_it(tmp_path):
    path = tmp_path / "a.tar.gz"
    path.write_text("old")
    path.chmod(0o644)
    write_bundle(path, "facepipe-hall-1", ENTRIES)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_bundle_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "a.tar.gz").mkdir()
    with pytest.raises(StoreError, match=r"a\.tar\.gz: Is a directory"):
        write_bundle(tmp_path / "a.tar.gz", "facepipe-hall-1", ENTRIES)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]
    with pytest.raises(StoreError, match="No such file"):
        write_bundle(tmp_path / "nowhere" / "a.tar.gz", "facepipe-hall-1", ENTRIES)


def test_the_wheel_is_built_from_these_sources_the_same_each_time(packages):
    (wheel,) = packages.glob("facepipe-*.whl")
    assert build_wheel() == read_wheel(wheel)


def test_the_wheel_has_what_a_bundle_is_made_of(packages):
    (wheel,) = packages.glob("facepipe-*.whl")
    assert "facepipe_io/device/files/install.sh" in zipfile.ZipFile(wheel).namelist()


@pytest.mark.parametrize("name", ["pip-24.0-py3-none-any.whl", "README", "nowhere.whl"])
def test_another_wheel_is_refused(packages, name, tmp_path):
    (tmp_path / "README").write_text("no zip")
    path = tmp_path / name if name == "README" else packages / name
    with pytest.raises(StoreError, match=r"no wheel of facepipe; `make build`|No such file"):
        read_wheel(path)


@pytest.mark.parametrize(("place", "byte"), [(0, 0), (6, 99), (9, 8), (20, 255)])
def test_a_wheel_that_is_damaged_is_refused(tmp_path, place, byte):
    path = tmp_path / "facepipe-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("deeplens_entry.py\xff", "")
    data = bytearray(path.read_bytes())
    # Of the entry in its directory: the form that a reader has to know, and what its name is in.
    data[data.index(b"PK\x01\x02") + place] = byte
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"no wheel of facepipe; `make build`"):
        read_wheel(path)
