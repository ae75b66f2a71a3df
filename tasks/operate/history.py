"""history: a service's revisions, newest first; which was verified, which runs, which failed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from tasks.diagnosis.gather import FAILURE_CODES
from tasks.errors import DeployError
from tasks.operate.table import shown, table
from tasks.release import ecs_tasks, record, revisions
from tasks.release.revisions import short
from tasks.release.service_state import describe
from tasks.report import Outcome
from tasks.sdk_errors import asking_aws

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_ecs.type_defs import TaskTypeDef

    from tasks.clients import Clients
    from tasks.command import Work
    from tasks.documents import Json
    from tasks.release.revisions import Registered
    from tasks.settings import Service

HEADS = ("REVISION", "VERSION", "COMMIT", "REGISTERED", "DIGEST", "STATE")
SHORT_DIGEST = 12
FAILED, TASKS_FAILED = "failed", "its tasks failed"
# `Task failed ELB health checks in (target-group ...)`, with the stop code of a task that ECS replaced:
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
UNHEALTHY = re.compile(r"failed .*health check", re.I)


@dataclass(frozen=True)
class Past:
    """A revision and what became of it."""

    revision: Registered
    state: str


def history(work: Work) -> Outcome:
    """Read the newest revisions of each service."""
    lines: list[str] = []
    services: list[Json] = []
    count, clients = work.lines, work.connect()
    for service in work.services:
        found, notes = look(service, count, clients)
        lines += ["", *table(HEADS, [_row(each) for each in found]), *notes]
        revisions_told: list[Json] = [_document(each) for each in found]
        services.append({"service": service.name, "revisions": revisions_told, "notes": list(notes)})
    return Outcome({"target": work.settings.target.name, "services": services}, tuple(lines[1:]))


def look(service: Service, count: int, clients: Clients) -> tuple[list[Past], tuple[str, ...]]:
    """Return the newest `count` revisions, and what of them could not be asked.

    Raises:
        AccessDeniedError: `ecs:DescribeTaskDefinition` is missing: without it there is nothing to show.
    """
    found = list(islice(revisions.newest_first(service, clients), count))
    notes: list[str] = []
    states: dict[str, str] = {}
    try:
        states = _by_deployment(service, clients)
    except DeployError as error:
        notes.append(f"which one runs is not shown: {error}")
    try:
        states = dict.fromkeys(_with_failed_tasks(service, clients), TASKS_FAILED) | states
    except DeployError as error:
        notes.append(f"which ones' tasks failed is not shown: {error}")
    verified: set[int] | None = None
    try:
        verified = record.verified_among(service, [each.number for each in found], clients)
    except DeployError as error:
        notes.append(f"which were verified is not shown: {error}")
    failed: dict[int, str] = {}
    try:
        failed = _failed(service, found, clients)
    except DeployError as error:
        notes.append(f"which failed is not shown: {error}")
    return [Past(each, _state(each, states, verified, failed)) for each in found], tuple(notes)


def _failed(service: Service, found: Sequence[Registered], clients: Clients) -> dict[int, str]:
    """Return the revisions that deploys recorded as failed, and in words when the last time was."""
    dates = {each.number: each.registered for each in found}
    told: dict[int, str] = {}
    for number in record.failed_among(service, dates, clients):
        since = dates[number]
        day = record.failed_on(service, number, since, clients) if since else None
        told[number] = f"{FAILED} on {day.isoformat()}" if day else FAILED
    return told


def _by_deployment(service: Service, clients: Clients) -> dict[str, str]:
    states: dict[str, str] = {}
    for each in describe(service, clients).get("deployments", []):
        arn = each.get("taskDefinition", "")
        if each.get("rolloutState") == "FAILED":
            states.setdefault(arn, FAILED)
        elif each.get("status") == "PRIMARY":
            states[arn] = "comes up" if each.get("rolloutState") == "IN_PROGRESS" else "runs"
        elif each.get("runningCount"):
            states.setdefault(arn, "is being replaced")
    return states


def _with_failed_tasks(service: Service, clients: Clients) -> set[str]:
    """Return the revisions of which a task of the service failed; ECS keeps stopped tasks for about an hour."""
    with asking_aws(f"listing the stopped tasks of {service.ecs_service}"):
        tasks = ecs_tasks.listed(
            {"cluster": service.cluster, "serviceName": service.ecs_service, "desiredStatus": "STOPPED"}, clients
        )
    return {each.get("taskDefinitionArn", "") for each in tasks if _has_failed(each)}


def _has_failed(task: TaskTypeDef) -> bool:
    return task.get("stopCode") in FAILURE_CODES or bool(UNHEALTHY.search(task.get("stoppedReason", "")))


def _state(revision: Registered, states: dict[str, str], verified: set[int] | None, failed: dict[int, str]) -> str:
    recorded, now = failed.get(revision.number, ""), states.get(revision.arn, "")
    known = now if not recorded or now not in (FAILED, TASKS_FAILED) else ""
    parts = [each for each in (known, recorded) if each]
    if not revision.is_active:
        parts.append("deregistered")
    if verified is not None and revision.number in verified:
        parts.append("verified")
    elif verified is not None and revision.version and not recorded and now not in (FAILED, TASKS_FAILED):
        parts.append("not verified")
    elif not revision.version:
        parts.append("registered elsewhere")
    return ", ".join(parts)


def _row(each: Past) -> Sequence[str]:
    found = each.revision
    digest = found.digest.removeprefix("sha256:")[:SHORT_DIGEST]
    commit = short(found.commit)
    return (found.name, found.version or "-", commit or "-", shown(found.registered), digest or "-", each.state)


def _document(each: Past) -> Json:
    found = each.revision
    return {
        "revision": found.name,
        "number": found.number,
        "version": found.version,
        "commit": found.commit,
        "digest": found.digest,
        "registered": found.registered.isoformat() if found.registered else None,
        "state": each.state,
    }
