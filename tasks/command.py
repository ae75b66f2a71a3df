"""How a task runs: settings read, clients made, one function called, its outcome reported, errors told once."""

from __future__ import annotations

import os
import re
import sys
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tasks import github_summary, identity
from tasks.clients import Clients
from tasks.commands import point_error, point_outcome
from tasks.documents import read_yaml
from tasks.errors import DeployError, StoppedByUserError, UsageError
from tasks.report import Outcome, Report, print_failure, print_outcome
from tasks.sdk_errors import UnreachableError
from tasks.settings import Settings, load, misspelled
from tasks.signals import both_interrupt
from tasks.terminal import terminal_of
from tasks.version_number import checked_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tasks.settings import Service
    from tasks.terminal import Terminal

ROOT = Path(__file__).resolve().parent.parent
NUMBER = re.compile(r"[1-9][0-9]{0,6}")  # Invoke's own conversion would end in a traceback


class NumberError(UsageError):
    """An option is no number that makes sense for it."""

    def __init__(self, option: str, value: str) -> None:
        super().__init__(f"{option}: '{value}' is not a positive whole number.", fix="Give one, or leave it out.")


@dataclass(frozen=True)
class Options:
    """What the command line said of what several tasks have; what one has alone is an argument of its action."""

    service: str = "all"
    version: str = ""
    target: str = ""
    json: bool = False
    dry_run: bool = False
    yes: bool = False
    timeout: str = "600"
    lines: str = "100"


@dataclass(frozen=True)
class Work:
    """What an action works with."""

    options: Options
    report: Report
    environment: Mapping[str, str] = field(repr=False)
    root: Path = ROOT

    @cached_property
    def settings(self) -> Settings:
        """The project's settings; raises `UsageError` as `settings.load` does.

        Tells first of names in `.env` that look misspelled: one may be why another is missing.
        """
        for line in misspelled(self.root):
            self.report.say(line)
        return load(self.root, self.environment, self.options.target, self.options.service)

    @property
    def settings_known(self) -> bool:
        """Whether the settings were read, and are in order."""
        return "settings" in vars(self)

    @cached_property
    def services(self) -> tuple[Service, ...]:
        """The services that were named; raises `UsageError`."""
        return self.settings.select(self.options.service)

    @cached_property
    def version(self) -> str:
        """The version that was given; raises `VersionError`."""
        return checked_version(self.options.version)

    @cached_property
    def timeout(self) -> float:
        """The seconds after which to give up waiting; raises `NumberError`."""
        return number("--timeout", self.options.timeout)

    @cached_property
    def lines(self) -> int:
        """How many lines of a log to show; raises `NumberError`."""
        return number("--lines", self.options.lines)

    @cached_property
    def terminal(self) -> Terminal:
        """How the result may be written to stdout."""
        return terminal_of(sys.stdout, self.environment)

    def connect(self) -> Clients:
        """Return the connections; a service that does not exist is told before AWS is asked anything.

        Raises:
            UsageError: as `settings` and `services`.
            ForeignCloudError, PortTakenError, OtherPortError: as `cloud.require_ours`, where that is the target.
            CredentialsError, WrongAccountError: as `identity.check`.
        """
        self.settings.select(self.options.service)
        return self.reach()

    def reach(self) -> Clients:
        """Return the connections, whatever the services; raises as `connect`."""
        if self.settings.target.name == "local":
            from tasks.embedded import cloud  # noqa: PLC0415 - production must not pay for it

            cloud.require_ours(self.settings)
        clients = Clients(self.settings.target)
        identity.check(clients)
        return clients

    def confirm(self, question: str) -> None:
        """Ask once on a terminal; `--yes` and CI answer with yes.

        Raises:
            StoppedByUserError: the answer was no.
            UsageError: there is nobody to ask.
        """
        if self.options.yes or self.environment.get("CI"):
            return
        if not sys.stdin.isatty():
            raise UsageError(f"There is no terminal to ask on: {question}", fix="Answer beforehand, with --yes.")
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise StoppedByUserError("Nothing was done.", fix="Answer y, or give --yes.")


def check_files() -> None:
    """Refuse a malformed `invoke.yaml` in our words before Invoke itself stumbles over it."""
    try:
        read_yaml(ROOT / "invoke.yaml", "invoke.yaml")
    except DeployError as error:
        end(error, as_json="--json" in sys.argv)


def end(error: DeployError, *, as_json: bool) -> NoReturn:
    """Tell an error and end the process with its exit code, before any task has begun."""
    from invoke.exceptions import Exit  # noqa: PLC0415 - the exception Invoke turns into an exit code

    Report(sys.stderr, time.monotonic, terminal_of(sys.stderr, os.environ)).error(error)
    if as_json:
        print_failure(error, sys.stdout)
    raise Exit(code=error.exit_code) from error


def _explained(failure: DeployError, work: Work) -> DeployError:
    """Return what is wrong when nothing answers at the embedded cloud's address: mostly that it is not up."""
    if isinstance(failure, UnreachableError) and work.settings.target.name == "local":
        from tasks.embedded import cloud  # noqa: PLC0415 - `inv --list` must not pay for it

        try:
            cloud.require_running(work.settings)
        except cloud.NotRunningError as better:
            return better
    return failure


def _refuse_invokes_own_dry_run(arguments: Sequence[str]) -> None:
    """Refuse Invoke's `--dry`, which only knows shell commands: these tasks would go ahead for real."""
    if {"--dry", "-R"} & set(arguments):
        raise UsageError("Invoke's own --dry has no effect on these tasks.", fix="Use --dry-run, after the task.")


def run(name: str, action: Callable[[Work], Outcome], options: Options) -> None:
    """Run a task and end the process with its exit code when it fails.

    Args:
        name: the task's name, by which a GitHub run's summary calls it.
        action: what to do.
        options: what the command line said.
    """
    from invoke.exceptions import Exit  # noqa: PLC0415 - as in `end`

    report = Report(sys.stderr, time.monotonic, terminal_of(sys.stderr, os.environ))
    work = Work(options, report, os.environ)
    try:
        _refuse_invokes_own_dry_run(sys.argv)
        with both_interrupt():
            outcome = action(work)
            if work.settings_known:
                outcome = point_outcome(outcome, work.settings.target)
            print_outcome(outcome, sys.stdout, as_json=options.json)
            github_summary.outcome(name, outcome, os.environ)
    except KeyboardInterrupt:
        error: DeployError = StoppedByUserError(
            "Interrupted.", fix="Run the command again: it goes on from what exists already."
        )
    except DeployError as failure:
        error = _explained(failure, work)
        if work.settings_known:
            point_error(error, work.settings.target)
    else:
        if outcome.exit_code:
            raise Exit(code=outcome.exit_code)
        return
    report.error(error)
    github_summary.failure(name, error, os.environ)
    if options.json:
        print_failure(error, sys.stdout)
    raise Exit(code=error.exit_code)


def number(option: str, value: str) -> int:
    """Return an option's whole number, from 1 on; raises `NumberError`."""
    if not NUMBER.fullmatch(value):
        raise NumberError(option, value)
    return int(value)
