"""The command line of what people do between deploys; `tasks/collection.py` adds these tasks to the namespace.

What a task does is imported when it runs, as there.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from invoke import Context, task

from tasks import command as command_line
from tasks import options
from tasks.command import Options
from tasks.options import CHANGING, COMMON

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoke import Task

SHELL = "/bin/sh"


@task(auto_shortflags=False, help={
    **CHANGING, "to": "The version to go back to, X.Y.Z.", "revision": "The revision's number to go back to.",
    "timeout": options.timeout(600),
})  # fmt: skip
def rollback(
    _: Context, service: str = "", to: str = "", revision: str = "", target: str = "", json: bool = False,
    dry_run: bool = False, yes: bool = False, timeout: str = "600",
) -> None:  # fmt: skip
    """Return a service to what was verified before, or to a version or revision; prove it over HTTP."""
    from tasks.operate import rollback

    common = Options(service, target=target, json=json, dry_run=dry_run, yes=yes, timeout=timeout)
    command_line.run("rollback", partial(rollback.rollback, to=to, revision=revision), common)


@task(auto_shortflags=False, help={
    **COMMON, "version": "Compare with a deploy of this version; without it, with the one that runs.",
    "exit-code": "Exit with 11 when there are changes.",
})  # fmt: skip
def plan(
    _: Context, service: str = "all", version: str = "", target: str = "", json: bool = False,
    exit_code: bool = False,
) -> None:  # fmt: skip
    """Show what a deploy would change against what runs, and what was changed by hand."""
    from tasks.operate import plan

    command_line.run("plan", partial(plan.plan, exit_code=exit_code), Options(service, version, target, json))


@task(auto_shortflags=False, help={**COMMON, "watch": "Look again every two seconds, until Ctrl-C."})
def status(
    _: Context, service: str = "all", target: str = "", json: bool = False, watch: bool = False
) -> None:  # fmt: skip
    """Show all services in one table: version, revision, tasks, targets, rollout, and what answers."""
    from tasks.operate import status

    command_line.run("status", partial(status.status, watch=watch), Options(service, target=target, json=json))


@task(auto_shortflags=False, help={**COMMON, "lines": "How many revisions (default: 10)."})
def history(
    _: Context, service: str = "all", target: str = "", json: bool = False, lines: str = "10"
) -> None:  # fmt: skip
    """List a service's revisions, newest first: version, commit, date, digest, which runs, which was verified."""
    from tasks.operate import history

    command_line.run("history", history.history, Options(service, target=target, json=json, lines=lines))


@task(auto_shortflags=False, help={
    **COMMON, "follow": "Go on with what comes, until Ctrl-C.", "since": "From when on: 30s, 10m (default), 2h.",
    "grep": "Only lines that match this regular expression.", "lines": "How many at the most (default: 100).",
})  # fmt: skip
def logs(
    _: Context, service: str = "all", target: str = "", json: bool = False, follow: bool = False,
    since: str = "10m", grep: str = "", lines: str = "100",
) -> None:  # fmt: skip
    """Show what all tasks of a service write."""
    from tasks.operate import logs

    common = Options(service, target=target, json=json, lines=lines)
    command_line.run("logs", partial(logs.logs, follow=follow, since=since, grep=grep), common)


@task(auto_shortflags=False, help={**COMMON, "lines": "How many of the last events (default: 20)."})
def events(
    _: Context, service: str = "all", target: str = "", json: bool = False, lines: str = "20"
) -> None:  # fmt: skip
    """Show what ECS itself says about a service."""
    from tasks.operate import events

    command_line.run("events", events.events, Options(service, target=target, json=json, lines=lines))


@task(auto_shortflags=False, help={
    **CHANGING, "service": options.ONE_SERVICE, "command": options.COMMAND, "timeout": options.timeout(600),
})  # fmt: skip
def run(
    _: Context, service: str = "", command: str = "", target: str = "", json: bool = False,
    dry_run: bool = False, yes: bool = False, timeout: str = "600",
) -> None:  # fmt: skip
    """Run one command in a service's image, network and secrets; its exit code is this command's."""
    from tasks.operate import run

    common = Options(service, target=target, json=json, dry_run=dry_run, yes=yes, timeout=timeout)
    command_line.run("run", partial(run.run, command=command), common)


@task(name="exec", auto_shortflags=False, help={
    "service": options.ONE_SERVICE, "target": options.TARGET, "command": f"What to run (default: {SHELL}).",
    "yes": options.YES,
})  # fmt: skip
def exec_(
    _: Context, service: str = "", command: str = SHELL, target: str = "", yes: bool = False
) -> None:  # fmt: skip
    """Open a shell in a running task, where ECS Exec is on."""
    from tasks.operate import shell

    command_line.run("exec", partial(shell.enter, command=command), Options(service, target=target, yes=yes))


@task(auto_shortflags=False, help={**CHANGING, "keep": "How many of the newest revisions stay (default: 10)."})
def prune(
    _: Context, service: str = "", keep: str = "10", target: str = "", json: bool = False, dry_run: bool = False,
    yes: bool = False,
) -> None:  # fmt: skip
    """Remove old revisions and images; never one in use, never one that a rollback needs."""
    from tasks.operate import prune

    common = Options(service, target=target, json=json, dry_run=dry_run, yes=yes)
    command_line.run("prune", partial(prune.prune, keep=keep), common)


def operate_tasks() -> tuple[Task[Callable[[Context], None]], ...]:
    """Return the tasks, for the namespace; each can be called with a context alone."""
    return rollback, plan, status, history, logs, events, run, exec_, prune
