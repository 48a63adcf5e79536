"""The account in which the cloud function's tests run."""

from __future__ import annotations

from typing import Iterator

import pytest

from tests.facepipe_io.cloud.world import World, running_world


@pytest.fixture(scope="module")
def account() -> Iterator[World]:
    with running_world() as running:
        yield running


@pytest.fixture
def world(account: World) -> World:
    """The account, empty."""
    account.reset()
    return account
