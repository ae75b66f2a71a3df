"""What most unit tests take: clients that answer as told, a report to read, a repository of its own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.fakes import Recorder, StubbedClients
from tests.support.project import HERE
from tests.support.repository import Repository, copy_repository, make_repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def clients() -> Iterator[StubbedClients]:
    """Clients of AWS that answer what the test prepared, and insist that all of it was asked for."""
    made = StubbedClients()
    yield made
    made.assert_all_asked()


@pytest.fixture
def report() -> Recorder:
    """A report whose lines the test can read."""
    return Recorder()


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A committed and pushed project that no test changes: copying it is quicker than making another."""
    return make_repository(tmp_path_factory.mktemp("original"))


@pytest.fixture
def repository(original: Repository, tmp_path: Path) -> Repository:
    """A committed and pushed project of the test's own."""
    return copy_repository(original, tmp_path)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with copies of this project's own settings and templates, without git."""
    root = tmp_path / "a project"
    shutil.copytree(HERE / "aws", root / "aws")
    for name in ("invoke.yaml", ".env.example"):
        shutil.copy(HERE / name, root / name)
    return root
