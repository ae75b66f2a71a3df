"""The embedded cloud as a whole: up, down, status, reset, logs."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

from tasks.clients import Clients
from tasks.embedded import base_images, ministack, processes, stack
from tasks.embedded import engine as docker_engine
from tasks.embedded import status as status_of
from tasks.errors import NotReadyError
from tasks.sdk_errors import asking_docker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.embedded.status import CloudStatus
    from tasks.report import Report
    from tasks.settings import Service, Settings, Target


class NotRunningError(NotReadyError):
    """The embedded cloud is not up, and may not be started for this."""

    def __init__(self, found: CloudStatus) -> None:
        super().__init__(
            "The embedded cloud is not running.", fix="Start it: ./inv local.up", evidence=status_of.lines(found)
        )


# The base images are the Docker Engine's, so of two checkouts one makes them and the other finds them.
USER = os.getuid() if os.name == "posix" else 0
BASE_IMAGES_LOCK = Path(gettempdir()) / f"spryte-base-images-{USER}.lock"


def up(settings: Settings, services: Sequence[Service], report: Report) -> Target:
    """Make sure that everything a local deploy needs is there: engine, base images, MiniStack, stack.

    Returns:
        The target, with the base images that were found or made as build arguments.

    Raises:
        DockerUnavailableError: no Docker Engine answers and none can be started here.
        StandInError: a base image can be neither pulled nor made.
        PortTakenError: another program has the port; `ForeignCloudError` when it is another checkout's cloud.
        CloudDiedError: MiniStack does not start.
        StackError: a resource of the stack failed.
    """
    clients = Clients(settings.target)
    with processes.locked(settings.state / "lock", report):
        docker_engine.start(docker_engine.here(settings), clients, report)
        with processes.locked(BASE_IMAGES_LOCK, report):
            images = base_images.ensure(settings, services, clients, report)
        ministack.runner().ensure(settings, clients, report)
        stack.ensure(settings, clients, report)
    return replace(settings.target, build_args=images)


def down(settings: Settings, report: Report, *, engine: bool = False) -> None:
    """Stop MiniStack, which saves its state, and the services' containers with it.

    Args:
        settings: whose embedded cloud.
        report: who hears what is done.
        engine: whether to stop the Docker Engine too, if it was started here.
    """
    clients = Clients(settings.target)
    with processes.locked(settings.state / "lock", report):
        _down(settings, clients, report)
        if engine:
            process = docker_engine.stop(docker_engine.here(settings), clients)
            what = f"stopped (pid {process.pid})" if process else "was not started here; it is left as it is"
            report.say(f"Docker Engine {what}")


def reset(settings: Settings, report: Report) -> None:
    """Stop the embedded cloud and forget everything it knows; base images and logs stay."""
    clients = Clients(settings.target)
    with processes.locked(settings.state / "lock", report):
        _down(settings, clients, report)
        ministack.discard_state(settings)
        (settings.state / "stack.json").unlink(missing_ok=True)
    report.say("embedded cloud forgotten; the next ./inv local.up starts afresh")


def status(settings: Settings) -> CloudStatus:
    """Look at the embedded cloud without changing anything."""
    return status_of.look(settings, docker_engine.here(settings), Clients(settings.target))


def require_running(settings: Settings) -> None:
    """Insist that the embedded cloud is up, without starting anything.

    Raises:
        NotRunningError: it is not; says what is missing.
    """
    found = status(settings)
    if not found.is_up:
        raise NotRunningError(found)


def require_ours(settings: Settings) -> None:
    """Insist that whatever answers on the port is this checkout's own; whether anything does is left open.

    Raises:
        PortTakenError: another program has the port; `ForeignCloudError` when it is another checkout's cloud.
        OtherPortError: this checkout's is on another port.
    """
    found = ministack.runner().find(settings, Clients(settings.target))
    ministack.require_ours(found)
    if found.state == "running" and found.port != settings.local_port:
        raise ministack.OtherPortError(found.port, settings.local_port)


def log_lines(settings: Settings, lines: int) -> tuple[str, ...]:
    """Return the last lines that MiniStack wrote."""
    return processes.last_lines(ministack.log_file(settings), lines)


def engine_log_lines(settings: Settings, lines: int) -> tuple[str, ...]:
    """Return the last lines that the Docker Engine wrote, if it was started here."""
    return processes.last_lines(docker_engine.here(settings).log, lines)


def _down(settings: Settings, clients: Clients, report: Report) -> None:
    was_there = ministack.runner().stop(settings, clients, report)
    # MiniStack, while it stops, may replace a container that it has just stopped: such a one is left too.
    left = _remove_containers(settings, clients)
    if left and not was_there:
        report.say(f"removed what a crash had left: {', '.join(left)}")
    if not was_there and not left:
        report.say("the embedded cloud was not running")


def _remove_containers(settings: Settings, clients: Clients) -> list[str]:
    """Remove service containers that outlived their MiniStack; nobody else's carry this checkout's label."""
    from docker.errors import DockerException  # noqa: PLC0415 - only loaded with docker-py itself

    try:
        docker = clients.docker
    except DockerException:
        return []
    mine, removed = f"{ministack.instance(settings)}:", list[str]()
    with asking_docker("removing containers"):
        for each in docker.containers.list(all=True, filters={"label": "ministack.instance"}, ignore_removed=True):
            if each.labels.get("ministack.instance", "").startswith(mine):
                each.remove(force=True, v=True)
                removed.append(str(each.name))
    return removed
