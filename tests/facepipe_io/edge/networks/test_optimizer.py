from __future__ import annotations

import json
import sys

import pytest

from facepipe_io.edge.networks.optimizer import needs_optimizing, optimize
from facepipe_io.errors import ModelError, SettingsError
from tests.facepipe_io.edge.helpers import STANDINS


@pytest.fixture
def mo(monkeypatch):
    """The stand-in for the device's module, fresh."""
    monkeypatch.syspath_prepend(str(STANDINS))
    monkeypatch.delitem(sys.modules, "mo", raising=False)
    import mo

    yield mo
    del sys.modules["mo"]


@pytest.fixture
def network(tmp_path):
    folder = tmp_path / "bottles"
    folder.mkdir()
    (folder / "deploy_bottles-symbol.json").write_text("{}")
    (folder / "deploy_bottles-0000.params").write_bytes(b"")
    return folder / "deploy_bottles-symbol.json"


def say_size(network, *wh):
    network.with_name(network.name + ".json").write_text(json.dumps({"size": wh}))


@pytest.mark.parametrize("name", [".", "deploy_bottles-symbol.json"])
def test_a_network_or_its_folder_is_optimised_where_it_lies(mo, network, name):
    model = str(network.parent / name)
    assert needs_optimizing(model)
    path, wh = optimize(model)
    assert path == str(network.parent / "deploy_bottles.xml")
    assert wh == (300, 300)
    (call,) = mo.CALLS
    assert call == ("deploy_bottles", 300, 300, str(network.parent))
    assert not needs_optimizing(path)


def test_at_the_size_that_it_was_trained_at(mo, network):
    say_size(network, 512, 480)
    assert optimize(str(network))[1] == (512, 480)
    (call,) = mo.CALLS
    assert call == ("deploy_bottles", 512, 480, str(network.parent))


def test_a_size_that_deeplens_does_not_take(mo, network):
    say_size(network, 1025, 1025)
    with pytest.raises(ModelError, match="input is 1025x1025, and DeepLens takes 1024 at most"):
        optimize(str(network))
    assert mo.CALLS == []


def test_elsewhere(network, monkeypatch):
    monkeypatch.setitem(sys.modules, "mo", None)
    with pytest.raises(SettingsError, match="on an AWS DeepLens only"):
        optimize(str(network))


@pytest.mark.parametrize(
    ("answer", "told"), [(1, "1: it does not know"), (2, "2: it failed"), (7, "7: unknown")]
)
def test_an_error_of_the_optimizers(mo, network, monkeypatch, answer, told):
    monkeypatch.setattr(mo, "ANSWER", answer)
    with pytest.raises(ModelError, match=told):
        optimize(str(network))


def test_what_the_optimizer_raises(mo, network, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("No module\nnamed mxnet")

    monkeypatch.setattr(mo, "optimize", fail)
    with pytest.raises(ModelError, match=r"refuses it \(.*No module named mxnet\)") as caught:
        optimize(str(network))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing-symbol.json", "deploy_bottles-0000.params"])
def test_a_file_that_is_missing_or_no_network(mo, network, name):
    with pytest.raises(ModelError, match=r"no such file, or it is no \*-symbol\.json"):
        optimize(str(network.with_name(name)))


def test_no_parameters_beside_it(mo, network):
    network.with_name("deploy_bottles-0000.params").unlink()
    with pytest.raises(ModelError, match=r"deploy_bottles-0000\.params is not beside it"):
        optimize(str(network))


@pytest.mark.parametrize("count", [0, 2])
def test_a_folder_of_none_or_several(mo, tmp_path, count):
    for index in range(count):
        (tmp_path / f"{index}-symbol.json").write_text("{}")
    with pytest.raises(ModelError, match=f"it has {count} files"):
        optimize(str(tmp_path))
