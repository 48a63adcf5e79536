from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from facepipe.classification import softmax
from facepipe_io.edge.networks.neo import NeoClassifier, NeoDetector
from facepipe_io.edge.pickers import detector_of
from facepipe_io.edge.settings import device_settings
from facepipe_io.errors import ModelError, SettingsError
from tests.facepipe_io.edge.helpers import STANDINS, picture

ROOT = STANDINS.parents[1]

# class, score, x0, y0, x1, y1: a face, the same again, another, background, one of little score.
ROWS = [
    [0, 0.9, 0.1, 0.2, 0.3, 0.6],
    [0, 0.7, 0.11, 0.2, 0.3, 0.6],
    [0, 0.8, 0.6, 0.2, 0.8, 0.6],
    [-1, 0.9, 0.1, 0.8, 0.2, 0.9],
    [0, 0.2, 0.4, 0.7, 0.5, 0.9],
]


@pytest.fixture(scope="session")
def libdlr(tmp_path_factory):
    if shutil.which("gcc") is None:
        pytest.skip("gcc: not installed")
    library = tmp_path_factory.mktemp("libdlr") / "libdlr.so"
    source = STANDINS / "libdlr.c"
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror"]
    subprocess.run(["gcc", *flags, str(source), "-o", str(library)], check=True)
    return library


@pytest.fixture
def compiled(libdlr, tmp_path):
    """Makes a folder like Neo's."""

    def write(output, *, shape=(1, 3, 512, 512), meta=True, name="data", dtype="float32"):
        folder = tmp_path / "neo"
        folder.mkdir(exist_ok=True)
        if not (folder / "libdlr.so").exists():  # one that is in use must not be written to
            shutil.copy(str(libdlr), str(folder))
        (folder / "compiled.so").write_bytes(b"\x7fELF")
        (folder / "compiled_model.json").write_text("{}")
        values = np.asarray(output, float)
        (folder / "compiled.params").write_text(
            f"inputs 1\n{name} {dtype} {line(shape)}\noutput {line(values.shape)}\n"
            + " ".join(map(str, values.ravel()))
        )
        if meta:
            entry = {"name": name, "dtype": dtype, "shape": list(shape)}
            (folder / "compiled.meta").write_text(json.dumps({"Model": {"Inputs": [entry]}}))
        return folder

    return write


@pytest.fixture
def given(monkeypatch):
    """What models are given from now on."""
    from facepipe_io.edge.networks.neo import _load_dlr

    dlr, seen = _load_dlr(), []
    run = dlr.DLRModel.run
    monkeypatch.setattr(
        dlr.DLRModel, "run", lambda self, values: (seen.append(values), run(self, values))[1]
    )
    return seen


def line(shape):
    return " ".join(map(str, (len(shape), *shape)))


def refusal(model):
    with pytest.raises(ModelError) as caught:
        NeoDetector(str(model))
    assert "\n" not in str(caught.value)
    return caught.value.reason


