"""The end of a rehearsal, in words and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.report import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.documents import Json
    from tasks.rehearsal.play import JobRun
    from tasks.rehearsal.rehearse import Rehearsal
    from tasks.rehearsal.steps import Result


def outcome(rehearsal: Rehearsal, runs: Sequence[JobRun]) -> Outcome:
    """Tell what became of a rehearsal; its exit code is that of the first step that failed."""
    failed = [(run, run.failure) for run in runs if run.failure is not None]
    code = failed[0][1].code if failed else 0
    document: dict[str, Json] = {
        "ok": code == 0,
        "ref": rehearsal.event.ref,
        "commit": rehearsal.event.commit,
        "repository": rehearsal.event.repository.full_name,
        "subjects": list(rehearsal.event.subjects(rehearsal.world.variables.get("DEPLOY_ENVIRONMENT", ""))),
        "jobs": [
            {"workflow": run.workflow, "job": run.job, "steps": [_step(each) for each in run.steps]}
            for run in runs
        ],
    }
    return Outcome(document, (*_summaries(runs), *_lines(rehearsal, runs, failed)), code)


def _step(result: Result) -> dict[str, Json]:
    return {
        "name": result.name,
        "state": result.state,
        "exit_code": result.code,
        "seconds": round(result.seconds, 1),
        "errors": list(result.errors),
        "summary": result.summary,
    }


def _summaries(runs: Sequence[JobRun]) -> list[str]:
    written = [line for run in runs for each in run.steps for line in each.summary.splitlines()]
    return ["", "Step summary", *(f"  {line}".rstrip() for line in written), ""] if written else []


def _lines(rehearsal: Rehearsal, runs: Sequence[JobRun], failed: Sequence[tuple[JobRun, Result]]) -> list[str]:
    who, seconds = _who(rehearsal), sum(each.seconds for run in runs for each in run.steps)
    if not failed:
        done = "would be let in" if rehearsal.world.credentials_only else "would be deployed"
        return [f"{who} {done}: every step is green, in {seconds:.1f} s"]
    return [
        line
        for run, step in failed
        for line in (
            f"{who} {_end(rehearsal, step)}: {run.workflow} / {run.job}, step '{step.name}', "
            f"exit code {step.code}",
            *step.errors[-1:],
        )
    ]


def _who(rehearsal: Rehearsal) -> str:
    event, environment = rehearsal.event, rehearsal.world.variables.get("DEPLOY_ENVIRONMENT", "")
    of = (
        f" of {event.repository.full_name}" if rehearsal.world.credentials_only and event.ref_type == "tag" else ""
    )
    return f"{event.ref_name}{of}" + (f" in the Environment '{environment}'" if environment else "")


def _end(rehearsal: Rehearsal, step: Result) -> str:
    return "is refused, as it should be" if step.refused and rehearsal.to_be_refused else "would fail"
