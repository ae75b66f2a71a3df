"""The commands that messages name, `./inv` and `aws`: pointed at the cloud that was asked."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.documents import Json
    from tasks.errors import DeployError
    from tasks.report import Outcome
    from tasks.settings import Target

# The tasks that take `--target`; a test compares them with the command line.
WITH_TARGET = frozenset({
    "build", "deploy", "diagnose", "doctor", "events", "exec", "history", "logs", "plan", "prune", "push",
    "register", "rollback", "run", "setup.aws", "setup.stack", "status", "verify",
})  # fmt: skip

AWS = re.compile(r"(?<![\w./-])aws (?=(?:cloudformation|ec2|ecr|ecs|elbv2|iam|logs|secretsmanager|sts) [a-z])")
# A value ends before the sign that ends its sentence: `--revision=4.` is revision 4.
VALUE = r"""(?:"[^"]*"|'[^']*'|<[^>]*>|\.{3}|[^\s"'`<>()]*[^\s"'`<>().,;:])"""
TRY_HERE = re.compile(r"[,;] try it here (?:\([^)]*\)|with --target=local)")
INV = re.compile(rf"\./inv ([a-z]+(?:\.[a-z]+)?)((?: --[a-z][a-z-]*(?:={VALUE})?)*)")


def point(text: str, target: Target) -> str:
    """Return a text whose commands act on the target, copied as they are.

    Without this, a command of ours copied from a failure in production would act on the embedded cloud, which is
    the default; and one of AWS's copied from a message about the embedded cloud would change the account that the
    reader is logged in to: the names and the account number are the same. What failed on the embedded cloud needs
    no advice to try it there.
    """
    if not target.is_production:
        text = TRY_HERE.sub("", text)
    if target.option:
        text = INV.sub(lambda found: _named(found, target.option), text)
    if target.endpoint_url:
        text = AWS.sub(f"aws --endpoint-url {target.endpoint_url} --region {target.region} ", text)
    return text


def point_outcome(outcome: Outcome, target: Target) -> Outcome:
    """Return a result with all of its commands pointed."""
    document = {name: _value(value, target) for name, value in outcome.document.items()}
    return replace(outcome, document=document, lines=tuple(point(line, target) for line in outcome.lines))


def point_error(error: DeployError, target: Target) -> None:
    """Point the commands of an error's sentence, next step and evidence."""
    error.args = (point(str(error), target),)
    error.fix = point(error.fix, target)
    error.evidence = tuple(point(line, target) for line in error.evidence)


def _named(found: re.Match[str], option: str) -> str:
    if found[1] not in WITH_TARGET or " --target=" in found[2]:
        return found[0]
    return f"{found[0]} {option}"


def _value(value: Json, target: Target) -> Json:
    if isinstance(value, str):
        return point(value, target)
    if isinstance(value, list):
        return [_value(each, target) for each in value]
    if isinstance(value, dict):
        return {name: _value(each, target) for name, each in value.items()}
    return value
