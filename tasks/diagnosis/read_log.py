"""The last lines of a task's log, as far as CloudWatch Logs has them and lets them be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.masking import mask
from tasks.release.task_definition import log_stream_of
from tasks.sdk_errors import asking_aws

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_logs.type_defs import GetLogEventsRequestTypeDef

    from tasks.clients import Clients
    from tasks.diagnosis.findings import Task
    from tasks.diagnosis.gaps import Gaps
    from tasks.documents import Json

LINES = 200
PAGES = 5
LAGS_SECONDS = 3.0
POLL_SECONDS = 1.0
FRESH_SECONDS = 60.0


@dataclass(frozen=True)
class Log:
    """What a task wrote last. `unread` when that is not known, `missing` when there is no such log group.

    `cut` when there may be older lines than these.
    """

    group: str = ""
    lines: tuple[str, ...] = ()
    unread: bool = False
    missing: bool = False
    cut: bool = False


def read(definition: Mapping[str, Json], tasks: Sequence[Task], gaps: Gaps, clients: Clients) -> Log:
    """Return what the first of the tasks wrote, or else what one before it wrote that crashed alike.

    The lines of a task that has just ended may lag, so that they are waited for, up to 3 s.
    """
    if not tasks:
        return Log(unread=True)
    newest = tasks[0]
    log = _of(definition, newest, gaps, clients)
    if log.lines or log.unread or log.missing or newest.code == "TaskFailedToStart":
        return log
    if newest.exited:
        alike = (task for task in tasks[1:2] if (task.code, task.exit_code) == (newest.code, newest.exit_code))
        older = next((_of(definition, task, gaps, clients) for task in alike), log)
        if older.lines:
            return older
    waits = clients.clock() + LAGS_SECONDS if _just_ended(newest, clients) else 0.0
    while not log.lines and not log.unread and clients.clock() < waits:
        clients.sleep(POLL_SECONDS)
        log = _of(definition, newest, gaps, clients)
    return log


def _just_ended(task: Task, clients: Clients) -> bool:
    return task.ended is not None and (clients.wall_clock() - task.ended).total_seconds() < FRESH_SECONDS


def _of(definition: Mapping[str, Json], task: Task, gaps: Gaps, clients: Clients) -> Log:
    group, stream = log_stream_of(definition, task.container, task.id)
    if not group:
        return Log(unread=True)
    return gaps.unless(lambda: _pages(group, stream, clients), Log(group, unread=True))


def _pages(group: str, stream: str, clients: Clients) -> Log:
    """Read from the end backwards: a page may be empty although there are lines before it.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html (nextBackwardToken:
    at the beginning of the stream it is the token that was passed in)
    """
    request: GetLogEventsRequestTypeDef = {
        "logGroupName": group,
        "logStreamName": stream,
        "limit": LINES,
        "startFromHead": False,
    }
    lines: list[str] = []
    for _ in range(PAGES):
        with asking_aws(f"reading the log {group}"):
            try:
                page = clients.logs.get_log_events(**request)
            except clients.logs.exceptions.ResourceNotFoundException as error:
                return Log(group, missing="log group" in str(error))
        lines = [each.get("message", "").strip("\r\n") for each in page["events"]] + lines
        token = page.get("nextBackwardToken", "")
        at_the_beginning = not token or token == request.get("nextToken")
        if at_the_beginning or len(lines) >= LINES:
            break
        request["nextToken"] = token
    written = tuple(mask(line.rstrip()) for line in lines if line.strip())
    return Log(group, written[-LINES:], cut=not at_the_beginning)
