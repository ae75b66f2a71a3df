"""The command line of what is done once; `tasks/collection.py` adds these tasks to the namespace."""

from __future__ import annotations

from functools import partial

from invoke import Collection, Context, task

from tasks.command import Options, run
from tasks.options import DRY_RUN, JSON, TARGET, UNASKED

NO_SERVICE = ""  # what is set up before there is an environment, and so before APP_URL is known
CHECK = "Only compare; exit with 11 when something differs."
HERE = {"json": JSON, "dry-run": DRY_RUN, "yes": UNASKED}
CHANGING = {**HERE, "target": TARGET}


@task(auto_shortflags=False, help={
    **CHANGING, "check": CHECK,
    "diagnose": "Also the read-only policy, with which a failed deploy explains itself.",
})  # fmt: skip
def aws(
    _: Context, check: bool = False, diagnose: bool = False, target: str = "", json: bool = False,
    dry_run: bool = False, yes: bool = False,
) -> None:  # fmt: skip
    """Set up the OIDC provider, the deploy role and its policies; what exists is adopted."""
    from tasks.setup import aws

    common = Options(NO_SERVICE, target=target, json=json, dry_run=dry_run, yes=yes)
    run("setup.aws", partial(aws.aws, check=check, diagnose=diagnose), common)


@task(auto_shortflags=False, help={**HERE, "check": CHECK})
def github(
    _: Context, check: bool = False, json: bool = False, dry_run: bool = False, yes: bool = False
) -> None:  # fmt: skip
    """Set the repository's variables and its one secret through gh, or print the commands."""
    from tasks.setup import github

    common = Options(target="aws", json=json, dry_run=dry_run, yes=yes)
    run("setup.github", partial(github.github, check=check), common)


@task(auto_shortflags=False, help={
    **CHANGING, "certificate": "ARN of the certificate of an HTTPS listener; goes with --domain.",
    "domain": "The name it was issued for; goes with --certificate.",
})  # fmt: skip
def stack(
    _: Context, certificate: str = "", domain: str = "", target: str = "", json: bool = False,
    dry_run: bool = False, yes: bool = False,
) -> None:  # fmt: skip
    """Create a complete environment from aws/stack.yaml, through a change set that is shown first."""
    from tasks.setup import stack

    common = Options(NO_SERVICE, target=target, json=json, dry_run=dry_run, yes=yes)
    run("setup.stack", partial(stack.stack, certificate=certificate, domain=domain), common)


def setup_tasks() -> Collection:
    """Return the tasks `setup.aws`, `setup.github` and `setup.stack`, for the namespace."""
    return Collection("setup", aws, github, stack)
