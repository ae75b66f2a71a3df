"""What a job may do with GitHub's token: its `permissions`, and how far its caller allows them. Pure.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#permissions
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.documents import as_object
from tasks.rehearsal.expressions import as_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.rehearsal.workflow import Job, Workflow

LEVELS = ("none", "read", "write")
# Where neither job nor workflow says: what a new repository gives. It gives no job the right to an OIDC token.
# https://docs.github.com/en/actions/tutorials/authenticate-with-github_token#permissions-for-the-github_token
DEFAULT: Mapping[str, str] = {"contents": "read", "packages": "read"}
ALL = {"read-all": "read", "write-all": "write"}
EVERY = "all"  # `read-all` and `write-all` name no permission


def of(started: Workflow, job: Job) -> dict[str, str]:
    """Return what a job of a started workflow is granted; its own permissions replace the workflow's."""
    asked = _asked(started, job)
    return dict(DEFAULT) if asked is None else asked


def of_called(called: Workflow, job: Job, caller: Job, allowed: Mapping[str, str]) -> dict[str, str]:
    """Return what a job of a called workflow is granted, its caller's permissions where it names none.

    Args:
        called: the workflow.
        job: one of its jobs.
        caller: the job that calls it.
        allowed: what the caller is granted.

    Raises:
        DocumentError: it asks for more than its caller has; GitHub then refuses the file.
    """
    asked = _asked(called, job)
    if asked is None:
        return dict(allowed)
    wanted = {name: level for name, level in asked.items() if level != "none"}
    if any(_rank(level) > _rank(_level(allowed, name)) for name, level in wanted.items()):
        wants = ", ".join(f"{name}: {level}" for name, level in wanted.items())
        has = ", ".join(f"{name}: {_level(allowed, name)}" for name in wanted)
        raise caller.document.wrong(
            f"{caller.key}.permissions",
            f"the nested job '{job.key.rpartition('.')[2]}' of {called.document.name} is requesting '{wants}', "
            f"but is only allowed '{has}'",
            "Grant the calling job what the nested one asks for, or ask for less there.",
        )
    return asked


def has(granted: Mapping[str, str], name: str, level: str) -> bool:
    """Return whether a permission is granted at least at a level."""
    return _rank(_level(granted, name)) >= _rank(level)


def _asked(workflow: Workflow, job: Job) -> dict[str, str] | None:
    """Return what is asked for, None where neither the job nor its workflow says."""
    written = job.data.get("permissions", workflow.document.data.get("permissions"))
    if "permissions" not in job.data and "permissions" not in workflow.document.data:
        return None
    if isinstance(written, str):
        return {EVERY: ALL.get(written, "none")}
    return {name: as_text(level) for name, level in as_object(written).items()}


def _level(granted: Mapping[str, str], name: str) -> str:
    level = granted.get(name, granted.get(EVERY, "none"))
    # there is no reading of an OIDC token
    return "none" if name == "id-token" and level == "read" else level


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else 0
