"""What is known of a deployment: plain values, gathered once; the rules judge nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from tasks.diagnosis import log_lines
from tasks.documents import as_list, as_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tasks.diagnosis.log_lines import Request
    from tasks.documents import Json
    from tasks.release.target_health import Target
    from tasks.settings import Service

LISTENING = re.compile(r"(?:listen|serving|running on)\w*\b.*?(?::|port )(\d{2,5})\b", re.IGNORECASE)
CHECKED_URL = re.compile(r"https?://[^/\s:\"']+(?::(\d+))?(/[^\s|;\"']*)?")
CODES = re.compile(r"with these codes: \[(\d{3})")
CONTAINER_CHECK = re.compile(r"failed container health checks", re.IGNORECASE)
TARGET_CHECK = re.compile(r"failed ELB health checks|is unhealthy in \(?target-group", re.IGNORECASE)
SHOWN_LINES = 10


@dataclass(frozen=True)
class Case:
    """What is asked about: a revision of a service, and the version that it bears.

    `asks_http` when the answer over HTTP belongs to it, because the rollout itself went well. `taken_back` when
    it ran and another one runs since: what it answered can only be read from its log. `since` is when its
    deployment began, where that is known: ECS soon lists it no longer, and goes on telling what was before it.
    """

    service: Service
    arn: str
    version: str
    asks_http: bool = False
    taken_back: bool = False
    since: datetime | None = None


@dataclass(frozen=True)
class Task:
    """A task of the service; times in seconds.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html

    `container` is the one that tells most: the one that failed, else the service's own. `code` is the stop code,
    `health` what its own health check says, `stopping` how long it took to stop once it was told to. `started` is
    when its containers ran.
    """

    id: str
    revision: str
    reason: str = ""
    code: str = ""
    container: str = ""
    container_reason: str = ""
    exit_code: int | None = None
    health: str = ""
    stopping: float = 0.0
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def ran(self) -> float:
        """How long it ran, in seconds; 0 where that is not known."""
        return (self.ended - self.started).total_seconds() if self.started and self.ended else 0.0

    @property
    def exited(self) -> bool:
        """Whether it ended by itself."""
        return self.code == "EssentialContainerExited" and self.exit_code is not None

    @property
    def lines(self) -> tuple[str, ...]:
        """What there is to show of it."""
        told = [f"task {self.id} stopped: {self.reason}"] if self.reason else []
        if self.exit_code is not None:
            told.append(f"container {self.container} ended with exit code {self.exit_code}")
        if self.container_reason:
            told.append(f"container {self.container}: {self.container_reason}")
        return tuple(told)


@dataclass(frozen=True)
class Probe:
    """What a user would get; `status` 0 when nothing answered."""

    url: str
    status: int
    version: str = ""
    problem: str = ""

    @property
    def line(self) -> str:
        """What there is to show of it."""
        version = f", version {self.version}" if self.version else ""
        return f"{self.url} answers {self.status}{version}" if self.status else f"{self.url}: {self.problem}"


@dataclass(frozen=True)
class Check:
    """The container health check of a task definition; `port` 0 and `path` empty where it names none.

    `interval` is the seconds between two, `patience` after how many a container that never answers is unhealthy.
    """

    command: str
    program: str
    port: int
    path: str
    interval: float
    patience: float


@dataclass(frozen=True)
class Findings:
    """Everything that could be asked, and in `gaps` what could not be.

    `grace` is for how many seconds after a task's start ECS disregards the load balancer's check. `log_cut` when
    the log may begin before `lines`.
    """

    case: Case
    definition: Mapping[str, Json]
    reason: str = ""
    events: tuple[str, ...] = ()
    stopped: tuple[Task, ...] = ()
    running: tuple[Task, ...] = ()
    replaced: tuple[Task, ...] = ()
    lines: tuple[str, ...] = ()
    log_group: str = ""
    log_group_missing: bool = False
    log_unread: bool = False
    log_cut: bool = False
    grace: float = 0.0
    targets: tuple[Target, ...] = ()
    missing_secrets: tuple[str, ...] = ()
    image_missing: bool = False
    probe: Probe | None = None
    api: Probe | None = None
    gaps: tuple[str, ...] = ()

    @property
    def service(self) -> Service:
        """The service that is asked about."""
        return self.case.service

    @property
    def newest(self) -> Task | None:
        """The task that stopped last."""
        return self.stopped[0] if self.stopped else None

    @cached_property
    def told(self) -> str:
        """Everything ECS says in words, to be searched."""
        tasks = (part for task in self.stopped for part in (task.reason, task.container_reason))
        return "\n".join((self.reason, *self.events, *tasks))

    @cached_property
    def start_told(self) -> str:
        """The same, where it tells why a task could not be started."""
        wanted = (
            "ResourceInitializationError",
            "CannotPullContainer",
            "CannotStartContainer",
            "CannotCreateContainer",
            "unable to assume the role",
        )
        return "\n".join(line for line in self.told.splitlines() if any(word in line for word in wanted))

    @cached_property
    def container(self) -> Mapping[str, Json]:
        """The service's own container in the definition."""
        found = map(as_object, as_list(self.definition.get("containerDefinitions")))
        return next((each for each in found if each.get("name") == self.service.container), {})

    @cached_property
    def ports(self) -> tuple[int, ...]:
        """The ports the definition maps for it."""
        mapped = map(as_object, as_list(self.container.get("portMappings")))
        return tuple(int(str(each.get("containerPort", 0))) for each in mapped)

    @cached_property
    def check(self) -> Check | None:
        """Its container health check.

        https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
        """
        check = as_object(self.container.get("healthCheck"))
        words = [str(word) for word in as_list(check.get("command"))]
        if not words:
            return None
        command = " ".join(words[1:] if words[0] in ("CMD", "CMD-SHELL") else words)
        url = CHECKED_URL.search(command)
        port, path = (int(url[1] or 80), url[2] or "/") if url else (0, "")
        start, every, times = (
            float(str(check.get(name, otherwise)))
            for name, otherwise in (("startPeriod", 0), ("interval", 30), ("retries", 3))
        )
        return Check(command, command.split(" ", 1)[0], port, path, every, start + every * times)

    @cached_property
    def listening(self) -> tuple[int, ...]:
        """The ports on which the log says that it listens."""
        return tuple(int(found[1]) for found in map(LISTENING.search, self.lines) if found)

    @cached_property
    def asked(self) -> tuple[Request, ...]:
        """Every request in the log, where the log is what docs/service-contract.md asks for."""
        return tuple(found for found in map(log_lines.request, self.lines) if found)

    @cached_property
    def requests(self) -> Mapping[str, int]:
        """The status of the last answer on each path."""
        return {each.path: each.status for each in self.asked}

    @property
    def serves(self) -> bool:
        """Whether its log shows that it came as far as to serve: a port on which it listens, or a request."""
        return bool(self.listening or self.asked)

    @property
    def looked_at(self) -> Task | None:
        """The task whose log this is: the one that stopped last, else the newest that runs."""
        return next(iter((*self.stopped, *self.running)), None)

    def late(self, patience: float) -> bool:
        """Whether its first good answer came more than `patience` seconds after its start; not where unknown."""
        task = self.looked_at
        first = next((each.time for each in self.asked if each.status == 200), None)
        if task is None or task.started is None or first is None:
            return False
        until = task.started + timedelta(seconds=patience)
        begins = next((each.time for each in self.asked if each.time), first)
        # of a log that is cut, the first good answer is only known where something was answered before it was due
        return first > until and (not self.log_cut or begins <= until)

    @property
    def logged_status(self) -> int:
        """Of what was taken back, the status its log has for the service's health path; 0 where there is none."""
        return self.requests.get(self.service.health_path, 0) if self.case.taken_back else 0

    @cached_property
    def exception(self) -> str:
        """The last exception in the log, as its last line tells it; empty where there is none."""
        found = (log_lines.exception(line) for line in reversed(self.lines))
        return next((each for each in found if each), "")

    @property
    def container_check_failed(self) -> bool:
        """Whether tasks were stopped, or are called unhealthy, because of the container health check."""
        unhealthy = any(task.health == "UNHEALTHY" for task in self.running)
        return unhealthy or bool(CONTAINER_CHECK.search(self.told))

    @property
    def target_check_failed(self) -> bool:
        """Whether the load balancer calls a target unhealthy."""
        unhealthy = any(target.state == "unhealthy" for target in self.targets)
        return unhealthy or bool(TARGET_CHECK.search(self.told))

    @cached_property
    def target_status(self) -> int:
        """The status with which the load balancer's check was answered; 0 where it does not say."""
        descriptions = "\n".join(target.description for target in self.targets)
        found = CODES.search(f"{descriptions}\n{self.told}")
        return int(found[1]) if found else 0

    @property
    def last_words(self) -> tuple[str, ...]:
        """The end of the log, to be shown."""
        if self.log_group_missing:
            return (f"there is no log group {self.log_group}",)
        telling = [line for line in self.lines if not log_lines.is_noise(line)]
        told = {log_lines.essence(line): f"log: {log_lines.shown(line)}" for line in telling}
        return tuple(told.values())[-SHOWN_LINES:]
