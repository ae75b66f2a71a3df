"""The command line of a rehearsal; `tasks/collection.py` adds the task to the namespace."""

from __future__ import annotations

from functools import partial

from invoke import Context, task

from tasks.command import Options, run
from tasks.diagnosis import practice
from tasks.rehearsal import rehearse as rehearsal
from tasks.rehearsal.rehearse import Wanted


@task(auto_shortflags=False, help={
    "tag": "The tag whose push is played, for example backend-v0.1.5; it need not exist yet.",
    "from-branch": "Show whether a run of this branch would be given the deploy role.",
    "fork": "Show whether a run of a fork would be given the deploy role.",
    "environment": "Play it with this GitHub Environment, as if the variable DEPLOY_ENVIRONMENT named it.",
    "service": "With --failure: the service that is to fail.",
    "failure": "Provoke a failure of docs/failures.md for real and show how its deploy explains it.",
    "json": "Print the result as one JSON document on stdout.",
})  # fmt: skip
def rehearse(
    _: Context, tag: str = "", from_branch: str = "", fork: bool = False, environment: str = "",
    service: str = "", failure: str = "", json: bool = False,
) -> None:  # fmt: skip
    """Play a tag's push as GitHub would, under the deploy role, or a failure, in the embedded cloud."""
    if failure:
        options = Options(service, target="local", json=json)
        run(partial(practice.practise, failure=failure), options, "rehearse")
        return
    wanted = Wanted(tag, from_branch, fork, environment)
    run(partial(rehearsal.rehearse, wanted=wanted), Options(target="local", json=json), "rehearse")


def rehearsal_tasks() -> tuple[object, ...]:
    """Return the tasks, for the namespace."""
    return (rehearse,)
