"""Whom a trust policy lets in, decided as STS decides it. Pure."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from tasks.documents import as_list, as_object
from tasks.setup.policies import AUDIENCE, ISSUER
from tasks.setup.statements import entries, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.documents import Json

WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"
TAKING = ("sts:AssumeRole", WEB_IDENTITY, "sts:AssumeRoleWithSAML")
SERVICE = "ecs-tasks.amazonaws.com"
IDS = re.compile(r"repo:([^@/]+)@([0-9]+)/([^@:]+)@([0-9]+):")


def lets_in(trust: Mapping[str, Json], subject: str, account: str) -> bool:
    """Return whether GitHub's token for a subject, made for AWS, may take the role.

    Knows the operators `StringEquals` and `StringLike`; a condition of another kind counts as not met, so that
    the answer errs towards "no".

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    claims = {f"{ISSUER}:sub": subject, f"{ISSUER}:aud": AUDIENCE}
    return any(
        each.get("Effect") == "Allow"
        and _names(each.get("Action"), (WEB_IDENTITY, "sts:*", "*"))
        and _names(as_object(each.get("Principal")).get("Federated"), _github(account))
        and _holds(each, claims)
        for each in _statements(trust)
    )


def others(trust: Mapping[str, Json], account: str) -> tuple[str, ...]:
    """Return the principals beside GitHub's provider that may take the role, as `Principal AWS *`.

    Conditions are not looked at: no one else has a reason to be named.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    named = {
        line.strip()
        for each in _statements(trust)
        if each.get("Effect") == "Allow" and _takes(each)
        for line in entries({key: each.get(key) for key in ("Principal", "NotPrincipal")})
    }
    return tuple(sorted(named - {f"Principal Federated {each}" for each in _github(account)}))


def trusts_tasks(trust: Mapping[str, Json]) -> bool:
    """Return whether ECS tasks may take a role.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
    """
    return any(
        each.get("Effect") == "Allow"
        and _names(each.get("Action"), ("sts:AssumeRole", "sts:*", "*"))
        and _names(as_object(each.get("Principal")).get("Service"), (SERVICE,))
        for each in _statements(trust)
    )


def known_ids(trust: Mapping[str, Json], owner: str, name: str) -> tuple[str, str]:
    """Return the owner's and the repository's ids that a policy already names for a repository.

    Both are empty when it names none, or more than one pair.
    """
    subjects = [
        text
        for each in _statements(trust)
        for keys in as_object(each.get("Condition")).values()
        for text in texts(as_object(keys).get(f"{ISSUER}:sub"))
    ]
    found = {
        (each[2], each[4]) for each in map(IDS.match, subjects) if each and (each[1], each[3]) == (owner, name)
    }
    return next(iter(found)) if len(found) == 1 else ("", "")


def _statements(trust: Mapping[str, Json]) -> list[dict[str, Json]]:
    found = trust.get("Statement")
    return [found] if isinstance(found, dict) else [as_object(each) for each in as_list(found)]


def _github(account: str) -> tuple[str, str]:
    return f"arn:aws:iam::{account}:oidc-provider/{ISSUER}", ISSUER


def _takes(statement: Mapping[str, Json]) -> bool:
    """Whether a statement is about taking the role; IAM reads the names of actions in any case."""
    patterns = [each.lower() for each in texts(statement.get("Action"))]
    named = any(fnmatchcase(action.lower(), each) for action in TAKING for each in patterns)
    return named or "NotAction" in statement


def _names(value: Json, wanted: tuple[str, ...]) -> bool:
    return any(text in wanted for text in texts(value))


def _holds(statement: Mapping[str, Json], claims: Mapping[str, str]) -> bool:
    return all(
        key in claims and any(_matches(operator, claims[key], pattern) for pattern in texts(expected))
        for operator, keys in as_object(statement.get("Condition")).items()
        for key, expected in as_object(keys).items()
    )


def _matches(operator: str, actual: str, pattern: str) -> bool:
    if operator == "StringEquals":
        return actual == pattern
    if operator != "StringLike":
        return False
    parts = re.split(r"([*?])", pattern)
    expression = "".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(expression, actual, re.DOTALL) is not None
