"""Reading what the tasks of a service wrote, from CloudWatch Logs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tasks.errors import NotReadyError
from tasks.release import revisions
from tasks.release.task_definition import log_stream_of
from tasks.sdk_errors import asking_aws

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_logs.type_defs import FilterLogEventsRequestPaginateTypeDef

    from tasks.clients import Clients
    from tasks.release.revisions import Registered
    from tasks.settings import Service

# Events of several tasks do not arrive in the order of their times: each look goes back further than a batch of
# the log driver (5 s) and its way into CloudWatch take.
OVERLAP = timedelta(seconds=30)


class NoLogError(NotReadyError):
    """The service has no log that could be read."""

    def __init__(self, service: Service, problem: str) -> None:
        super().__init__(
            f"{service.name}: {problem}",
            fix=f"Set awslogs-group and awslogs-stream-prefix in {service.template}, and make that group "
            "(aws/stack.yaml does).",
        )


@dataclass(frozen=True)
class Log:
    """Where the tasks of a revision write: a group, and in it a stream for each, named `prefix` and its id."""

    service: Service
    group: str
    prefix: str


@dataclass(frozen=True)
class Line:
    """One line of one task; `id` is the log's own for it."""

    service: str
    task: str
    at: datetime
    text: str
    id: str


def log_of(revision: Registered) -> Log:
    """Return where a revision's tasks write; raises `NoLogError`."""
    service = revision.service
    group, stream = log_stream_of(revision.definition, service.container, "")
    if not group:
        raise NoLogError(service, f"{revision.name} does not write to CloudWatch Logs with a stream prefix.")
    return Log(service, group, stream)


def running_log(service: Service, arn: str, clients: Clients) -> Log:
    """Return where the tasks of the revision `arn` write; raises `NoLogError`."""
    revision = revisions.find(service, arn, clients)
    if revision is None:
        raise NoLogError(service, f"the task definition {arn} is gone.")
    return log_of(revision)


def read(log: Log, since: datetime, clients: Clients, task: str = "") -> list[Line]:
    """Return what was written since then, by all tasks or by one, oldest first.

    Raises:
        NoLogError: the group does not exist.
        AccessDeniedError: `logs:FilterLogEvents` is missing.
    """
    prefix = f"{log.prefix}{task}"
    request: FilterLogEventsRequestPaginateTypeDef = {
        "logGroupName": log.group,
        "logStreamNamePrefix": prefix,
        "startTime": int(since.timestamp() * 1000),
    }
    found: list[Line] = []
    with asking_aws(f"reading the log {log.group}"):
        try:
            for page in clients.logs.get_paginator("filter_log_events").paginate(**request):
                found += [
                    Line(
                        log.service.name,
                        each.get("logStreamName", "").removeprefix(log.prefix),
                        datetime.fromtimestamp(each.get("timestamp", 0) / 1000, UTC),
                        each.get("message", "").rstrip("\n"),
                        each.get("eventId", ""),
                    )
                    for each in page.get("events", [])
                    if each.get("logStreamName", "").startswith(prefix)
                ]
        except clients.logs.exceptions.ResourceNotFoundException as error:
            raise NoLogError(log.service, f"there is no log group {log.group}.") from error
    return found


class Tail:
    """What is new in some logs at each look."""

    def __init__(self, logs: Sequence[Log], since: datetime, clients: Clients, task: str = "") -> None:
        self._since = [(log, since) for log in logs]
        self._clients = clients
        self._task = task
        self._seen: dict[str, datetime] = {}

    def new(self) -> list[Line]:
        """Return the lines that no look before this one returned, oldest first; raises as `read`."""
        found = [(log, since, read(log, since, self._clients, self._task)) for log, since in self._since]
        self._since = [(log, max([since, *(line.at - OVERLAP for line in lines)])) for log, since, lines in found]
        lines = (line for _, _, each in found for line in each)
        fresh = sorted((line for line in lines if line.id not in self._seen), key=lambda line: line.at)
        self._seen |= {line.id: line.at for line in fresh}
        oldest = min(since for _, since in self._since)
        self._seen = {name: at for name, at in self._seen.items() if at >= oldest}
        return fresh
