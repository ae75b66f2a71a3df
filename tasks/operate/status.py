"""status: every service in one table; what may not be asked is named, and the rest is shown all the same."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import DeployError, UsageError
from tasks.operate.table import age, table
from tasks.release import revisions, target_health
from tasks.release.revisions import short
from tasks.release.service_state import ServiceMissingError, describe, primary
from tasks.release.smoke import VERSION_HEADER
from tasks.release.target_health import HEALTHY
from tasks.report import Outcome
from tasks.sdk_errors import AccessDeniedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import TextIO

    from types_boto3_ecs.type_defs import ServiceTypeDef

    from tasks.clients import Clients
    from tasks.command import Work
    from tasks.documents import Json
    from tasks.release.revisions import Registered
    from tasks.release.target_health import Target
    from tasks.settings import Service

HEADS = ("SERVICE", "VERSION", "COMMIT", "REVISION", "SINCE", "TASKS", "TARGETS", "ROLLOUT", "ANSWERS", "URL")
WATCH_SECONDS = 2.0
UNKNOWN = "-"
SCALED_TO_ZERO, NEVER_DEPLOYED = "scaled to 0", "never deployed"


@dataclass(frozen=True)
class Row:
    """One service now. A count is None where it is not known; `problems` say what could not be asked, and why."""

    service: Service
    answer: str
    version: str = ""
    commit: str = ""
    revision: str = ""
    since: datetime | None = None
    running: int | None = None
    desired: int | None = None
    targets: str = UNKNOWN
    rollout: str = UNKNOWN
    url: str = ""
    problems: tuple[str, ...] = ()


class WatchError(UsageError):
    """`--watch` and `--json` exclude each other."""

    def __init__(self) -> None:
        super().__init__("--json prints one document, --watch never ends.", fix="Leave one of them out.")


def status(work: Work, *, watch: bool = False) -> Outcome:
    """Look at each service once, or, with `watch`, every two seconds until Ctrl-C."""
    if watch and work.options.json:
        raise WatchError
    clients = work.connect()
    if watch:
        watch_services(work.services, clients, sys.stdout)
        return Outcome({}, ())
    rows = [look(service, clients) for service in work.services]
    target = work.settings.target
    document: dict[str, Json] = {
        "target": target.name,
        "url": f"{target.app_url}/",
        "services": [_document(row) for row in rows],
    }
    return Outcome(document, (*lines(rows, clients.wall_clock()), f"page: {target.app_url}/"))


def look(service: Service, clients: Clients) -> Row:
    """Return what can be learned of a service; a missing permission or service becomes one of its problems."""
    url = f"{clients.target.app_url}{service.health_path}"
    answered = clients.http.get(url)
    version = answered.headers.get(VERSION_HEADER, "")
    answer = f"{answered.status}" + (f", {version}" if version else "") if answered.status else answered.problem
    try:
        found = describe(service, clients)
    except (AccessDeniedError, ServiceMissingError) as error:
        return Row(service, answer, url=url, problems=(str(error),))
    problems: list[str] = []
    revision: Registered | None = None
    try:
        revision = revisions.find(service, found["taskDefinition"], clients)
    except AccessDeniedError as error:
        problems.append(str(error))
    if revision and revision.version and answered.status == 200 and version != revision.version:
        answer += f" (not {revision.version})"
    targets, denied = _targets(found, clients)
    current = primary(found)
    return Row(
        service,
        answer,
        version=revision.version if revision else "",
        commit=revision.commit if revision else "",
        revision=found["taskDefinition"].rpartition("/")[2],
        since=current.get("createdAt") if current else None,
        running=found.get("runningCount"),
        desired=found.get("desiredCount"),
        targets=targets,
        rollout=_rollout(found, revision.version if revision else UNKNOWN),
        url=url,
        problems=(*problems, *denied),
    )


def lines(rows: Sequence[Row], now: datetime) -> tuple[str, ...]:
    """Return the table, and under it what could not be asked."""
    return (*table(HEADS, [_cells(row, now) for row in rows]), *_problems(rows))


def _cells(row: Row, now: datetime) -> tuple[str, ...]:
    return (
        row.service.name,
        row.version or UNKNOWN,
        short(row.commit) or UNKNOWN,
        row.revision or UNKNOWN,
        age(row.since, now),
        UNKNOWN if row.desired is None else f"{row.running}/{row.desired}",
        row.targets,
        row.rollout,
        row.answer,
        row.url or UNKNOWN,
    )


def _problems(rows: Sequence[Row]) -> list[str]:
    return [f"{row.service.name:<9} {problem}" for row in rows for problem in row.problems]


def _targets(found: ServiceTypeDef, clients: Clients) -> tuple[str, tuple[str, ...]]:
    """Return the health of the service's targets in words, and what may not be asked."""
    if not target_health.groups(found):
        return "none", ()
    try:
        targets = target_health.ask(found, clients)
    except AccessDeniedError as error:
        return "not permitted", (str(error),)
    except DeployError as error:
        return "unknown", (str(error),)
    others = sorted({_in_words(target) for target in targets if target.state != HEALTHY})
    healthy = f"{sum(target.state == HEALTHY for target in targets)}/{len(targets)} healthy"
    return f"{healthy} ({', '.join(others)})" if others else healthy, ()


