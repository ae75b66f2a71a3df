"""The embedded AWS, MiniStack: what is true of it whether it runs as a process or as a container."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from tasks.embedded import engine
from tasks.errors import NotReadyError

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.clients import Clients
    from tasks.embedded.processes import Process
    from tasks.report import Report
    from tasks.settings import Settings

State = Literal["running", "stopped", "half-started", "crashed", "foreign"]

ADDRESS = "127.0.0.1"
HEALTH_SECONDS = 20
STOP_SECONDS = 60
LAST_LINES = 15
NEXT_PORTS = 100


class PortTakenError(NotReadyError):
    """Something else listens on the embedded cloud's port."""

    def __init__(self, port: int, holder: str, free: int) -> None:
        super().__init__(
            f"Port {port}, which the embedded cloud needs, is taken by {holder}.",
            fix=f"Stop that, or use another port: LOCAL_PORT={free}",
        )


class ForeignCloudError(NotReadyError):
    """The embedded cloud of another checkout listens on the port."""

    def __init__(self, port: int, holder: str, free: int) -> None:
        super().__init__(
            f"Port {port} is held by the embedded cloud of another checkout: {holder}.",
            fix=f"Stop it there (./inv local.down), or use another port here: LOCAL_PORT={free}",
        )


class OtherPortError(NotReadyError):
    """This checkout's embedded cloud listens on another port than the one meant."""

    def __init__(self, port: int, wanted: int) -> None:
        super().__init__(
            f"The embedded cloud runs on port {port}; LOCAL_PORT is {wanted}.",
            fix=f"Move it there: ./inv local.up, or go on where it is: LOCAL_PORT={port}",
        )


class CloudDiedError(NotReadyError):
    """MiniStack ended while it started, or never answered."""

    def __init__(self, how: str, log: Path, lines: tuple[str, ...]) -> None:
        super().__init__(
            f"The embedded cloud (MiniStack) {how}.",
            fix=f"Fix what it says (everything it said is in {log}), or begin afresh: ./inv local.reset",
            evidence=lines,
        )


@dataclass(frozen=True)
class Server:
    """MiniStack as it was found. `holder` names whoever has the port, when that is not this checkout's."""

    state: State
    port: int
    process: Process | None = None
    version: str = ""
    holder: str = ""


class Runner(Protocol):
    """One of the two ways to run MiniStack: `ministack_process`, `ministack_container`."""

    def find(self, settings: Settings, clients: Clients) -> Server:
        """Look for this checkout's MiniStack without changing anything."""

    def ensure(self, settings: Settings, clients: Clients, report: Report) -> bool:
        """Make sure that it answers, with these settings and this Docker Engine; returns whether it was started.

        Args:
            settings: which port, account and region.
            clients: connections to it, and time.
            report: who hears what is done.

        Raises:
            PortTakenError: another program has the port.
            ForeignCloudError: another checkout's MiniStack has it.
            CloudDiedError: it was started and ended, or does not answer.
        """

    def stop(self, settings: Settings, clients: Clients, report: Report) -> bool:
        """Stop it and let it save its state; returns whether there was one. Nobody else's is touched."""


def runner(platform: str = sys.platform) -> Runner:
    """Return how MiniStack runs on a platform.

    Where the Docker Engine lives in a virtual machine (macOS, Windows), a process on the host cannot reach the
    containers' addresses; a container can.
    """
    from tasks.embedded import ministack_container, ministack_process  # noqa: PLC0415 - both import this module

    return ministack_container if platform in {"darwin", "win32"} else ministack_process


def log_file(settings: Settings) -> Path:
    """Return where MiniStack's own output goes."""
    return settings.state / "ministack.log"


def state_folder(settings: Settings) -> Path:
    """Return where MiniStack saves what it knows."""
    return settings.state.resolve() / "ministack"


def pid_file(settings: Settings) -> Path:
    """Return the file that says which process it is."""
    return settings.state / "ministack.pid"


def instance(settings: Settings) -> str:
    """Return the name under which this checkout's containers are labelled, whatever its port."""
    return f"spryte-{hashlib.sha256(str(settings.root.resolve()).encode()).hexdigest()[:12]}"


def variables(settings: Settings) -> dict[str, str]:
    """Return MiniStack's whole environment: nothing of the person's AWS settings reaches it."""
    state = state_folder(settings)
    keys = settings.target.credentials
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME", "SSH_AUTH_SOCK") if name in os.environ},
        **engine.tls_variables(),
        "DOCKER_HOST": engine.host(),
        "GATEWAY_PORT": str(settings.local_port),
        "BIND_HOST": ADDRESS,
        "MINISTACK_ACCOUNT_ID": settings.target.account,
        "MINISTACK_REGION": settings.target.region,
        "MINISTACK_HOSTNAME": instance(settings),
        "AUTH": "true",
        # Its evaluator compares the root's key with its own variables.
        "AWS_ACCESS_KEY_ID": keys.access_key if keys else "",
        "AWS_SECRET_ACCESS_KEY": keys.secret_key if keys else "",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state),
        "S3_DATA_DIR": str(state / "s3"),
        "TMPDIR": str(state.parent / "tmp"),
        # Two further ports that nothing here needs.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # Its services come back once it can be reached; two seconds, its own choice, are long after that.
        "ECS_RESTORE_RECONCILE_DELAY_SECONDS": "0.5",
        "LOG_LEVEL": "INFO",
        "PYTHONUNBUFFERED": "1",
        # The folder from which it is started must not be on its import path.
        "PYTHONSAFEPATH": "1",
    }


def health(port: int, clients: Clients) -> str:
    """Return the version of the MiniStack that answers on a port, empty when none does."""
    answer = clients.http.get(f"http://localhost:{port}/_ministack/health")
    if answer.status != 200:
        return ""
    try:
        fields = json.loads(answer.body)
    except ValueError:
        return ""
    return str(fields.get("version", "")) if isinstance(fields, dict) else ""


def require_ours(found: Server) -> None:
    """Refuse a port that somebody else has.

    Raises:
        PortTakenError: another program has it; `ForeignCloudError` when it is another checkout's cloud.
    """
    if found.state == "foreign":
        kind = ForeignCloudError if found.version else PortTakenError
        raise kind(found.port, found.holder, free_port(found.port))


def free_port(port: int) -> int:
    """Return the next port after `port` that nothing listens on."""
    following = range(port + 1, min(port + NEXT_PORTS, 65536))
    return next((each for each in following if not is_taken(each)), port + 1)


def discard_state(settings: Settings) -> None:
    """Delete what MiniStack knows; not its log."""
    for name in ("ministack", "tmp"):
        shutil.rmtree(settings.state / name, ignore_errors=True)


def is_taken(port: int) -> bool:
    """Whether something listens on a loopback port."""
    with socket.socket() as trial:
        # Without it, connections that have just been closed would count as somebody listening.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((ADDRESS, port))
        except PermissionError:
            return False
        except OSError:
            return True
    return False
