"""Whom a trust policy lets in, decided as STS decides it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from tasks.documents import as_list, as_object
from tasks.setup.policies import AUDIENCE, ISSUER
from tasks.setup.statements import entries, texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tasks.documents import Json

WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"
TAKING = ("sts:AssumeRole", WEB_IDENTITY, "sts:AssumeRoleWithSAML")
SERVICE = "ecs-tasks.amazonaws.com"
IDS = re.compile(r"repo:([^@/]+)@([0-9]+)/([^@:]+)@([0-9]+):")
# A token has one `sub` and one `aud`: for these both set operators, and IfExists, ask what the plain one asks.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
OPERATOR = re.compile(r"(?:For(?:AnyValue|AllValues):)?String(Not)?(Equals|EqualsIgnoreCase|Like)(?:IfExists)?")


@dataclass(frozen=True)
class Unmet:
    """A condition that a token does not meet: the claim, what the token has, and what would be let in."""

    claim: str
    sent: str
    allowed: tuple[str, ...]


class Match(IntEnum):
    """Whether a statement applies; `PERHAPS` where it asks for what is not known here."""

    NO = 0
    PERHAPS = 1
    YES = 2


def lets_in(trust: Mapping[str, Json], subject: str, account: str) -> bool:
    """Return whether GitHub's token for a subject, made for AWS, certainly may take the role: for one of ours.

    What is not known here (an operator, another claim) counts as not met in an Allow, and as met in a Deny.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    """
    allowed, denied = _verdicts(trust, subject, account)
    return allowed is Match.YES and denied is Match.NO


def may_let_in(trust: Mapping[str, Json], subject: str, account: str) -> bool:
    """Return whether such a token perhaps may take the role: for a stranger, whom nothing may let in.

    What is not known here counts as met in an Allow, and as not met in a Deny: the opposite of `lets_in`. An Allow
    that names others than GitHub's provider, `*` too, is what `others` tells of.
    """
    allowed, denied = _verdicts(trust, subject, account)
    return allowed is not Match.NO and denied is not Match.YES


def unmet(trust: Mapping[str, Json], subject: str, audience: str) -> tuple[Unmet, ...]:
    """Return the conditions, of all that allow something, that a token does not certainly meet."""
    claims = _claims(subject, audience)
    return tuple(
        Unmet(key.rpartition(":")[2], claims.get(key.lower(), ""), tuple(texts(expected)))
        for each in _statements(trust)
        if each.get("Effect") != "Deny"
        for operator, key, expected in _conditions(each)
        if _holds(operator, claims.get(key.lower()), texts(expected)) is not Match.YES
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
        and _covers(each, "sts:AssumeRole")
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
        for _, key, expected in _conditions(each)
        if key == f"{ISSUER}:sub"
        for text in texts(expected)
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
    return "NotAction" in statement or any(_covers(statement, action) for action in TAKING)


def _covers(statement: Mapping[str, Json], action: str) -> bool:
    """Whether a statement is about an action; IAM reads the names of actions in any case."""
    excepted = "NotAction" in statement
    patterns = texts(statement.get("NotAction" if excepted else "Action"))
    return any(_is_like(action.lower(), each.lower()) for each in patterns) is not excepted


def _names(value: Json, wanted: tuple[str, ...]) -> bool:
    return any(text in wanted for text in texts(value))


def _verdicts(trust: Mapping[str, Json], subject: str, account: str) -> tuple[Match, Match]:
    """Return whether some statement allows taking the role, and whether some denies it."""
    claims = _claims(subject, AUDIENCE)
    about = [each for each in _statements(trust) if _covers(each, WEB_IDENTITY)]
    allowed = [
        _applies(each, claims)
        for each in about
        if each.get("Effect") == "Allow" and _is_for_github(each, account) is Match.YES
    ]
    denied = [
        min(_is_for_github(each, account), _applies(each, claims))
        for each in about
        if each.get("Effect") == "Deny"
    ]
    return max(allowed, default=Match.NO), max(denied, default=Match.NO)


def _is_for_github(statement: Mapping[str, Json], account: str) -> Match:
    """Whether a statement is for GitHub's provider.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    if "NotPrincipal" in statement:
        return Match.PERHAPS
    principal = statement.get("Principal")
    named = as_object(principal)
    if _names(named.get("Federated"), _github(account)):
        return Match.YES
    is_everybody = principal == "*" or _names(named.get("AWS"), ("*",))
    return Match.YES if is_everybody and statement.get("Effect") == "Deny" else Match.NO


def _applies(statement: Mapping[str, Json], claims: Mapping[str, str]) -> Match:
    """Whether a token meets all of a statement's conditions; the names of keys are read in any case."""
    found = [
        _holds(operator, claims.get(key.lower()), texts(expected))
        for operator, key, expected in _conditions(statement)
    ]
    return min(found, default=Match.YES)


def _holds(operator: str, actual: str | None, patterns: Sequence[str]) -> Match:
    known = OPERATOR.fullmatch(operator)
    if known is None or actual is None or any("${" in each for each in patterns):
        return Match.PERHAPS
    negated, kind = known.groups()
    matches = any(_matches(kind, actual, each) for each in patterns)
    return Match.YES if matches is not bool(negated) else Match.NO


def _matches(kind: str, actual: str, pattern: str) -> bool:
    if kind == "Like":
        return _is_like(actual, pattern)
    return actual.lower() == pattern.lower() if kind == "EqualsIgnoreCase" else actual == pattern


def _is_like(actual: str, pattern: str) -> bool:
    """Whether a text has the form of IAM's pattern, in which only `*` and `?` are special."""
    parts = re.split(r"([*?])", pattern)
    expression = "".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(expression, actual, re.DOTALL) is not None


def _claims(subject: str, audience: str) -> dict[str, str]:
    return {f"{ISSUER}:sub": subject, f"{ISSUER}:aud": audience}


def _conditions(statement: Mapping[str, Json]) -> Iterator[tuple[str, str, Json]]:
    """Yield operator, key and what is expected, of each condition."""
    for operator, keys in as_object(statement.get("Condition")).items():
        for key, expected in as_object(keys).items():
            yield operator, key, expected
