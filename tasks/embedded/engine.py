"""The Docker Engine: the one that answers, or one that is started here."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.embedded import debian, processes
from tasks.sdk_errors import DockerUnavailableError, EngineForbiddenError, EngineHangsError, docker_unavailable

if TYPE_CHECKING:
    from tasks.clients import Clients
    from tasks.embedded.debian import Machine
    from tasks.embedded.processes import Process
    from tasks.report import Report
    from tasks.settings import Settings

DEFAULT_HOST = "unix:///var/run/docker.sock"
PID_FILE = Path("/var/run/docker.pid")
PACKAGES = ("docker.io", "iptables")
DESKTOP = {
    "macos": "https://docs.docker.com/desktop/setup/install/mac-install/",
    "windows": "https://docs.docker.com/desktop/setup/install/windows-install/",
}
START_SECONDS = 60
CONTAINERD_SECONDS = 5
STOP_SECONDS = 30


class EngineDiedError(DockerUnavailableError):
    """The Docker Engine that was started here ended at once, or does not answer."""


@dataclass(frozen=True)
class Daemon:
    """How a Docker Engine is started here, where none answers at `host` and that is where it would listen.

    `lock` keeps two checkouts from starting one each; `its_pid_file` and `containerd_pid_file` are the daemon's
    own, beside ours in `state`.
    """

    state: Path
    host: str
    machine: Machine
    listens_at: str = DEFAULT_HOST
    command: tuple[str, ...] = ("dockerd",)
    lock: Path = Path("/run/lock/spryte-dockerd.lock")
    its_pid_file: Path = PID_FILE
    containerd_pid_file: Path = Path("/var/run/docker/containerd/containerd.pid")
    systemd: Path = Path("/run/systemd/system")

    @property
    def log(self) -> Path:
        """What the daemon prints."""
        return self.state / "dockerd.log"

    @property
    def pid_file(self) -> Path:
        """Which process it is; only there when it was started here."""
        return self.state / "dockerd.pid"


@dataclass(frozen=True)
class EngineStatus:
    """The Docker Engine at a glance; `problem` says why none answers."""

    host: str
    version: str = ""
    started_here: bool = False
    problem: str = ""

    @property
    def answers(self) -> bool:
        """Whether there is one."""
        return not self.problem


def here(settings: Settings) -> Daemon:
    """Return how a Docker Engine is started on this machine."""
    return Daemon(settings.state, host(), debian.this_machine())


def host() -> str:
    """Return the address of the Docker Engine that the CLI would use: DOCKER_HOST, or its current context."""
    from docker.context import ContextAPI  # noqa: PLC0415 - only loaded with docker-py itself

    given = os.environ.get("DOCKER_HOST") or ContextAPI.kwargs_from_context().get("base_url")
    return str(given).replace("http+unix://", "unix://") if given else DEFAULT_HOST


def edition(pid_file: Path = PID_FILE) -> str:
    """Return what tells this run of this machine's Docker Engine from another; empty when it is elsewhere."""
    process = _named(pid_file, "dockerd") if host() == DEFAULT_HOST else None
    return f"{process.pid} {process.started}" if process else ""


def tls_variables() -> dict[str, str]:
    """Return the variables with which the Docker CLI reaches an engine over TLS, where they are set."""
    names = ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def start(daemon: Daemon, clients: Clients, report: Report) -> bool:
    """Make sure that a Docker Engine answers; returns whether it had to be started.

    Raises:
        DockerUnavailableError: none answers and none can be started here; says what to install.
        EngineDiedError: one was started and ended, with its last lines.
        PackageError: its packages could not be installed.
    """
    problem = _problem(daemon, clients)
    if problem is None:
        return False
    refusal = why_not(problem, daemon, installed=shutil.which(daemon.command[0]) is not None)
    if refusal is not None:
        raise refusal from problem
    # One lock for the machine, not the checkout: the engine is everybody's.
    with processes.locked(daemon.lock, report):
        if _problem(daemon, clients) is None:
            return False
        if shutil.which(daemon.command[0]) is None:
            debian.install(PACKAGES, report)
        if _problem(daemon, clients) is not None:
            _start(daemon, clients, report)
    return True


def why_not(problem: Exception, daemon: Daemon, *, installed: bool) -> DockerUnavailableError | None:
    """Say why no Docker Engine can be started here, or return nothing where one can.

    Args:
        problem: what docker-py raised.
        daemon: the address that was tried, and what this machine is.
        installed: whether the daemon's program is there.
    """
    doing = f"asking {daemon.host}"
    refused = docker_unavailable(problem, doing)
    if isinstance(refused, (EngineForbiddenError, EngineHangsError)):
        return refused
    what = f"No Docker Engine answers at {daemon.host}."
    if daemon.host != daemon.listens_at:
        return DockerUnavailableError(
            what, fix="Start it there, or unset DOCKER_HOST and run: docker context use default"
        )
    return _advice(what, daemon.machine, installed=installed)


