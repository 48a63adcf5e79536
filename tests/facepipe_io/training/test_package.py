from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest

from facepipe_io.edge.models.archives import unpack
from facepipe_io.edge.networks.preprocessing import read_preprocessing
from facepipe_io.errors import ModelError, SettingsError, StoreError
from facepipe_io.training.package import pack, strip_archive
from facepipe_io.training.symbol import strip_training
from tests.facepipe_io.edge.uplink.test_uplinks import at_most_bytes_a_file
from tests.facepipe_io.training.symbols import dump, load
from tests.facepipe_io.training.test_parameters import array, saved

SMALL = dump(load("small-train"))
HYPER = json.dumps({"image_shape": "512", "num_classes": "2", "epochs": "50"}).encode()


def parameters(*without):
    names = strip_training(SMALL).parameters
    return saved(
        {
            ("aux:" if "moving" in name else "arg:") + name: array((2,))
            for name in names
            if name not in without
        }
    )


FILES = {
    "model_algo_1-symbol.json": SMALL,
    "model_algo_1-0000.params": parameters(),
    "hyperparams.json": HYPER,
}


@pytest.fixture
def archive(tmp_path):
    """Writes what a training job leaves; None in the place of a file leaves it out."""

    def write(changes=(), name="model.tar.gz"):
        path = tmp_path / name
        with tarfile.open(path, "w:gz") as packed:
            for file, content in {**FILES, **dict(changes)}.items():
                if content is not None:
                    member = tarfile.TarInfo(file)
                    member.size = len(content)
                    packed.addfile(member, io.BytesIO(content))
        return str(path)

    return write


