"""What AWS checks and the embedded cloud does not: asked of SimulatePrincipalPolicy before a step needs it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.documents import as_list
from tasks.errors import DeployError
from tasks.rehearsal import account
from tasks.release.task_definition import Identity, load_template, render
from tasks.sdk_errors import AccessDeniedError
from tasks.settings import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.clients import Clients
    from tasks.settings import Service, Target

COMMAND = re.compile(r"\./inv\s+([a-z.]+)")
# `docker push` sends no AWS request that is signed; the registry checks these by the token it was given.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
REGISTRY = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
)
# The runbook grants these two beside them, to look at the repository and to read back what was pushed. No deploy
# makes them, but a role without them is not the runbook's.
READING = ("ecr:DescribeRepositories", "ecr:GetDownloadUrlForLayer")
PASSING = "iam:PassRole"
PUSHING = {"push", "register", "deploy"}
REGISTERING = {"register", "deploy"}


@dataclass(frozen=True)
class Need:
    """One action on one resource, and what it is for."""

    action: str
    resource: str
    doing: str


def needs(script: str, root: Path, environment: Mapping[str, str]) -> tuple[Need, ...]:
    """Return what a step's script needs beyond what the embedded cloud enforces.

    Args:
        script: the step's `run`.
        root: the checkout in which it runs.
        environment: the step's variables.
    """
    commands = set(COMMAND.findall(script))
    if not commands & PUSHING:
        return ()
    try:
        settings = load(root, environment)
        services = settings.select(environment.get("SERVICE", "all"))
        found = [each for service in services for each in _needs(service, settings.target, commands)]
    except DeployError:
        return ()  # the step itself will say so
    return tuple(found)


def require(needed: tuple[Need, ...], role: str, clients: Clients) -> None:
    """Insist that a role has what is needed; raises `AccessDeniedError` that names the first missing action."""
    for each in needed:
        if account.missing(role, each.action, each.resource, clients):
            raise AccessDeniedError(f"{each.doing} ({each.resource})", each.action)


def _needs(service: Service, target: Target, commands: set[str]) -> list[Need]:
    repository = f"arn:aws:ecr:{target.region}:{target.account}:repository/{service.repository}"
    found = [Need(action, repository, "pushing") for action in (*REGISTRY, *READING)]
    if commands & REGISTERING:
        roles = _roles(service, target)
        found += [Need(PASSING, role, "registering the task definition") for role in roles]
    return found


def _roles(service: Service, target: Target) -> list[str]:
    rendered = render(load_template(service, target), Identity("image", "0.0.0", "0"), target)
    named = [rendered.get(key) for key in ("executionRoleArn", "taskRoleArn")]
    return [str(each) for each in as_list(named) if each]
