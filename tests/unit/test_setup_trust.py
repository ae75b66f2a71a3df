"""Whom a trust policy lets in: of ours only who certainly is, of strangers everybody who might be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks.documents import as_list
from tasks.setup import policies, trust
from tasks.setup.policies import ISSUER, Repository
from tests.support.models import ACCOUNT, AWS
from tests.support.project import HERE

if TYPE_CHECKING:
    from tasks.documents import Json

SUB = f"{ISSUER}:sub"
AUD = f"{ISSUER}:aud"
OURS = "repo:siruscoder/spryte:ref:refs/tags/backend-v0.1.5"
STRANGER = "repo:somebody/else:ref:refs/heads/main"
GITHUB: Json = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"}
WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"StringEquals": {AUD: "sts.amazonaws.com"}},
        {"StringLike": {SUB: "repo:*"}},
        {"ForAnyValue:StringLike": {SUB: "repo:*"}},
        {"ForAllValues:StringLike": {SUB: ["repo:*"]}},
        {"StringLikeIfExists": {SUB: "repo:*"}},
        {"StringEqualsIgnoreCase": {SUB: STRANGER.upper()}},
        {"StringNotEquals": {SUB: OURS}},
        {"StringNotLike": {SUB: "repo:siruscoder/*"}},
        {"StringLike": {SUB.upper(): "repo:*"}},
        {"StringLike": {SUB: "${token.actions.githubusercontent.com:sub}"}},
        {"StringSomethingNew": {SUB: OURS}},
        {"StringEquals": {f"{ISSUER}:actor": "siruscoder"}},
        {"Null": {SUB: "false"}},
    ],
)
def test_a_stranger_whom_a_second_statement_might_let_in_is_not_taken_for_refused(condition: Json) -> None:
    assert trust.may_let_in(beside_ours(allow(condition)), STRANGER, ACCOUNT)


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {SUB: "repo:*"}},
        {"StringLike": {SUB: "repo:siruscoder/spryte:ref:refs/tags/backend-v*"}},
        {"ForAnyValue:StringLike": {SUB: "repo:siruscoder/spryte:ref:refs/tags/backend-v*"}},
        {"StringSomethingNew": {f"{ISSUER}:actor": "x"}, "StringEquals": {SUB: OURS}},
        {"StringLike": {SUB: "repo:*"}, "StringEquals": {AUD: "somebody"}},
        {"StringNotEquals": {SUB: STRANGER}},
    ],
)
def test_a_stranger_whom_one_condition_certainly_refuses_stays_outside(condition: Json) -> None:
    assert not trust.may_let_in(beside_ours(allow(condition)), STRANGER, ACCOUNT)


@pytest.mark.parametrize(
    "action", ["sts:AssumeRole*", "sts:*", "*", "STS:assumerolewith???Identity", [WEB_IDENTITY]]
)
def test_an_action_is_read_as_iam_s_pattern(action: Json) -> None:
    policy = beside_ours({"Effect": "Allow", "Principal": GITHUB, "Action": action})

    assert trust.may_let_in(policy, STRANGER, ACCOUNT)


@pytest.mark.parametrize("action", ["sts:AssumeRole", "sts:TagSession", "sts:AssumeRoleWithSAML", "s*:Get*"])
def test_an_action_that_does_not_take_the_role_lets_nobody_in(action: Json) -> None:
    policy = beside_ours({"Effect": "Allow", "Principal": GITHUB, "Action": action})

    assert not trust.may_let_in(policy, STRANGER, ACCOUNT)


def test_everything_but_something_else_is_an_action_too() -> None:
    statement: dict[str, Json] = {"Effect": "Allow", "Principal": GITHUB, "NotAction": "sts:TagSession"}
    other: dict[str, Json] = {"Effect": "Allow", "Principal": GITHUB, "NotAction": "sts:Assume*"}

    assert trust.may_let_in(beside_ours(statement), STRANGER, ACCOUNT)
    assert not trust.may_let_in(beside_ours(other), STRANGER, ACCOUNT)


@pytest.mark.parametrize(
    ("principal", "condition", "refused"),
    [
        (GITHUB, {}, True),
        ("*", {}, True),
        ({"AWS": "*"}, {"StringLike": {SUB: "repo:siruscoder/*"}}, True),
        (GITHUB, {"StringSomethingNew": {SUB: "x"}}, True),
        (GITHUB, {"StringEquals": {f"{ISSUER}:actor": "somebody"}}, True),
        (GITHUB, {"StringNotLike": {SUB: "repo:siruscoder/spryte:*"}}, False),
        ({"Service": "ec2.amazonaws.com"}, {}, False),
    ],
)
def test_a_deny_that_might_apply_refuses_ours(principal: Json, condition: Json, *, refused: bool) -> None:
    policy = beside_ours(deny(principal, condition))

    assert trust.lets_in(beside_ours(), OURS, ACCOUNT)
    assert trust.lets_in(policy, OURS, ACCOUNT) is not refused


@pytest.mark.parametrize(
    ("condition", "refused"),
    [
        ({}, True),
        ({"StringNotLike": {SUB: "repo:siruscoder/spryte:*"}}, True),
        ({"StringLike": {SUB: "repo:siruscoder/*"}}, False),
        ({"StringSomethingNew": {SUB: "x"}}, False),
        ({"StringEquals": {f"{ISSUER}:actor": "somebody"}}, False),
    ],
)
def test_only_a_deny_that_certainly_applies_refuses_a_stranger(condition: Json, *, refused: bool) -> None:
    policy = beside_ours(allow({"StringLike": {SUB: "repo:*"}}), deny("*", condition))

    assert trust.may_let_in(policy, STRANGER, ACCOUNT) is not refused


def test_a_deny_of_something_else_refuses_nobody() -> None:
    other: dict[str, Json] = {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}

    assert trust.lets_in(beside_ours(other), OURS, ACCOUNT)


@pytest.mark.parametrize(
    "condition", [{"StringSomethingNew": {SUB: OURS}}, {"StringEquals": {f"{ISSUER}:actor": "siruscoder"}}]
)
def test_ours_are_let_in_only_by_conditions_that_are_understood(condition: Json) -> None:
    assert not trust.lets_in({"Statement": allow(condition)}, OURS, ACCOUNT)


def beside_ours(*statements: dict[str, Json]) -> dict[str, Json]:
    """Return the policy of aws/iam with further statements."""
    ours = policies.trust_policy(HERE, policies.values(AWS, Repository("siruscoder", "spryte")))
    return {**ours, "Statement": [*as_list(ours["Statement"]), *statements]}


def allow(condition: Json) -> dict[str, Json]:
    return {"Effect": "Allow", "Principal": GITHUB, "Action": WEB_IDENTITY, "Condition": condition}


def deny(principal: Json, condition: Json) -> dict[str, Json]:
    return {"Effect": "Deny", "Principal": principal, "Action": WEB_IDENTITY, "Condition": condition}
