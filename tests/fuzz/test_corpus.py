"""Every law, on what fuzzing found worth keeping."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.targets import GROUPS, target

CORPUS = Path(__file__).with_name("corpus")
FILES = sorted(path.relative_to(CORPUS).as_posix() for path in CORPUS.glob("*/*"))

MOST_FILES, MOST_BYTES = 15, 4096


@pytest.mark.parametrize("name", FILES)
def test_no_law_is_broken(name):
    target(name.partition("/")[0])((CORPUS / name).read_bytes())


@pytest.mark.parametrize("group", GROUPS)
def test_the_corpus_is_small_and_has_something_for_each_parser(group):
    files = [CORPUS / name for name in FILES if name.startswith(f"{group}/")]
    contents = [path.read_bytes() for path in files]
    named = {content.partition(b"\n")[0].decode("latin-1") for content in contents}
    assert set(GROUPS[group]) <= named
    assert len(files) <= MOST_FILES
    assert max(map(len, contents)) <= MOST_BYTES