def held(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class TestStripping:
    def test_what_is_made(self, archive, tmp_path):
        out = tmp_path / "new" / "out"
        model = strip_archive(archive(), str(out), prefix="bottles", labels=["bottle", "can"])
        there = held(out)
        assert sorted(there) == [
            "deploy_bottles-0000.params",
            "deploy_bottles-symbol.json",
            "deploy_bottles-symbol.json.json",
            "deploy_bottles.tar.gz",
            "deploy_bottles.txt",
        ]
        assert model.symbol == out / "deploy_bottles-symbol.json"
        assert model.parameters == out / "deploy_bottles-0000.params"
        assert model.archive == out / "deploy_bottles.tar.gz"
        assert (model.side, model.classes, model.changed) == (512, 2, True)
        assert json.loads(there["deploy_bottles-symbol.json"]) == load("small-deploy")
        assert there["deploy_bottles-0000.params"] == parameters()
        assert there["deploy_bottles.txt"] == b"bottle\ncan\n"
        unpack(str(model.archive), str(tmp_path / "again"))
        del there["deploy_bottles.tar.gz"]
        assert held(tmp_path / "again") == there

    def test_its_input_is_told_as_every_models_is(self, archive, tmp_path):
        model = strip_archive(archive(), str(tmp_path / "out"))
        read = read_preprocessing(str(model.symbol), (1, 3, None, None), {3: ((0.5,), (0.5,))})
        assert (read.wh, read.order) == ((512, 512), "RGB")
        white = read.apply(np.full((9, 9, 3), 255, np.uint8))
        np.testing.assert_allclose(white[0, :, 0, 0], [132, 138, 151], rtol=1e-5)

    def test_the_same_archive_makes_the_same_bytes(self, archive, tmp_path):
        for name in "ab":
            strip_archive(archive(name=name), str(tmp_path / f"out-{name}"))
        first = held(tmp_path / "out-a")
        assert first == held(tmp_path / "out-b")
        strip_archive(archive(), str(tmp_path / "out-a"))
        assert first == held(tmp_path / "out-a")

    def test_names_are_the_archives_unless_others_are_given(self, archive, tmp_path):
        model = strip_archive(archive(), str(tmp_path))
        assert model.symbol.name == "deploy_model_algo_1-symbol.json"

    def test_the_epoch_and_the_folder_are_what_they_are(self, archive, tmp_path):
        moved = dict.fromkeys(FILES)
        moved["job/x-symbol.json"], moved["job/x-0049.params"] = SMALL, parameters()
        model = strip_archive(archive(moved), str(tmp_path))
        assert model.parameters.name == "deploy_x-0000.params"
        assert (model.side, model.classes) == (None, None)
        assert not model.symbol.with_name("deploy_x-symbol.json.json").exists()

    def test_what_macos_leaves_in_archives_is_no_network(self, archive, tmp_path):
        strip_archive(archive({"._model_algo_1-symbol.json": b"\0\5\x16\7"}), str(tmp_path))

    def test_a_network_that_was_stripped_before(self, archive, tmp_path):
        text = strip_training(SMALL).text
        model = strip_archive(archive({"model_algo_1-symbol.json": text.encode()}), str(tmp_path))
        assert not model.changed
        assert model.symbol.read_text("utf-8") == text


LACKING = parameters("conv1_weight", "bn_data_moving_var")
REFUSED = {
    "no network": ({"model_algo_1-symbol.json": None}, r"no file \*-symbol.json"),
    "two networks": ({"b-symbol.json": SMALL}, r"2 files \*-symbol.json"),
    "a strange name": (
        {"model_algo_1-symbol.json": None, "a b-symbol.json": SMALL},
        "name, 'a b', is unusual",
    ),
    "no parameters": ({"model_algo_1-0000.params": None}, "no file model_algo_1-NNNN.params"),
    "others' parameters": (
        {"model_algo_1-0000.params": None, "b-0000.params": parameters()},
        "no file model_algo_1-NNNN.params",
    ),
    "parameters twice": ({"model_algo_1-0007.params": parameters()}, "2 files model_algo_1-NNNN"),
    "damaged parameters": (
        {"model_algo_1-0000.params": parameters()[:-1]},
        r"model\.tar\.gz/model_algo_1-0000\.params: it is damaged",
    ),
    "missing parameters": (
        {"model_algo_1-0000.params": LACKING},
        r"lacks 2 of its network's parameters \(bn_data_moving_var, conv1_weight\)",
    ),
    "all parameters missing": (
        {"model_algo_1-0000.params": saved({"arg:w": array((2,))})},
        r"lacks 59 of its network's parameters \(\w+, \w+, \w+, \.\.\.\)",
    ),
    "a damaged network": ({"model_algo_1-symbol.json": SMALL[:-1]}, "no symbol of MXNet's"),
    "a huge network": ({"model_algo_1-symbol.json": b" " * (2**23 + 1)}, "more than 8388608"),
    "hyperparameters": ({"hyperparams.json": b"[]"}, "hyperparams.json is no JSON object"),
    "damaged hyperparameters": ({"hyperparams.json": b"{"}, "hyperparams.json is no JSON object"),
    "huge hyperparameters": (
        {"hyperparams.json": b"{}" + b" " * 2**20},
        "hyperparams.json is no JSON object",
    ),
    "two of them": ({"b/hyperparams.json": b"{}"}, "several files hyperparams.json"),
    "a side": ({"hyperparams.json": b'{"image_shape": "0"}'}, "image_shape .* is '0'"),
    "a side of text": ({"hyperparams.json": b'{"image_shape": "3,512"}'}, "has to be 1 to 4096"),
    "classes": ({"hyperparams.json": b'{"num_classes": 1e9}'}, "num_classes .* is '10+.0'"),
    "a folder in its place": (
        {"model_algo_1-symbol.json": None, "model_algo_1-symbol.json/x": b""},
        r"no file \*-symbol.json",
    ),
    "a path upwards": ({"../evil": b"x"}, "would write outside of its folder"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_a_wrong_archive_is_told_before_anything_is_written(case, archive, tmp_path):
    changes, told = REFUSED[case]
    with pytest.raises(ModelError, match=told) as caught:
        strip_archive(archive(changes), str(tmp_path / "out"))
    assert "\n" not in str(caught.value)
    assert held(tmp_path / "out") == {}
    assert not (tmp_path / "evil").exists()


def test_a_file_that_is_no_archive(tmp_path):
    (tmp_path / "model.tar.gz").write_bytes(b"PK\3\4")
    with pytest.raises(ModelError, match=r"damaged or no \.tar\.gz"):
        strip_archive(str(tmp_path / "model.tar.gz"), str(tmp_path / "out"))


@pytest.mark.parametrize("prefix", ["", "a/b", "..", "-x", "ü", "x" * 65, "a\n"])
def test_a_name_that_no_model_can_have(prefix, archive, tmp_path):
    with pytest.raises(SettingsError, match="no name for a model"):
        strip_archive(archive(), str(tmp_path / "out"), prefix=prefix)
    assert not (tmp_path / "out").exists()


def test_as_many_labels_as_classes(archive, tmp_path):
    with pytest.raises(ModelError, match="tells 2 classes apart, and there are 1 labels"):
        strip_archive(archive(), str(tmp_path / "out"), labels=["bottle"])


@pytest.mark.parametrize("labels", [["a", "b\nc"], ["a", "b "], ["", "b"], ["a", ""]])
def test_labels_that_no_file_can_hold(labels, archive, tmp_path):
    with pytest.raises(SettingsError, match="the labels cannot be used"):
        strip_archive(archive(), str(tmp_path / "out"), labels=labels)
    assert held(tmp_path / "out") == {}


class TestWriting:
    def test_a_full_disk_leaves_nothing_behind(self, archive, tmp_path):
        path = archive()
        with at_most_bytes_a_file(1000), pytest.raises((ModelError, StoreError), match="room"):
            strip_archive(path, str(tmp_path / "out"))
        assert held(tmp_path / "out") == {}

    def test_a_place_that_cannot_be_written(self, archive):
        path = archive()
        with pytest.raises(StoreError, match="allow writing there"):
            strip_archive(path, path + "/out")


def test_packed_files_are_nobodys_and_of_no_time(tmp_path):
    for name in ("b", "a"):
        (tmp_path / name).write_text(name)
    pack([tmp_path / "b", tmp_path / "a"], tmp_path / "x.tar.gz")
    with tarfile.open(tmp_path / "x.tar.gz") as packed:
        members = packed.getmembers()
    assert [member.name for member in members] == ["a", "b"]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in members} == {(0, 0, 0, "", 0o644)}
