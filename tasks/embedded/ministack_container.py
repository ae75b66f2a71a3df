"""MiniStack as a container, for systems whose Docker Engine lives in a virtual machine (macOS, Windows).

There, a process on the host cannot reach the containers' addresses, but a container can.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from tasks.embedded import ministack
from tasks.embedded.ministack import Server
from tasks.sdk_errors import asking_docker

if TYPE_CHECKING:
    from docker.models.containers import Container

    from tasks.clients import Clients
    from tasks.report import Report
    from tasks.settings import Settings

IMAGE = "ministackorg/ministack"
STATE = "/var/lib/ministack"
SOCKET = "/var/run/docker.sock"
STOP_SECONDS = 60


def find(settings: Settings, clients: Clients) -> Server:
    """Look for this checkout's container without changing anything."""
    port = settings.local_port
    container = _container(settings, clients)
    answer = ministack.health(port, clients)
    if container is None:
        return Server("foreign" if answer else "stopped", port, None, answer, "another checkout")
    if container.status != "running":
        return Server("crashed", port)
    return Server("running" if answer else "half-started", port, None, answer)


def ensure(settings: Settings, clients: Clients, report: Report) -> bool:
    """Make sure that it answers; see `Runner`."""
    found = find(settings, clients)
    if found.state == "running":
        return False
    ministack.require_ours(found)
    stop(settings, clients, report)
    report.say(f"starting the embedded cloud as a container of {IMAGE}")
    with asking_docker("starting MiniStack"):
        container = clients.docker.containers.run(
            f"{IMAGE}:{version('ministack')}",
            name=_name(settings),
            detach=True,
            environment=variables(settings),
            ports={f"{settings.local_port}/tcp": ("127.0.0.1", settings.local_port)},
            volumes=[f"{settings.state / 'ministack'}:{STATE}", f"{SOCKET}:{SOCKET}"],
        )
    limit = clients.clock() + ministack.HEALTH_SECONDS
    while not ministack.health(settings.local_port, clients):
        if clients.clock() >= limit:
            with asking_docker("reading MiniStack's log"):
                lines = container.logs(tail=ministack.LAST_LINES).decode("utf-8", "replace").splitlines()
            how = "does not answer as a container"
            raise ministack.CloudDiedError(how, ministack.log_file(settings), tuple(lines))
        clients.sleep(0.1)
    report.say(f"embedded cloud started on http://127.0.0.1:{settings.local_port}")
    return True


def stop(settings: Settings, clients: Clients, report: Report) -> bool:
    """Stop and remove the container; see `Runner`. Its state is in `.local`."""
    container = _container(settings, clients)
    if container is None:
        return False
    with asking_docker("stopping MiniStack"):
        container.stop(timeout=STOP_SECONDS)
        container.remove()
    report.say("embedded cloud stopped")
    return True


def variables(settings: Settings) -> dict[str, str]:
    """Return the process's variables with what differs inside a container."""
    inside = {
        "BIND_HOST": "0.0.0.0",  # noqa: S104 - inside; only loopback is published
        "DOCKER_HOST": f"unix://{SOCKET}",
        "STATE_DIR": STATE,
        "S3_DATA_DIR": f"{STATE}/s3",
        "TMPDIR": "/tmp",  # noqa: S108 - the container's own
    }
    left_out = {"PATH", "HOME", "SSH_AUTH_SOCK", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"}
    outside = ministack.variables(settings).items()
    return {**{name: value for name, value in outside if name not in left_out}, **inside}


def _name(settings: Settings) -> str:
    return f"{ministack.instance(settings)}-ministack"


def _container(settings: Settings, clients: Clients) -> Container | None:
    with asking_docker("looking for MiniStack's container"):
        found = clients.docker.containers.list(all=True, filters={"name": f"^{_name(settings)}$"})
    return found[0] if found else None
