"""What a GitHub run keeps of a command: a section of its step summary, in Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.documents import as_list, as_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.documents import Json
    from tasks.errors import DeployError
    from tasks.report import Outcome

# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands (job summaries)
FILE_VARIABLE = "GITHUB_STEP_SUMMARY"
FENCE = "```"
ROWS = ("version", "commit", "digest", "revision", "deployment", "url")


def outcome(command: str, result: Outcome, environment: Mapping[str, str]) -> None:
    """Append what a command did; nothing outside a GitHub run."""
    lines = [f"### {command}", ""]
    for service in map(as_object, as_list(result.document.get("services"))):
        lines += ["| | |", "|---|---|", f"| service | **{_cell(service.get('service'))}** |"]
        lines += [f"| {row} | {_value(row, service[row], environment)} |" for row in ROWS if service.get(row)]
        lines += ["", *(f"- {_cell(change)}" for change in as_list(service.get("would"))), ""]
        lines += _changes(service)
        lines += _wait(as_object(service.get("wait")))
    timings = [as_object(each) for each in as_list(result.document.get("timings"))]
    if timings:
        parts = (f"{each['service']} {each['stage']} {each['seconds']} s".strip() for each in timings)
        lines += [f"Took {result.document.get('elapsed_seconds')} s: {', '.join(parts)}.", ""]
    _append(lines, environment)


def failure(command: str, error: DeployError, environment: Mapping[str, str]) -> None:
    """Append why a command failed, the evidence, and what to do next."""
    quoted = [line.replace(FENCE, "''") for line in error.evidence]
    evidence = ["", FENCE, *quoted, FENCE] if quoted else []
    title, fix = f"### {command} failed", f"Fix: {_cell(error.fix)}"
    _append([title, "", f"**{_cell(str(error))}**", *evidence, "", fix, ""], environment)


def _changes(service: Mapping[str, Json]) -> list[str]:
    """Return what changes in the task definition; folded, because a first deploy changes everything.

    A deploy compares with what ran before, a registration with the newest revision.
    """
    changes, undone = as_list(service.get("changes")), as_list(service.get("undone"))
    ran = service.get("compared_with")
    if not changes:
        return [f"Nothing changes in the task definition that ran: `{_cell(ran)}`.", ""] if ran else []
    over = f" that ran, {_cell(ran)}" if ran else ""
    head = f"<details><summary>{len(changes)} changes in the task definition{over}</summary>"
    marks = (" (undoes a change by hand)" if each in undone else "" for each in changes)
    lines = [f"- `{str(each).replace('`', '')}`{mark}" for each, mark in zip(changes, marks, strict=True)]
    return [head, "", *lines, "", "</details>", ""]


def _wait(wait: Mapping[str, Json]) -> list[str]:
    if not wait:
        return []
    phases = map(as_object, as_list(wait["phases"]))
    parts = ", ".join(f"{each['phase']} {each['seconds']} s" for each in phases)
    longest = f"To shorten {wait['longest']}: {_cell(wait['setting'])}."
    return [f"ECS took {wait['seconds']} s: {parts}. {longest}", ""]


def _value(row: str, value: Json, environment: Mapping[str, str]) -> str:
    server, repository = environment.get("GITHUB_SERVER_URL"), environment.get("GITHUB_REPOSITORY")
    if row == "commit" and server and repository:
        return f"[`{str(value)[:12]}`]({server}/{repository}/commit/{_cell(value)})"
    return _cell(value) if row == "url" else f"`{_cell(value)}`"


def _cell(value: Json) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _append(lines: list[str], environment: Mapping[str, str]) -> None:
    path = environment.get(FILE_VARIABLE)
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