class TestDetector:
    def test_faces_are_in_pixels_of_the_frame(self, compiled):
        detector = NeoDetector(str(compiled([ROWS])))
        found = detector.detect(picture(0, (1000, 500)))
        np.testing.assert_allclose(
            found.boxes, [[100, 100, 300, 300], [600, 100, 800, 300]], atol=1e-3
        )
        np.testing.assert_allclose(found.scores, [0.9, 0.8], atol=1e-6)

    def test_a_least_score_may_be_given(self, compiled):
        model = str(compiled([ROWS]))
        for min_score, count in ((0.1, 3), (0.85, 1)):
            settings = device_settings(
                {}, source="demo", bucket="crops", detector="neo", model=model, min_score=min_score
            )
            assert len(detector_of(settings).detect(picture())) == count

    def test_rubbish_is_dropped(self, compiled):
        rows = [["nan", 0.9, 0, 0, 1, 1], [0, 7, 0, 0, 1, 1], [0, 0.9, 0.5, 0, 0.5, 1], ROWS[0]]
        assert len(NeoDetector(str(compiled([rows]))).detect(picture())) == 1

    def test_it_is_given_red_green_blue_less_the_mean(self, compiled, given):
        detector = NeoDetector(str(compiled([ROWS], shape=(1, 3, 300, 400), name="image")))
        image = picture(0, (64, 32))
        image[:] = (50, 100, 200)
        detector.detect(image)
        assert list(given[-1]) == ["image"]
        values = given[-1]["image"]
        assert (values.shape, values.dtype) == ((1, 3, 300, 400), np.float32)
        for channel, expected in enumerate((200 - 123, 100 - 117, 50 - 104)):
            np.testing.assert_allclose(values[0, channel], expected, atol=1e-3)

    @pytest.mark.parametrize(
        "meta",
        [
            None,
            "",
            "no json",
            "[]",
            "{}",
            '{"Model": {"Inputs": []}}',
            '{"Model": {"Inputs": [{"name": "label", "shape": [1]}]}}',
            '{"Model": {"Inputs": [{"name": "data", "shape": "4"}]}}',
            '{"Model": {"Inputs": [{"name": "data"}]}}',
        ],
    )
    def test_where_the_model_says_nothing_its_input_is_512x512(self, compiled, meta, given):
        folder = compiled([ROWS], meta=False)
        if meta is not None:
            (folder / "compiled.meta").write_text(meta)
        if meta == '{"Model": {"Inputs": [{"name": "data", "shape": "4"}]}}':
            assert "no picture" in refusal(folder)
        else:
            NeoDetector(str(folder)).detect(picture())
            assert given[-1]["data"].shape == (1, 3, 512, 512)

    def test_a_side_that_is_no_whole_number_is_open(self, compiled, given):
        folder = compiled([ROWS], shape=(1, 3, 224, 224), meta=False)
        (folder / "compiled.meta").write_text(
            '{"Model": {"Inputs": [{"name": "data", "shape": [1, 3.0, 64.0, true]}]}}'
        )
        folder.with_name(folder.name + ".json").write_text('{"mean": [0]}')
        NeoDetector(str(folder)).detect(picture())
        assert given[-1]["data"].shape == (1, 3, 224, 224)

    def test_an_archive(self, compiled, tmp_path, monkeypatch):
        monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
        folder = compiled([ROWS])
        with tarfile.open(str(tmp_path / "model.tar.gz"), "w:gz") as archive:
            archive.add(str(folder), ".")
        shutil.rmtree(str(folder))
        detector = NeoDetector(str(tmp_path / "model.tar.gz"))
        assert len(detector.detect(picture())) == 2
        assert len(list((tmp_path / "state" / "models").rglob("compiled.params"))) == 1


class TestClassifier:
    @pytest.fixture
    def labels(self):
        return ("bottle", "person")

    def test_probabilities_are_left_and_logits_get_a_softmax(self, compiled, labels):
        classifier = NeoClassifier(str(compiled([[0.25, 0.75]])), labels)
        assert classifier.labels == ("bottle", "person")
        assert classifier.classify(picture()).tolist() == [0.25, 0.75]
        classifier = NeoClassifier(str(compiled([[3.0, 1.0]])), labels)
        np.testing.assert_allclose(classifier.classify(picture()), softmax([3.0, 1.0]))

    def test_it_is_given_pixels_as_they_are(self, compiled, labels, given):
        model = str(compiled([[0.25, 0.75]], shape=(1, 3, 224, 224), meta=False))
        image = picture(0, (64, 32))
        image[:] = (50, 100, 200)
        NeoClassifier(model, labels).classify(image)
        np.testing.assert_allclose(given[-1]["data"][0, :, 0, 0], [200, 100, 50], rtol=1e-5)

    def test_unless_a_file_beside_it_says_otherwise(self, compiled, labels, given, tmp_path):
        model = str(compiled([[0.25, 0.75]]))
        (tmp_path / "neo.json").write_text('{"mean": [0.5], "std": [0.5]}')
        NeoClassifier(model, labels).classify(picture(255))
        np.testing.assert_allclose(given[-1]["data"], 1, rtol=1e-5)

    def test_labels_of_another_model(self, compiled, labels):
        with pytest.raises(ModelError, match="3 classes apart, and there are 2 labels"):
            NeoClassifier(str(compiled([[0.2, 0.3, 0.5]])), labels)


