"""Why a container ended by itself: its exit code, and what ECS says of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.diagnosis.verdict import Diagnosis

if TYPE_CHECKING:
    from tasks.diagnosis.findings import Findings

MISSING_VARIABLE = 78  # docs/service-contract.md, rule 6
KILLED = 137  # 128 + SIGKILL
LONG_SECONDS = 600.0  # no start takes longer
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b")
OUT_OF_MEMORY = re.compile(r"OutOfMemory|OOM|memory usage")


def out_of_memory(findings: Findings) -> Diagnosis | None:
    """The container used more memory than the task has, and was killed.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/out-of-memory.html
    """
    task = findings.newest
    said = OUT_OF_MEMORY.search(findings.told)
    if not said and not (task and task.exited and task.exit_code == KILLED):
        return None
    sure = (
        "was killed for using more memory than it has" if said else "was killed (137), most likely for its memory"
    )
    return Diagnosis(
        "out-of-memory",
        f"The container {sure}; the task has {findings.definition.get('memory', 'an unknown number of')} MiB.",
        f"Raise memory in {findings.service.template}, or let it use less (WEB_CONCURRENCY); then deploy the next "
        "version.",
    )


def missing_variable(findings: Findings) -> Diagnosis | None:
    """The service refused its environment; docs/service-contract.md, rule 6: exit code 78 and one line."""
    task = findings.newest
    if task is None or task.exit_code != MISSING_VARIABLE:
        return None
    line = findings.lines[-1] if findings.lines else ""
    names = ", ".join(dict.fromkeys(VARIABLE.findall(line)))
    return Diagnosis(
        "missing-variable",
        f"The service refuses its environment (exit code 78){f': {names}' if names else ''}.",
        f"Give {names or 'the variable that its last line names'} as environment or secret in "
        f"{findings.service.template}; then deploy the next version.",
    )


def exits_cleanly(findings: Findings) -> Diagnosis | None:
    """The container does its work and ends; a service has to stay, so ECS starts it again for ever.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html (stopCode)
    """
    task = findings.newest
    if task is None or not task.exited or task.exit_code != 0:
        return None
    return Diagnosis(
        "exits-cleanly",
        "The container ends by itself with exit code 0; a service has to keep running.",
        f"Let the command in {findings.service.template} or {findings.service.folder}/Dockerfile stay in the "
        "foreground; for work that ends there is ./inv run.",
    )


def crash_at_start(findings: Findings) -> Diagnosis | None:
    """The container ends by itself with an error.

    https://repost.aws/knowledge-center/ecs-task-stopped (common exit codes)
    """
    task = findings.newest
    if task is None or not task.exited:
        return None
    when = "crashes at start" if task.ran < LONG_SECONDS else f"crashed after it ran for {_span(task.ran)},"
    return Diagnosis(
        "crash-at-start",
        f"The container {when} with exit code {task.exit_code}{_last_line(findings)}",
        f"Fix what its last lines say, try it here (./inv deploy --service={findings.service.name} "
        "--version=X.Y.Z --target=local), then deploy the next version.",
    )


def _last_line(findings: Findings) -> str:
    if findings.lines:
        return f": {findings.lines[-1]}"
    if findings.log_group_missing:
        return "; its log group does not exist"
    return "; its log could not be read" if findings.log_unread else ", without a word in its log"


def _span(seconds: float) -> str:
    """Return a time in the largest unit that fits: `3 days`."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        number = int(seconds // length)
        if number:
            return f"{number} {unit}{'s' if number > 1 else ''}"
    return f"{seconds:.0f} s"


RULES = (out_of_memory, missing_variable, exits_cleanly, crash_at_start)
