"""Why tasks failed so far, while a deployment still comes up, and whether that can go away by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.diagnosis import rules
from tasks.diagnosis.gather import gather
from tasks.diagnosis.pull_rules import image_missing, wrong_architecture
from tasks.diagnosis.start_rules import (
    command_not_found,
    secret_denied,
    secret_empty,
    secret_incomplete,
    secret_key_missing,
    secret_missing,
)
from tasks.release.rollout_judge import Cause

if TYPE_CHECKING:
    from tasks.clients import Clients
    from tasks.diagnosis.findings import Case, Findings, Task

# What no further try changes: somebody has to push, create, allow or correct something first.
CANNOT_HEAL = (
    secret_key_missing,
    secret_incomplete,
    secret_denied,
    secret_missing,
    secret_empty,
    wrong_architecture,
    image_missing,
    command_not_found,
)
# What differs between two failures of the same reason
IDENTITIES = re.compile(r"request ?id:? *[0-9a-f-]+|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[0-9a-f]{32}\b", re.I)


def so_far(case: Case, clients: Clients) -> Cause | None:
    """Ask, and judge; never raises for what AWS answers."""
    return judged(gather(case, clients))


def judged(findings: Findings) -> Cause | None:
    """Return the cause that the failed tasks show; None while it is not known. Pure."""
    found = rules.explain(findings).diagnosis
    if found is None or not (findings.stopped or findings.start_told or findings.image_missing):
        return None
    final = any(rule(findings) == found for rule in CANNOT_HEAL)
    return Cause(found.cause, _alike(findings.stopped) if findings.stopped else None, heals=not final)


def _alike(stopped: tuple[Task, ...]) -> int:
    """Return for how many tasks in a row, from the newest back, the same was said."""
    count = 0
    for task in stopped:
        if _said(task) != _said(stopped[0]):
            break
        count += 1
    return count


def _said(task: Task) -> tuple[str, ...]:
    words = (task.code, task.reason, task.container_reason, str(task.exit_code))
    return tuple(IDENTITIES.sub("", each) for each in words)
