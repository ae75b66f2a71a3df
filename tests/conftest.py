"""The embedded cloud for the tests: one for each file of them, in a copy of the project, on a port of its own."""

from __future__ import annotations

import itertools
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tasks.clients import Clients
from tasks.report import Report
from tasks.settings import Settings, load
from tests.support.chromium import find_or_install
from tests.support.deployed import Deployed
from tests.support.embedded import machine_s_engine
from tests.support.project import HERE, free_port, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient

FIRST = "0.1.5"


def pytest_configure() -> None:
    """Let Ctrl-C reach the processes that tests start although this one, in the background, ignores it itself."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Both services, deployed by the command line into an embedded cloud that no other file of tests uses.

    What one file leaves behind must not meet another: which of them share a process is up to the scheduling.
    """
    project = make_project(tmp_path_factory.mktemp("deployed"), LOCAL_PORT=str(free_port()))
    settings = load(project.root, project.environment)
    try:
        result = project.succeed("deploy", "--service=all", f"--version={FIRST}", "--json")
        yield Deployed(project, Clients(settings.target), result, itertools.count(6))
    finally:
        project.succeed("local.down")


@pytest.fixture(scope="session")
def engine_settings() -> Settings:
    """This checkout's own settings: the Docker Engine belongs to the machine, not to a test."""
    return load(HERE, {})


@pytest.fixture(scope="session")
def docker_client(engine_settings: Settings) -> DockerClient:
    """The Docker Engine, installed and started where it is not."""
    return machine_s_engine(engine_settings, Report(sys.stderr, time.monotonic))


@pytest.fixture(scope="module")
def chromium(deployed: Deployed) -> str:
    """The path of a Chromium, installed where there is none, once the cloud has installed what it needs."""
    assert deployed
    return find_or_install()
