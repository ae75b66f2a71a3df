"""The command line of what people do between deploys; `tasks/collection.py` adds these tasks to the namespace."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from invoke import Context, task

from tasks.command import Options
from tasks.command import run as run_action
from tasks.operate import events as event
from tasks.operate import history as past
from tasks.operate import logs as log
from tasks.operate import plan as planning
from tasks.operate import prune as pruning
from tasks.operate import rollback as back
from tasks.operate import run as running
from tasks.operate import shell
from tasks.operate import status as state

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoke import Task

SERVICE = "Which services: one, several joined by commas, or all."
ONE_SERVICE = "Which service."
TARGET = "local: the embedded cloud on this machine (default). aws: production. DEPLOY_TARGET sets it too."
JSON = "Print the result as one JSON document on stdout."
DRY_RUN = "Say what would happen and change nothing."
YES = "Do not ask before production is changed."
COMMON = {"service": SERVICE, "target": TARGET, "json": JSON}
CHANGING = {**COMMON, "dry-run": DRY_RUN, "yes": YES}


@task(auto_shortflags=False, help={
    **CHANGING, "to": "The version to go back to, X.Y.Z.", "revision": "The revision's number to go back to.",
    "timeout": "Seconds after which to give up waiting (default: 600).",
})  # fmt: skip
def rollback(
    _: Context, service: str = "", to: str = "", revision: str = "", target: str = "", json: bool = False,
    dry_run: bool = False, yes: bool = False, timeout: str = "600",
) -> None:  # fmt: skip
    """Return a service to what was verified before, or to a version or revision; prove it over HTTP."""
    options = Options(service, target=target, json=json, dry_run=dry_run, yes=yes, timeout=timeout)
    run_action(partial(back.rollback, to=to, revision=revision), options, "rollback")


@task(auto_shortflags=False, help={
    **COMMON, "version": "Compare with a deploy of this version; without it, with the one that runs.",
    "exit-code": "Exit with 11 when there are changes.",
})  # fmt: skip
def plan(
    _: Context, service: str = "all", version: str = "", target: str = "", json: bool = False,
    exit_code: bool = False,
) -> None:  # fmt: skip
    """Show what a deploy would change against what runs, and what was changed by hand."""
    run_action(partial(planning.plan, exit_code=exit_code), Options(service, version, target, json), "plan")


@task(auto_shortflags=False, help={**COMMON, "watch": "Look again every two seconds, until Ctrl-C."})
def status(
    _: Context, service: str = "all", target: str = "", json: bool = False, watch: bool = False
) -> None:  # fmt: skip
    """Show all services in one table: version, revision, tasks, targets, rollout, and what answers."""
    run_action(partial(state.status, watch=watch), Options(service, target=target, json=json), "status")


@task(auto_shortflags=False, help={**COMMON, "lines": "How many revisions (default: 10)."})
def history(
    _: Context, service: str = "all", target: str = "", json: bool = False, lines: str = "10"
) -> None:  # fmt: skip
    """List a service's revisions, newest first: version, commit, date, digest, which runs, which was verified."""
    run_action(past.history, Options(service, target=target, json=json, lines=lines))


@task(auto_shortflags=False, help={
    **COMMON, "follow": "Go on with what comes, until Ctrl-C.", "since": "From when on: 30s, 10m (default), 2h.",
    "grep": "Only lines that match this regular expression.", "lines": "How many at the most (default: 100).",
})  # fmt: skip
def logs(
    _: Context, service: str = "all", target: str = "", json: bool = False, follow: bool = False,
    since: str = "10m", grep: str = "", lines: str = "100",
) -> None:  # fmt: skip
    """Show what all tasks of a service write."""
    options = Options(service, target=target, json=json, lines=lines)
    run_action(partial(log.logs, follow=follow, since=since, grep=grep), options, "logs")


@task(auto_shortflags=False, help={**COMMON, "lines": "How many of the last events (default: 20)."})
def events(
    _: Context, service: str = "all", target: str = "", json: bool = False, lines: str = "20"
) -> None:  # fmt: skip
    """Show what ECS itself says about a service."""
    run_action(event.events, Options(service, target=target, json=json, lines=lines))


@task(auto_shortflags=False, help={
    **COMMON, "service": ONE_SERVICE, "yes": YES,
    "command": "Program and arguments, quoted as one option. No shell is involved; for one: \"sh -c '...'\".",
    "timeout": "Seconds after which to give up waiting (default: 600).",
})  # fmt: skip
def run(
    _: Context, service: str = "", command: str = "", target: str = "", json: bool = False, yes: bool = False,
    timeout: str = "600",
) -> None:  # fmt: skip
    """Run one command in a service's image, network and secrets; its exit code is this command's."""
    options = Options(service, target=target, json=json, yes=yes, timeout=timeout)
    run_action(partial(running.run, command=command), options, "run")


@task(name="exec", auto_shortflags=False, help={
    "service": ONE_SERVICE, "target": TARGET, "command": f"What to run (default: {shell.SHELL}).", "yes": YES,
})  # fmt: skip
def exec_(
    _: Context, service: str = "", command: str = shell.SHELL, target: str = "", yes: bool = False
) -> None:  # fmt: skip
    """Open a shell in a running task, where ECS Exec is on."""
    run_action(partial(shell.enter, command=command), Options(service, target=target, yes=yes), "exec")


@task(auto_shortflags=False, help={**CHANGING, "keep": "How many of the newest revisions stay (default: 10)."})
def prune(
    _: Context, service: str = "", keep: str = "10", target: str = "", json: bool = False, dry_run: bool = False,
    yes: bool = False,
) -> None:  # fmt: skip
    """Remove old revisions and images; never one in use, never one that a rollback needs."""
    options = Options(service, target=target, json=json, dry_run=dry_run, yes=yes)
    run_action(partial(pruning.prune, keep=keep), options, "prune")


def operate_tasks() -> tuple[Task[Callable[[Context], None]], ...]:
    """Return the tasks, for the namespace; each can be called with a context alone."""
    return rollback, plan, status, history, logs, events, run, exec_, prune
