"""What there is of the embedded cloud, without changing anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.embedded import engine, ministack, stack
from tasks.errors import DeployError
from tasks.sdk_errors import asking_aws, asking_docker

if TYPE_CHECKING:
    from tasks.clients import Clients
    from tasks.documents import Json
    from tasks.embedded.engine import EngineStatus
    from tasks.embedded.ministack import Server
    from tasks.settings import Service, Settings


@dataclass(frozen=True)
class ServiceStatus:
    """A service in the embedded cloud; `containers` are names that `docker logs` understands."""

    name: str
    desired: int
    running: int
    containers: tuple[str, ...]


@dataclass(frozen=True)
class CloudStatus:
    """The embedded cloud at a glance. `problem` says why its insides could not be looked at."""

    engine: EngineStatus
    server: Server
    url: str
    stack: str = ""
    services: tuple[ServiceStatus, ...] = ()
    problem: str = ""

    @property
    def is_up(self) -> bool:
        """Whether a deploy could start at once."""
        return self.engine.answers and self.server.state == "running" and self.stack.endswith("_COMPLETE")


def look(settings: Settings, daemon: engine.Daemon, clients: Clients) -> CloudStatus:
    """Look at everything; what cannot be looked at is named in the answer, not raised."""
    engine_status = engine.status(daemon, clients)
    server = ministack.runner().find(settings, clients)
    url = settings.target.app_url
    if server.state != "running":
        return CloudStatus(engine_status, server, url)
    state, services = "", list[ServiceStatus]()
    try:
        state = stack.status(clients)
        for service in settings.select("all") if state else ():
            services += _service(service, settings, clients)
    except DeployError as error:
        return CloudStatus(engine_status, server, url, state, tuple(services), str(error))
    return CloudStatus(engine_status, server, url, state, tuple(services))


def lines(status: CloudStatus) -> tuple[str, ...]:
    """Return the status for a person, one fact a line."""
    rows = [f"engine   {_engine_line(status.engine)}", f"cloud    {server_line(status.server)}"]
    if status.server.state == "running" and not status.engine.answers:
        rows.append("         its Docker Engine is gone, and the services with it; fix both with: ./inv local.up")
    if status.server.state == "running":
        rows.append(f"stack    {stack.NAME}: {status.stack or 'none yet; ./inv local.up makes it'}")
    for each in status.services:
        names = f" ({', '.join(each.containers)})" if each.containers else ""
        rows.append(f"service  {each.name}: {each.running} of {each.desired} running{names}")
    if status.problem:
        rows.append(f"problem  {status.problem}")
    if status.is_up:
        rows.append(f"address  {status.url}")
    return tuple(rows)


def document(status: CloudStatus) -> dict[str, Json]:
    """Return the status for machines."""
    process = status.server.process
    return {
        "up": status.is_up,
        "engine": {
            "answers": status.engine.answers,
            "host": status.engine.host,
            "version": status.engine.version,
            "started_here": status.engine.started_here,
            "problem": status.engine.problem,
        },
        "cloud": {
            "state": status.server.state,
            "port": status.server.port,
            "pid": process.pid if process else None,
            "version": status.server.version,
            "holder": status.server.holder,
        },
        "stack": status.stack,
        "services": [
            {"name": each.name, "desired": each.desired, "running": each.running, "containers": [*each.containers]}
            for each in status.services
        ],
        "url": status.url,
        "problem": status.problem,
    }


def server_line(server: Server) -> str:
    """Return MiniStack's state in words, and what to do about it."""
    pid = server.process.pid if server.process else 0
    version = f"MiniStack {server.version}".strip()
    return {
        "running": f"{version} on port {server.port}" + (f", pid {pid}" if pid else ""),
        "stopped": "stopped; start it with: ./inv local.up",
        "half-started": f"MiniStack (pid {pid}) does not answer on port {server.port}; ./inv local.up fixes it",
        "crashed": f"MiniStack (pid {pid}) is gone without having been stopped; ./inv local.up starts it again",
        "foreign": f"stopped; port {server.port} is taken by {server.holder}",
    }[server.state]


def _engine_line(status: EngineStatus) -> str:
    if not status.answers:
        return status.problem
    here = ", started here" if status.started_here else ""
    return f"Docker Engine {status.version} at {status.host}{here}"


def _service(service: Service, settings: Settings, clients: Clients) -> list[ServiceStatus]:
    with asking_aws(f"looking at {service.ecs_service}"):
        answer = clients.ecs.describe_services(cluster=service.cluster, services=[service.ecs_service])
    found = [each for each in answer["services"] if each.get("status") == "ACTIVE"]
    if not found:
        return []
    with asking_docker("listing containers"):
        labels = [
            f"ministack.instance={ministack.instance(settings)}:{settings.local_port}",
            f"com.amazonaws.ecs.task-definition-family={service.family}",
        ]
        containers = clients.docker.containers.list(filters={"label": labels}, ignore_removed=True)
    names = tuple(sorted(str(each.name) for each in containers))
    desired, running = found[0].get("desiredCount", 0), found[0].get("runningCount", 0)
    return [ServiceStatus(service.name, desired, running, names)]
