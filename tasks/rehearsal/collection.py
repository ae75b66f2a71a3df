"""The command line of a rehearsal; `tasks/collection.py` adds the task to the namespace."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from invoke import Context, task

from tasks.command import Options, run
from tasks.options import JSON

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoke import Task

    from tasks.command import Work
    from tasks.rehearsal.wanted import Wanted
    from tasks.report import Outcome


@task(auto_shortflags=False, help={
    "tag": "The tag whose push is played, for example backend-v0.1.5; it need not exist yet.",
    "from-branch": "Show whether a run of this branch would be given the deploy role; needs no tag.",
    "fork": "Show whether a run of a fork would be given the deploy role; needs no tag.",
    "environment": "Play it with this GitHub Environment, as if the variable DEPLOY_ENVIRONMENT named it.",
    "service": "With --failure: the service that is to fail.",
    "failure": "Provoke a failure of docs/failures.md for real and show how its deploy explains it.",
    "json": JSON,
})  # fmt: skip
def rehearse(
    _: Context, tag: str = "", from_branch: str = "", fork: bool = False, environment: str = "",
    service: str = "", failure: str = "", json: bool = False,
) -> None:  # fmt: skip
    """Play a tag's push as GitHub would, under the deploy role, or a failure, in the embedded cloud."""
    from tasks.rehearsal.wanted import Wanted

    wanted = Wanted(tag, from_branch, fork, environment)
    common = Options(service if failure else "all", target="local", json=json)
    run("rehearse", partial(_rehearse, wanted=wanted, service=service, failure=failure), common)


def rehearsal_tasks() -> tuple[Task[Callable[[Context], None]], ...]:
    """Return the tasks, for the namespace; each can be called with a context alone."""
    return (rehearse,)


def _rehearse(work: Work, *, wanted: Wanted, service: str, failure: str) -> Outcome:
    from tasks.rehearsal import practice, rehearse
    from tasks.rehearsal.wanted import check_together

    check_together(wanted, service, failure)
    return practice.practise(work, failure) if failure else rehearse.rehearse(work, wanted)
