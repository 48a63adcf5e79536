"""What is told when MXNet's environment is at a loss; what it makes is tried in tests/mxnet."""

from __future__ import annotations

import sys

import pytest

from facepipe_io.errors import ModelError, SettingsError, StoreError
from facepipe_io.training.onnx_export import export_onnx


@pytest.fixture
def program(tmp_path):
    """Writes what is run in the place of MXNet's Python."""

    def write(text):
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return str(path)

    return write


def export(tmp_path, **more):
    out = str(tmp_path / "out" / "bottles.onnx")
    return export_onnx("a-symbol.json", "a-0000.params", **{"out": out, "side": 64, **more})


def nothing_written(tmp_path):
    return list((tmp_path / "out").iterdir()) == []


def test_no_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = r"no Python with MXNet at \.venv-mxnet/bin/python .* make it with: python3\.8 -m venv"
    with pytest.raises(SettingsError, match=told):
        export(tmp_path)
    assert nothing_written(tmp_path)


def test_a_python_without_mxnet(tmp_path):
    with pytest.raises(SettingsError, match=r"has no MXNet that works .*No module named 'mxnet'"):
        export(tmp_path, mxnet=sys.executable)
    assert nothing_written(tmp_path)


def test_the_last_line_of_what_mxnet_says_is_told(tmp_path, program):
    python = program("echo Traceback >&2; echo 'MXNetError: shapes do not fit' >&2; exit 1")
    with pytest.raises(ModelError, match="cannot export it: MXNetError: shapes do not fit;"):
        export(tmp_path, mxnet=python)
    assert nothing_written(tmp_path)


def test_another_program(tmp_path, program):
    with pytest.raises(SettingsError, match="no Python that runs MXNet"):
        export(tmp_path, mxnet=program("exit 0"))
    (tmp_path / "python").write_bytes(b"\x7fELF")
    with pytest.raises(SettingsError, match="no Python with MXNet at"):
        export(tmp_path, mxnet=str(tmp_path / "python"))
    assert nothing_written(tmp_path)


def test_it_says_nothing(tmp_path, program):
    with pytest.raises(ModelError, match="cannot export it: no reason given"):
        export(tmp_path, mxnet=program("exit 1"))


def test_it_takes_too_long(tmp_path, program):
    with pytest.raises(ModelError, match=r"not done with it after 0\.1 s"):
        export(tmp_path, mxnet=program("exec sleep 60"), timeout_seconds=0.1)
    assert nothing_written(tmp_path)


def test_what_it_writes_comes_with_its_preprocessing_and_labels(tmp_path, program):
    python = program('echo model > "$6"; echo chatter; echo \'{"anchors": 9, "classes": 2}\'')
    model = export(tmp_path, mxnet=python, labels=["bottle", "can"])
    assert (model.path.name, model.anchors, model.classes) == ("bottles.onnx", 9, 2)
    there = {path.name: path.read_text("utf-8") for path in (tmp_path / "out").iterdir()}
    assert sorted(there) == ["bottles.onnx", "bottles.onnx.json", "bottles.txt"]
    assert there["bottles.txt"] == "bottle\ncan\n"
    assert there["bottles.onnx.json"].startswith('{"size": [64, 64], "mean": [0.482')


def test_as_many_labels_as_classes(tmp_path, program):
    python = program('echo model > "$6"; echo \'{"anchors": 9, "classes": 2}\'')
    with pytest.raises(ModelError, match="tells 2 classes apart, and there are 1 labels"):
        export(tmp_path, mxnet=python, labels=["bottle"])
    assert nothing_written(tmp_path)


@pytest.mark.parametrize("out", ["bottles", "bottles.pb", ".onnx"])
def test_another_name(tmp_path, out):
    with pytest.raises(SettingsError, match=r"does not end in \.onnx"):
        export(tmp_path, out=str(tmp_path / out))


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(StoreError, match="allow writing there"):
        export(tmp_path)