def _advice(what: str, machine: Machine, *, installed: bool) -> DockerUnavailableError | None:
    if machine.system in DESKTOP:
        fix = f"Start Docker Desktop; if it is not installed: {DESKTOP[machine.system]}"
        return DockerUnavailableError(what, fix=fix)
    if machine.root and (installed or machine.installs):
        return None
    if installed:
        return DockerUnavailableError(what, fix="Run: sudo systemctl start docker")
    fix = (
        f"Run: {debian.install_command(PACKAGES)} && sudo usermod -aG docker $USER, then log in again."
        if machine.system == "debian"
        else "Install your distribution's package of it (docker or moby-engine), then: "
        "sudo systemctl enable --now docker"
    )
    return DockerUnavailableError(f"{what} It is not installed.", fix=fix)


def stop(daemon: Daemon, clients: Clients) -> Process | None:
    """Stop the Docker Engine if it was started here; returns the process that ended."""
    process = processes.recall(daemon.pid_file)
    if process is None or not process.is_alive():
        daemon.pid_file.unlink(missing_ok=True)
        return None
    if not processes.stop(process, STOP_SECONDS, clients):
        raise EngineDiedError(
            f"The Docker Engine (pid {process.pid}) did not stop within {STOP_SECONDS} s.",
            fix="Run it again; if it stays, end that process.",
            evidence=processes.last_lines(daemon.log, 5),
        )
    daemon.pid_file.unlink(missing_ok=True)
    return process


def status(daemon: Daemon, clients: Clients) -> EngineStatus:
    """Look at the Docker Engine without changing anything."""
    problem = _problem(daemon, clients)
    ours = processes.recall(daemon.pid_file)
    if problem is not None:
        return EngineStatus(daemon.host, problem=str(docker_unavailable(problem, f"asking {daemon.host}")))
    version = str(clients.docker.version().get("Version", ""))
    return EngineStatus(daemon.host, version, started_here=ours is not None and ours.is_alive())


def _problem(daemon: Daemon, clients: Clients) -> Exception | None:
    import requests  # noqa: PLC0415 - only loaded with docker-py itself
    from docker.errors import DockerException  # noqa: PLC0415

    try:
        if daemon.host.startswith("unix://"):
            # Asked first, because docker-py leaves a socket open behind each attempt that nobody answers.
            with socket.socket(socket.AF_UNIX) as trial:
                trial.connect(daemon.host.removeprefix("unix://"))
        clients.docker.ping()
    except (OSError, DockerException, requests.RequestException) as error:
        return error
    return None


def _start(daemon: Daemon, clients: Clients, report: Report) -> None:
    before = processes.recall(daemon.pid_file)
    if before is not None:
        report.say(f"the Docker Engine started here earlier (pid {before.pid}) is gone; starting it again")
    elif Path(daemon.host.removeprefix("unix://")).exists():
        report.say(f"nobody listens at {daemon.host} any more; starting a Docker Engine")
    if daemon.systemd.exists():
        _start_through_systemd(daemon, clients, report)
        return
    _clear_the_way(daemon, clients, report)
    offset = processes.size(daemon.log)
    process = processes.start(daemon.command, os.environ, daemon.log)
    processes.remember(daemon.pid_file, process, daemon.host)
    limit = clients.clock() + START_SECONDS
    while _problem(daemon, clients) is not None:
        if not process.is_alive() or clients.clock() >= limit:
            how = "ended at once" if not process.is_alive() else f"does not answer after {START_SECONDS} s"
            raise EngineDiedError(
                f"The Docker Engine (dockerd, pid {process.pid}) {how}.",
                fix=f"Fix what it says; everything it said is in {daemon.log}",
                evidence=processes.last_lines(daemon.log, debian.LAST_LINES, offset),
            )
        clients.sleep(0.1)
    report.say(f"Docker Engine started (dockerd, pid {process.pid})")


def _start_through_systemd(daemon: Daemon, clients: Clients, report: Report) -> None:
    report.say("starting the Docker Engine: systemctl start docker")
    done = subprocess.run(["systemctl", "start", "docker"], capture_output=True, text=True, check=False)
    problem = _problem(daemon, clients)
    if problem is not None:
        raise EngineDiedError(
            "The Docker Engine does not answer after: systemctl start docker",
            fix="See why with: journalctl -u docker -n 50",
            evidence=(done.stderr or done.stdout).splitlines()[-5:],
        ) from problem


def _clear_the_way(daemon: Daemon, clients: Clients, report: Report) -> None:
    """Remove what an earlier daemon left that would keep the next one from starting.

    Both dockerd and its containerd take any process with the number in their pid file for their own kind.
    """
    for path, program in ((daemon.its_pid_file, "dockerd"), (daemon.containerd_pid_file, "containerd")):
        process = _named(path, program)
        if process is not None and program == "containerd" and _named(daemon.its_pid_file, "dockerd") is None:
            # It ends by itself shortly after its dockerd; one started meanwhile would wait for it in vain.
            process = None if processes.ended(process, CONTAINERD_SECONDS, clients) else process
        if path.exists() and process is None:
            report.say(f"{path} was left by a Docker Engine that is gone; removing it")
            path.unlink(missing_ok=True)


def _named(path: Path, program: str) -> Process | None:
    """Return the process of a pid file, if it is that program."""
    try:
        process = processes.identify(int(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
    return process if process is not None and program in process.command else None
