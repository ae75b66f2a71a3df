"""The `aws` commands that messages name: pointed at the cloud that was asked."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.documents import Json
    from tasks.errors import DeployError
    from tasks.report import Outcome
    from tasks.settings import Target

COMMAND = re.compile(r"(?<![\w./-])aws (?=(?:cloudformation|ec2|ecr|ecs|elbv2|iam|logs|secretsmanager|sts) [a-z])")


def point(text: str, target: Target) -> str:
    """Return a text whose `aws` commands go to the target's own endpoint.

    Without this, a command copied from a message about the embedded cloud would change the account that the
    reader is logged in to: the names and the account number are the same.
    """
    if not target.endpoint_url:
        return text
    return COMMAND.sub(f"aws --endpoint-url {target.endpoint_url} --region {target.region} ", text)


def point_outcome(outcome: Outcome, target: Target) -> Outcome:
    """Return a result with all of its commands pointed."""
    document = {name: _value(value, target) for name, value in outcome.document.items()}
    return replace(outcome, document=document, lines=tuple(point(line, target) for line in outcome.lines))


def point_error(error: DeployError, target: Target) -> None:
    """Point the commands of an error's next step and evidence."""
    error.fix = point(error.fix, target)
    error.evidence = tuple(point(line, target) for line in error.evidence)


def _value(value: Json, target: Target) -> Json:
    if isinstance(value, str):
        return point(value, target)
    if isinstance(value, list):
        return [_value(each, target) for each in value]
    if isinstance(value, dict):
        return {name: _value(each, target) for name, each in value.items()}
    return value