def _in_words(target: Target) -> str:
    return f"{target.state}: {target.description}" if target.description else target.state


def _rollout(found: ServiceTypeDef, version: str) -> str:
    current = primary(found)
    if current is None:
        return UNKNOWN
    if found.get("desiredCount") == 0 and not current.get("runningCount"):
        return SCALED_TO_ZERO if version else NEVER_DEPLOYED
    state = current.get("rolloutState", "COMPLETED").lower().replace("_", " ")
    if state == "in progress":
        state += f", {current.get('runningCount', 0)} of {current.get('desiredCount', 0)}"
    if current.get("failedTasks"):
        state += f", {current.get('failedTasks')} failed"
    old = sum(each.get("runningCount", 0) for each in found.get("deployments", []) if each is not current)
    return f"{state}, {old} old" if old else state


def watch_services(services: Sequence[Service], clients: Clients, stream: TextIO) -> None:
    """Show the table until Ctrl-C: redrawn in place on a terminal, elsewhere printed when it changed."""
    with suppress(KeyboardInterrupt):
        if stream.isatty() and os.environ.get("TERM", "dumb") != "dumb":
            _redraw(services, clients, stream)
        else:
            _append(services, clients, stream)


def _redraw(services: Sequence[Service], clients: Clients, stream: TextIO) -> None:
    """Draw in place; rich wraps what is too long for the terminal, and knows how many lines that makes."""
    from rich.console import Console  # noqa: PLC0415 - `inv --list` must not pay for it
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(file=stream)
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        while True:
            rows = [_watched(service, clients) for service in services]
            text = "\n".join(fitting(rows, clients.wall_clock(), console.width))
            live.update(Text(text, overflow="fold"), refresh=True)
            clients.sleep(WATCH_SECONDS)


def fitting(rows: Sequence[Row], now: datetime, width: int) -> tuple[str, ...]:
    """Return the table where it fits into `width` columns, else each service with what is known of it in turn."""
    wide = lines(rows, now)
    if all(len(line) <= width for line in wide[: len(rows) + 1]):
        return wide
    told = [
        "  ".join(f"{head} {cell}" for head, cell in zip(HEADS, _cells(row, now), strict=True)) for row in rows
    ]
    return (*told, *_problems(rows))


def _append(services: Sequence[Service], clients: Clients, stream: TextIO) -> None:
    known: Sequence[str] = ()
    while True:
        rows = [_watched(service, clients) for service in services]
        essence = [f"{row.revision} {row.running} {row.targets} {row.rollout} {row.answer}" for row in rows]
        essence += _problems(rows)
        if essence != known:
            stream.write("".join(f"{line}\n" for line in lines(rows, clients.wall_clock())))
            stream.flush()
            known = essence
        clients.sleep(WATCH_SECONDS)


def _watched(service: Service, clients: Clients) -> Row:
    """Look at a service; whatever cannot be asked this time is its row's problem, and asked again the next."""
    try:
        return look(service, clients)
    except DeployError as error:
        return Row(service, UNKNOWN, problems=(str(error),))


def _document(row: Row) -> Json:
    return {
        "service": row.service.name,
        "version": row.version,
        "commit": row.commit,
        "revision": row.revision,
        "since": row.since.isoformat() if row.since else None,
        "tasks": {"running": row.running, "desired": row.desired},
        "targets": row.targets,
        "rollout": row.rollout,
        "answer": row.answer,
        "url": row.url,
        "problems": list(row.problems),
    }
