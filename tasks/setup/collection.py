"""The command line of what is done once; `tasks/collection.py` adds these tasks to the namespace."""

from __future__ import annotations

from functools import partial

from invoke import Collection, Context, task

from tasks.command import Options
from tasks.command import run as run_action
from tasks.setup import aws as account
from tasks.setup import github as hub
from tasks.setup import stack as environment

NO_SERVICE = ""  # what is set up before there is an environment, and so before APP_URL is known
TARGET = "local: the embedded cloud on this machine (default). aws: production. DEPLOY_TARGET sets it too."
JSON = "Print the result as one JSON document on stdout."
DRY_RUN = "Say what would happen and change nothing."
YES = "Do not ask."
CHECK = "Only compare; exit with 11 when something differs."
COMMON = {"target": TARGET, "json": JSON}
CHANGING = {**COMMON, "dry-run": DRY_RUN, "yes": YES}


@task(auto_shortflags=False, help={
    **CHANGING, "check": CHECK,
    "diagnose": "Also the read-only policy, with which a failed deploy explains itself.",
})  # fmt: skip
def aws(
    _: Context, check: bool = False, diagnose: bool = False, target: str = "", json: bool = False,
    dry_run: bool = False, yes: bool = False,
) -> None:  # fmt: skip
    """Set up the OIDC provider, the deploy role and its policies; what exists is adopted."""
    options = Options(NO_SERVICE, target=target, json=json, dry_run=dry_run, yes=yes)
    run_action(partial(account.aws, check=check, diagnose=diagnose), options, "setup.aws")


@task(
    auto_shortflags=False, help={**{name: CHANGING[name] for name in ("json", "dry-run", "yes")}, "check": CHECK}
)
def github(
    _: Context, check: bool = False, json: bool = False, dry_run: bool = False, yes: bool = False
) -> None:  # fmt: skip
    """Set the repository's variables and its one secret through gh, or print the commands."""
    options = Options(target="aws", json=json, dry_run=dry_run, yes=yes)
    run_action(partial(hub.github, check=check), options, "setup.github")


@task(auto_shortflags=False, help={
    **CHANGING, "certificate": "ARN of the certificate of an HTTPS listener; goes with --domain.",
    "domain": "The name it was issued for; goes with --certificate.",
})  # fmt: skip
def stack(
    _: Context, certificate: str = "", domain: str = "", target: str = "", json: bool = False,
    dry_run: bool = False, yes: bool = False,
) -> None:  # fmt: skip
    """Create a complete environment from aws/stack.yaml, through a change set that is shown first."""
    options = Options(NO_SERVICE, target=target, json=json, dry_run=dry_run, yes=yes)
    run_action(partial(environment.stack, certificate=certificate, domain=domain), options, "setup.stack")


def setup_tasks() -> Collection:
    """Return the tasks `setup.aws`, `setup.github` and `setup.stack`, for the namespace."""
    return Collection("setup", aws, github, stack)
