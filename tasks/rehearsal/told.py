"""The end of a rehearsal, in words and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.report import Outcome
from tasks.version_number import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.documents import Json
    from tasks.rehearsal.event import Event
    from tasks.rehearsal.play import JobRun
    from tasks.rehearsal.rehearse import Rehearsal
    from tasks.rehearsal.steps import Result


def outcome(rehearsal: Rehearsal, runs: Sequence[JobRun]) -> Outcome:
    """Tell what became of a rehearsal; its exit code is that of the first step that failed."""
    failed = [(run, run.failure) for run in runs if run.failure is not None]
    code = failed[0][1].code if failed else 0
    event = rehearsal.event
    document: dict[str, Json] = {
        "ok": code == 0,
        "exit_code": code,
        "tag": event.ref_name if event.ref_type == "tag" else None,
        "version": _version(event),
        "ref": event.ref,
        "commit": event.commit,
        "notices": list(rehearsal.notices),
        "repository": event.repository.full_name,
        "subjects": list(event.subjects(rehearsal.world.variables.get("DEPLOY_ENVIRONMENT", ""))),
        "jobs": [
            {"workflow": run.workflow, "job": run.job, "steps": [_step(each) for each in run.steps]}
            for run in runs
        ],
    }
    return Outcome(document, (*_summaries(runs), *_lines(rehearsal, runs, failed), *rehearsal.notices), code)


def _version(event: Event) -> str | None:
    """Return the version that the tag names, None where it names none."""
    found = event.ref_name.rpartition("-v")[2]
    return found if event.ref_type == "tag" and VERSION.fullmatch(found) else None


def _step(result: Result) -> dict[str, Json]:
    silent = (f"exit code {result.code}",) if result.code else ()
    return {
        "name": result.name,
        "state": result.state,
        "exit_code": None if result.state == "skipped" else result.code,
        "seconds": round(result.seconds, 1),
        "errors": list(result.errors or silent),
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
        for line in (f"{who} {_end(rehearsal, step)}: {_place(run, step)}", *step.errors[-1:])
    ]


def _place(run: JobRun, step: Result) -> str:
    return f"{run.workflow} / {run.job}, step '{step.name}', exit code {step.code}"


def _who(rehearsal: Rehearsal) -> str:
    event, environment = rehearsal.event, rehearsal.world.variables.get("DEPLOY_ENVIRONMENT", "")
    of = (
        f" of {event.repository.full_name}" if rehearsal.world.credentials_only and event.ref_type == "tag" else ""
    )
    return f"{event.ref_name}{of}" + (f" in the Environment '{environment}'" if environment else "")


def _end(rehearsal: Rehearsal, step: Result) -> str:
    return "is refused, as it should be" if step.refused and rehearsal.to_be_refused else "would fail"
