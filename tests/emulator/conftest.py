"""The emulator for tests: one for all, emptied before each."""

from __future__ import annotations

from typing import Iterator

import pytest

from tests.emulator import Emulator, running


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with running("--retry-seconds", "0") as started:
        yield started


@pytest.fixture(scope="session")
def stock_moto() -> Iterator[Emulator]:
    with running("--without-shims") as started:
        yield started


@pytest.fixture
def aws(emulator: Emulator) -> Iterator[Emulator]:
    """An empty account, its policies not enforced; nothing may be lacking in the end."""
    emulator.enforce_iam(on=False)
    emulator.reset()
    before = emulator.lacking()
    yield emulator
    assert emulator.lacking() == before


@pytest.fixture
def stock(stock_moto: Emulator) -> Emulator:
    """moto as it is, empty."""
    stock_moto.enforce_iam(on=False)
    stock_moto.reset()
    return stock_moto
