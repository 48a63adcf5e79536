from __future__ import annotations

import os
import stat
import threading

import pytest

from facepipe_io.edge.live import tokens
from facepipe_io.edge.live.tokens import read_token
from facepipe_io.errors import SettingsError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "preview-token"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_token_is_made_for_its_owner_alone_and_kept(path):
    before = os.umask(0)
    try:
        token = read_token(path)
    finally:
        os.umask(before)
    assert len(token) == 32
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert read_token(path) == token
    assert list(path.parent.iterdir()) == [path]


def test_no_two_are_the_same(tmp_path):
    assert len({read_token(tmp_path / str(number)) for number in range(20)}) == 20


def test_who_starts_at_once_has_the_same(path):
    start, found = threading.Barrier(8), []

    def read():
        start.wait(30)
        found.append(read_token(path))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert list(path.parent.iterdir()) == [path]


def test_one_of_ones_own_is_taken_as_it_is(path):
    path.parent.mkdir()
    path.write_text("  a-word-that-nobody-guesses\n")
    assert read_token(path) == "a-word-that-nobody-guesses"


@pytest.mark.parametrize("text", ["", "short", "with a space in it all", "x" * 129, "ü" * 20])
def test_what_is_no_token_is_refused_and_not_told(path, text):
    path.parent.mkdir()
    path.write_text(text, "utf-8")
    with pytest.raises(SettingsError, match="holds no token: 16 to 128 letters") as told:
        read_token(path)
    assert len(told.value.problems) == 1
    assert not text or text not in str(told.value)
    assert path.read_text("utf-8") == text


@pytest.mark.parametrize(
    ("name", "reason"),
    [("folder/", "Is a directory"), ("file/token", "File exists"), ("a\0b", "embedded null")],
)
def test_a_place_for_no_token_is_told_in_a_sentence(tmp_path, name, reason):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=f"which cannot be used: .*{reason}"):
        read_token(tmp_path / name)


def test_a_token_that_cannot_be_made_leaves_nothing(path, monkeypatch):
    def link(*_):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(tokens.os, "link", link)
    with pytest.raises(SettingsError, match="Operation not permitted"):
        read_token(path)
    assert not list(path.parent.iterdir())
