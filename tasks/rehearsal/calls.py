"""What a job hands to the workflow that it calls: its inputs and secrets, as that one declares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.documents import as_object
from tasks.errors import suggestion
from tasks.rehearsal.expressions import as_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.documents import Json
    from tasks.rehearsal.workflow import Job, Workflow


def inputs(called: Workflow, job: Job, passed: Mapping[str, str]) -> dict[str, Json]:
    """Return a called workflow's inputs with their defaults.

    Args:
        called: the workflow.
        job: the job that calls it.
        passed: its `with`.

    Raises:
        DocumentError: an input is unknown or missing; GitHub then refuses the file.
    """
    declared = _declared(called, "inputs")
    file = called.document.name
    for name in passed:
        if name not in declared:
            problem = f"{file} has no input '{name}'.{suggestion(name, tuple(declared))}"
            raise job.document.wrong(
                f"{job.key}.with.{name}", problem, "Correct it, declare it there, or leave it out."
            )
    for name, each in declared.items():
        if as_object(each).get("required") is True and name not in passed:
            raise job.document.wrong(f"{job.key}.with", f"{file} requires '{name}'", f"Pass {name} with `with`.")
    return {name: passed.get(name, as_text(as_object(each).get("default"))) for name, each in declared.items()}


def check_secrets(called: Workflow, job: Job) -> None:
    """Insist that a called workflow declares each secret that it is handed, and is handed each that it requires.

    https://docs.github.com/en/actions/how-tos/reuse-automations/reuse-workflows

    Raises:
        DocumentError: GitHub would refuse the file.
    """
    passed = job.data.get("secrets")
    if passed == "inherit":
        return
    declared, file = _declared(called, "secrets"), called.document.name
    for name in as_object(passed):
        if name not in declared:
            problem = f"{file} declares no secret '{name}'.{suggestion(name, tuple(declared))}"
            raise job.document.wrong(
                f"{job.key}.secrets.{name}", problem, "Correct it, declare it there, or leave it out."
            )
    for name, each in declared.items():
        if as_object(each).get("required") is True and name not in as_object(passed):
            raise job.document.wrong(
                f"{job.key}.secrets", f"{file} requires '{name}'", f"Pass {name} with `secrets`."
            )


def _declared(called: Workflow, kind: str) -> dict[str, Json]:
    return as_object(as_object(as_object(called.events).get("workflow_call")).get(kind))