class TestBadModels:
    def test_missing(self, tmp_path):
        assert "No such file" in refusal(tmp_path / "missing")

    def test_without_the_native_library(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sys, "prefix", str(tmp_path))
        told = refusal(tmp_path)
        assert "native library libdlr.so is missing; install the dlr wheel for this device" in told
        assert "or put libdlr.so into the model's archive" in told

    def test_a_native_library_for_another_device(self, compiled):
        folder = compiled([ROWS])
        (folder / "libdlr.so").write_bytes(b"\x7fELF\x01\x01\x01" + bytes(100))
        assert refusal(folder).endswith("; compile it for this device and this version of dlr")

    def test_what_dlr_refuses(self, compiled):
        folder = compiled([ROWS])
        (folder / "compiled.params").write_text("refuse compiled for another device")
        assert "dlr refuses it (compiled for another device)" in refusal(folder)
        (folder / "compiled.params").unlink()
        assert "No valid TVM model files found" in refusal(folder)

    def test_an_old_kind_of_model(self, compiled):
        folder = compiled([ROWS])
        (folder / "model.tensorrt").write_bytes(b"")
        assert "requires DLR release-1.1.0" in refusal(folder)

    def test_an_input_of_another_size_or_type(self, compiled):
        folder = compiled([ROWS], shape=(1, 3, 300, 300), meta=False)
        assert "Mismatch found in input data size" in refusal(folder)
        assert "should have dtype uint8" in refusal(compiled([ROWS], dtype="uint8"))

    def test_several_inputs(self, compiled):
        folder = compiled([ROWS])
        (folder / "compiled.params").write_text(
            "inputs 2\ndata float32 4 1 3 512 512\nlabel float32 1 1\noutput 1 1\n0"
        )
        assert "it has 2 inputs" in refusal(folder)

    @pytest.mark.parametrize("output", [[0.5, 0.5], [[0.1] * 7], [[[0.1] * 6]] * 2])
    def test_no_object_detection(self, compiled, output):
        assert "no object detection of SageMaker's" in refusal(compiled(output))

    def test_without_the_package(self, compiled, monkeypatch):
        monkeypatch.setitem(sys.modules, "dlr", None)
        with pytest.raises(SettingsError, match=r"install facepipe\[neo\]"):
            NeoDetector(str(compiled([ROWS])))

    def test_without_a_name(self):
        with pytest.raises(SettingsError, match="FACEPIPE_MODEL"):
            device_settings({}, source="demo", bucket="crops", detector="neo")


# Records and stops whatever would go to the network: the audit of CPython, which 3.7 has not yet,
# and what a client of HTTP calls.
WATCH = """
import socket, sys

reached = []

def watch(event, arguments=()):
    if event.startswith("socket.") and event != "socket.__new__":
        reached.append(event)
        raise OSError("not from here")

if hasattr(sys, "addaudithook"):
    sys.addaudithook(watch)
else:
    socket.getaddrinfo = lambda *a, **k: watch("socket.getaddrinfo")
    socket.socket.connect = lambda *a, **k: watch("socket.connect")
"""

OPEN = """
import numpy as np
from facepipe_io.edge.networks.neo import NeoDetector

assert "dlr" not in sys.modules, "nobody asked for it yet"
detector = NeoDetector(sys.argv[1])
assert len(detector.detect(np.zeros((120, 160, 3), np.uint8))) == 2
try:
    NeoDetector(sys.argv[2])
except Exception as error:
    assert "refuses" in str(error)
reporting = [n for n in sys.modules if n.startswith("dlr.counter.") or n == "requests"]
assert not reporting, reporting
assert sys.modules["dlr"].__file__.startswith(sys.argv[3])
"""

IMPORT_ALONE = """
import dlr
assert "dlr.counter.phone_home" in sys.modules
"""


class TestReportingHome:
    @pytest.fixture
    def run(self, compiled, tmp_path):
        """Runs a program over a copy of the package; gives what it said and wrote."""
        package = Path(importlib.util.find_spec("dlr").origin).parent
        site, good, bad = tmp_path / "site", compiled([ROWS]), tmp_path / "bad"
        ours = shutil.ignore_patterns("__pycache__", "ccm_config.json")
        shutil.copytree(str(package), str(site / "dlr"), ignore=ours)
        shutil.copytree(str(good), str(bad))
        (bad / "compiled.params").write_text("refuse it")
        path = os.pathsep.join([str(site), str(ROOT), *sys.path])

        def files():
            return {str(path): path.stat().st_mtime_ns for path in site.rglob("*")}

        def run(program):
            before = files()
            program = WATCH + program + "\nprint('reached', reached)"
            done = subprocess.run(
                [sys.executable, "-c", program, str(good), str(bad), str(site)],
                env=dict(os.environ, PYTHONPATH=path, PYTHONDONTWRITEBYTECODE="1"),
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout + done.stderr, set(files().items()) ^ set(before.items())

        return run

    def test_nothing_is_sent_written_or_said(self, run):
        for _ in range(2):
            assert run(OPEN) == ("reached []\n", set())

    def test_it_would_be_if_dlr_were_imported_as_it_is(self, run):
        said, written = run(IMPORT_ALONE)
        assert "CALL HOME FEATURE ENABLED" in said
        assert any("ccm_config.json" in name for name, _ in written)
        said, _ = run(IMPORT_ALONE)  # the first time it only writes that down
        assert re.search(r"reached \[.*'socket\.getaddrinfo'", said)


def test_a_failure_while_detecting_is_not_written_to_stderr(compiled, capfd, monkeypatch):
    detector = NeoDetector(str(compiled([ROWS])))
    import dlr.dlr_model

    def fail(*_):
        raise dlr.dlr_model.DLRError("it is tired")

    monkeypatch.setattr(dlr.dlr_model.DLRModelImpl, "_run", fail)
    with pytest.raises(dlr.dlr_model.DLRError, match="it is tired"):
        detector.detect(picture())
    assert capfd.readouterr() == ("", "")
