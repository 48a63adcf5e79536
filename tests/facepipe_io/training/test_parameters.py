from __future__ import annotations

import base64
import struct

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from facepipe_io.errors import ModelError
from facepipe_io.training.parameters import read_parameters

# mx.nd.save of MXNet 1.9.1: arg:w, 0 to 5 as (2, 3) float32, and aux:mean, 1 and 2 as float16.
SAVED = base64.b64decode(
    "EgEAAAAAAAAAAAAAAAAAAAIAAAAAAAAAyfqT+QAAAAACAAAAAgAAAAAAAAADAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAA"
    "AIA/AAAAQAAAQEAAAIBAAACgQMn6k/kAAAAAAQAAAAIAAAAAAAAAAQAAAAAAAAACAAAAADwAQAIAAAAAAAAABQAAAAAA"
    "AABhcmc6dwgAAAAAAAAAYXV4Om1lYW4="
)
SHAPES = {"arg:w": (2, 3), "aux:mean": (2,)}


def array(shape, *, version=2, kind=0, size=None, sparse=0):
    """An array of zeros as a release of MXNet saved it: 0 is before 0.12, 1 before 1.0."""
    if version == 0:
        head = struct.pack(f"<I{len(shape)}I", len(shape), *shape)
    else:
        head = struct.pack("<I", {1: 0xF993FAC8, 2: 0xF993FAC9, 3: 0xF993FACA}[version])
        head += struct.pack("<i", sparse) * (version > 1)
        head += struct.pack(f"<i{len(shape)}q", len(shape), *shape)
    if size is None:
        size = {0: 4, 1: 8, 2: 2, 3: 1, 4: 4, 5: 1, 6: 8}[kind]
        for side in shape:
            size *= side
    return head + struct.pack("<iii", 1, 0, kind) + bytes(size)


def saved(arrays, names=None, *, magic=0x112):
    """A file of arrays, by name, or of those and other names."""
    if names is None:
        names, arrays = list(arrays), list(arrays.values())
    encoded = [name if isinstance(name, bytes) else name.encode() for name in names]
    return (
        struct.pack("<QQQ", magic, 0, len(arrays))
        + b"".join(arrays)
        + struct.pack("<Q", len(encoded))
        + b"".join(struct.pack("<Q", len(name)) + name for name in encoded)
    )


@pytest.fixture
def read(tmp_path):
    def write_and_read(content):
        path = tmp_path / "model-0000.params"
        path.write_bytes(content)
        return read_parameters(str(path))

    return write_and_read


def test_a_file_that_mxnet_saved(read):
    assert read(SAVED) == SHAPES
    good = {"arg:w": array((2, 3)), "aux:mean": array((2,), kind=2)}
    assert len(saved(good)) == len(SAVED)


@pytest.mark.parametrize("version", range(4))
@pytest.mark.parametrize("kind", range(7))
def test_files_of_every_release_and_of_every_kind_of_number(read, version, kind):
    arrays = {
        "arg:first": array((3, 1, 2, 2), version=version, kind=kind),
        "aux:weights of ü": array((5,), version=version, kind=kind),
    }
    assert read(saved(arrays)) == {"arg:first": (3, 1, 2, 2), "aux:weights of ü": (5,)}


ONE = array((2,))
BAD = {
    "nothing": (b"", "it ends too early"),
    "another kind of file": (b"\x80\x04K\x01." * 9, "does not begin as one"),
    "another magic": (saved({"arg:w": ONE}, magic=0x113), "does not begin as one"),
    "arrays without end": (struct.pack("<QQQ", 0x112, 0, 2**63), "more than 100000 arrays"),
    "more arrays than there are": (struct.pack("<QQQ", 0x112, 0, 99_999) + ONE, "too early"),
    "names without end": (
        saved([ONE], ["arg:w"]).replace(b"\1" + b"\0" * 7 + b"\5", b"\xff" * 7 + b"\0\5"),
        "more than 100000 arrays",
    ),
    "sparse": (saved({"arg:w": array((2,), sparse=1)}), "a sparse array"),
    "no shape": (saved({"arg:w": array(())}), "without a shape"),
    "a hundred dimensions": (saved({"arg:w": array((1,) * 100)}), "without a shape"),
    "an empty side": (saved({"arg:w": array((0, 2))}), "an empty array"),
    "a side below 0": (saved({"arg:w": array((-4,), size=0)}), "ends too early"),
    "a huge side": (saved({"arg:w": array((2**62,), size=8)}), "ends too early"),
    "huge sides": (saved({"arg:w": array((9,) * 8, size=8)}), "ends too early"),
    "strange numbers": (saved({"arg:w": array((2,), kind=9, size=8)}), "of an unknown kind"),
    "too few names": (saved([ONE, ONE], ["arg:w"]), "do not fit its arrays"),
    "one name twice": (saved([ONE, ONE], ["arg:w", "arg:w"]), "do not fit its arrays"),
    "no prefix": (saved({"w": ONE}), "begins with neither arg: nor aux:"),
    "no text": (saved([ONE], [b"arg:\xff"]), "no UTF-8"),
    "a long name": (saved({"arg:" + "w" * 997: ONE}), "a name is too long"),
    "more behind": (SAVED + b"\0", "something behind its end"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_a_damaged_or_hostile_file_is_told_in_one_sentence(case, read):
    content, told = BAD[case]
    with pytest.raises(ModelError, match=told) as caught:
        read(content)
    assert "\n" not in str(caught.value)


def test_truncated_anywhere(read):
    for length in range(len(SAVED)):
        with pytest.raises(ModelError, match=r"damaged or no \.params file"):
            read(SAVED[:length])


def test_missing(tmp_path):
    with pytest.raises(ModelError, match=r"No such file.*check the path"):
        read_parameters(str(tmp_path / "missing.params"))


@settings(suppress_health_check=list(HealthCheck))
@given(st.integers(0, len(SAVED) - 1), st.integers(0, 255))
@example(24, 0)
def test_whatever_is_changed_it_is_told_or_read(read, place, value):
    content = bytearray(SAVED)
    content[place] = value
    try:
        shapes = read(bytes(content))
    except ModelError as error:
        assert "\n" not in str(error)
    else:
        assert sorted(map(len, shapes)) == sorted(map(len, SHAPES))
