"""Where a deployment's wait went: ECS's own times, of its tasks and of its events, put in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import DeployError
from tasks.release import ecs_tasks
from tasks.release.service_state import listed
from tasks.sdk_errors import asking_aws

if TYPE_CHECKING:
    from datetime import datetime

    from types_boto3_ecs.literals import DesiredStatusType
    from types_boto3_ecs.type_defs import ServiceEventTypeDef, ServiceTypeDef, TaskTypeDef

    from tasks.clients import Clients
    from tasks.release.rollout import Rollout

PROVISIONING, PULL, START = "provisioning", "image pull", "container start"
HEALTH, DRAINING, RUNNING = "health checks", "draining", "running"
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
REGISTERED = re.compile(r"registered \d+ targets in", re.IGNORECASE)
DRAINS = re.compile(r"begun draining|deregistered \d+ targets|stopped \d+ running tasks", re.IGNORECASE)
ENDED = re.compile(r"deployment completed|reached a steady state", re.IGNORECASE)


@dataclass(frozen=True)
class Phase:
    """A part of the wait, in seconds; several `names` where nothing tells them apart."""

    names: tuple[str, ...]
    seconds: float

    @property
    def name(self) -> str:
        """Its names, joined."""
        return " + ".join(self.names)


@dataclass(frozen=True)
class Moments:
    """When a deployment came how far, by AWS's clock; None where it is not known, or did not happen.

    `pulling`, `pulled` and `started` are of the task that started last.
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html
    """

    began: datetime
    pulling: datetime | None
    pulled: datetime | None
    started: datetime | None
    draining: datetime | None
    ended: datetime


def phases(moments: Moments) -> tuple[Phase, ...]:
    """Return the parts of the wait in their order; a part whose end is not known is told with the next one."""
    return _parts(
        moments.began,
        (PROVISIONING, moments.pulling),
        (PULL, moments.pulled),
        (START, moments.started),
        (HEALTH, moments.draining or moments.ended),
        (DRAINING, moments.ended if moments.draining else None),
    )


def _parts(began: datetime, *ends: tuple[str, datetime | None]) -> tuple[Phase, ...]:
    found: list[Phase] = []
    names: tuple[str, ...] = ()
    last = began
    for name, end in ends:
        names = (*names, name)
        if end is None:
            continue
        found.append(Phase(names, max(0.0, (end - last).total_seconds())))
        names, last = (), max(last, end)
    return tuple(found)


def moments(rollout: Rollout, service: ServiceTypeDef, clients: Clients) -> Moments | None:
    """Return when a finished deployment came how far; None where ECS no longer lists it.

    Without `ecs:ListTasks` and `ecs:DescribeTasks` the service's events tell as much as they can.
    """
    ours = listed(service, rollout.id, rollout.arn)
    if ours is None or "createdAt" not in ours:
        return None
    began = ours["createdAt"]
    events = sorted(service.get("events", []), key=lambda each: each["createdAt"])
    task = _last_started(rollout, clients)
    started = task.get("startedAt") or _first(REGISTERED, events, began)
    draining = _first(DRAINS, events, started or began)
    ended = _first(ENDED, events, draining or started or began) or ours.get("updatedAt") or clients.wall_clock()
    return Moments(began, task.get("pullStartedAt"), task.get("pullStoppedAt"), started, draining, ended)


def of_last_ended(rollout: Rollout, clients: Clients) -> tuple[Phase, ...] | None:
    """Return where the time of the deployment's task that ended last went: nothing where no task tells.

    None where tasks may not be asked for.
    """
    tasks = _tasks(rollout, "STOPPED", clients)
    if tasks is None:
        return None
    ours = [each for each in tasks if each.get("startedBy", rollout.id) == rollout.id]
    ended = [each for each in ours if "createdAt" in each and "stoppedAt" in each]
    if not ended:
        return ()
    task = max(ended, key=lambda each: each["stoppedAt"])
    started, stopped = task.get("startedAt"), task.get("stoppingAt") or task["stoppedAt"]
    return _parts(
        task["createdAt"],
        (PROVISIONING, task.get("pullStartedAt")),
        (PULL, task.get("pullStoppedAt")),
        (START, started or stopped),
        (RUNNING, stopped if started else None),
    )


def _first(pattern: re.Pattern[str], events: list[ServiceEventTypeDef], after: datetime) -> datetime | None:
    found = (each for each in events if pattern.search(each["message"]) and each["createdAt"] > after)
    return next((each["createdAt"] for each in found), None)


def _last_started(rollout: Rollout, clients: Clients) -> TaskTypeDef:
    """Return the revision's running task that started last; nothing where tasks may not be asked for."""
    nothing: TaskTypeDef = {}
    started = (each for each in _tasks(rollout, "RUNNING", clients) or () if "startedAt" in each)
    return max(started, key=lambda each: each["startedAt"], default=nothing)


def _tasks(rollout: Rollout, status: DesiredStatusType, clients: Clients) -> list[TaskTypeDef] | None:
    """Return the revision's tasks; None where they may not be asked for."""
    service = rollout.service
    try:
        with asking_aws("looking for its tasks"):
            tasks = ecs_tasks.listed(
                {"cluster": service.cluster, "serviceName": service.ecs_service, "desiredStatus": status}, clients
            )
    except DeployError:
        return None
    return [each for each in tasks if each.get("taskDefinitionArn") == rollout.arn]
