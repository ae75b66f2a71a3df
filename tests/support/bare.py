"""An embedded AWS without Docker and without a stack: enough for what is set up once, and quick to start."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from tasks.clients import Clients
from tasks.command import Options, Work
from tasks.embedded import ministack, ministack_process
from tasks.report import Report
from tasks.settings import Credentials, Settings, load
from tests.support.fakes import Recorder
from tests.support.project import free_port, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

REPOSITORY = "siruscoder/spryte"
IDS = {"GITHUB_REPOSITORY_OWNER_ID": "4242", "GITHUB_REPOSITORY_ID": "987654"}


@dataclass(frozen=True)
class Bare:
    """An account of the embedded AWS that holds nothing, and commands for it."""

    environment: Mapping[str, str]
    root: Path

    @property
    def settings(self) -> Settings:
        """This project's settings, for this account."""
        return load(self.root, self.environment)

    @property
    def production(self) -> Settings:
        """The same account as the target `aws`, as a real one would be."""
        known = self.settings
        return replace(known, target=replace(known.target, name="aws"))

    @cached_property
    def clients(self) -> Clients:
        """Connections to it, as its root."""
        return Clients(self.settings.target)

    def work(self, environment: Mapping[str, str] | None = None, *, dry_run: bool = False) -> Work:
        """Return what a command line with `--yes` gives an action."""
        report = Report(sys.stderr, time.monotonic)
        known = {**self.environment, **(environment or {})}
        return Work(Options(dry_run=dry_run, yes=True), report, known, self.root)

    def clients_of(self, name: str, policy: str) -> Clients:
        """Return connections as a user of this account who has this policy and nothing else."""
        iam = self.clients.iam
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        keys = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
        return Clients(replace(self.settings.target, credentials=keys))


@contextmanager
def bare_account(folder: Path) -> Iterator[Bare]:
    """Start one, and stop it in the end."""
    (place := folder / "bare").mkdir()
    environment = {"LOCAL_PORT": str(free_port()), "GITHUB_REPOSITORY": REPOSITORY}
    found = Bare(environment, make_project(place).root)
    recorder = Recorder()
    ministack_process.start(found.settings, ministack.variables(found.settings), found.clients, recorder)
    try:
        yield found
    finally:
        ministack_process.stop(found.settings, found.clients, recorder)
