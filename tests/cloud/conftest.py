"""An embedded cloud for each test that must start, stop or break one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks.setup import aws, stack
from tests.support.bare import IDS, Bare, bare_account
from tests.support.embedded import Cloud, make_cloud
from tests.support.project import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cloud]:
    """A project with a port of its own, whose cloud is stopped after the test."""
    found = make_cloud(tmp_path / "own", free_port())
    yield found
    found.down()


@pytest.fixture
def running(own: Cloud) -> Cloud:
    """A cloud that is up."""
    own.up()
    return own


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    """An account of an embedded AWS that holds nothing; it needs no Docker."""
    with bare_account(tmp_path) as found:
        yield found


@pytest.fixture
def healthy(bare: Bare) -> Bare:
    """An environment that waits for its first deploy, with its role."""
    stack.stack(bare.work())
    aws.aws(bare.work(IDS))
    return bare
