"""The token that GitHub would send, and by which condition a trust policy refuses it."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from tasks.rehearsal.event import Event
from tasks.rehearsal.trust import refusals
from tasks.rehearsal.wanted import Wanted, complete
from tasks.settings import load
from tasks.setup.policies import Repository, trust_policy
from tests.support.project import HERE

if TYPE_CHECKING:
    from tasks.documents import Json

SPRYTE = Repository("siruscoder", "spryte")
KNOWN = Repository("siruscoder", "spryte", "4242", "987654")
TAG = "refs/tags/backend-v0.1.5"
VALUES = {
    "AWS_ACCOUNT_ID": "727646509464",
    "GITHUB_REPOSITORY_OWNER": "siruscoder",
    "GITHUB_REPOSITORY_NAME": "spryte",
}
AUDIENCE = "sts.amazonaws.com"


def test_a_tag_s_subject_has_the_plain_form_and_with_ids_the_immutable_one_too() -> None:
    assert Event(SPRYTE, TAG, "c").subjects("") == (f"repo:siruscoder/spryte:ref:{TAG}",)
    assert Event(KNOWN, TAG, "c").subjects("") == (
        f"repo:siruscoder/spryte:ref:{TAG}",
        f"repo:siruscoder@4242/spryte@987654:ref:{TAG}",
    )


def test_an_environment_stands_in_the_subject_instead_of_the_tag() -> None:
    assert Event(SPRYTE, TAG, "c").subjects("production") == ("repo:siruscoder/spryte:environment:production",)
    assert Event(SPRYTE, TAG, "c").subjects("a:b") == ("repo:siruscoder/spryte:environment:a%3Ab",)


def test_a_branch_and_a_tag_know_their_names() -> None:
    assert (Event(SPRYTE, TAG, "c").ref_name, Event(SPRYTE, TAG, "c").ref_type) == ("backend-v0.1.5", "tag")
    branch = Event(SPRYTE, "refs/heads/a/b", "c")
    assert (branch.ref_name, branch.ref_type) == ("a/b", "branch")


def test_a_token_carries_the_claims_that_a_trust_policy_can_ask_for() -> None:
    event = Event(SPRYTE, TAG, "c" * 40)

    _, payload, _ = event.token(event.subjects("")[0], AUDIENCE, 1000).split(".")

    claims = cast("dict[str, Json]", json.loads(base64.urlsafe_b64decode(payload + "==")))
    assert claims["iss"] == "https://token.actions.githubusercontent.com"
    assert (claims["aud"], claims["sub"]) == (AUDIENCE, f"repo:siruscoder/spryte:ref:{TAG}")
    assert (claims["iat"], claims["exp"], claims["sha"]) == (1000, 1300, "c" * 40)


def test_the_subject_that_is_refused_is_shown_beside_those_that_are_allowed() -> None:
    trusted = trust_policy(HERE, VALUES)

    assert refusals(trusted, "repo:siruscoder/spryte:ref:refs/heads/main", AUDIENCE) == (
        "sub: sent    'repo:siruscoder/spryte:ref:refs/heads/main'",
        "     allowed 'repo:siruscoder/spryte:ref:refs/tags/backend-v*'",
        "     allowed 'repo:siruscoder/spryte:ref:refs/tags/frontend-v*'",
    )


def test_the_audience_that_is_refused_is_shown_too() -> None:
    trusted = trust_policy(HERE, VALUES)

    assert refusals(trusted, f"repo:siruscoder/spryte:ref:{TAG}", "https://github.com/siruscoder") == (
        "aud: sent    'https://github.com/siruscoder'",
        "     allowed 'sts.amazonaws.com'",
    )


def test_a_policy_that_refuses_by_something_else_is_not_blamed_on_a_condition() -> None:
    trusted = trust_policy(HERE, VALUES)

    assert refusals(trusted, f"repo:siruscoder/spryte:ref:{TAG}", AUDIENCE) == (
        "no condition refuses it: its Principal, its Action or a Deny must",
    )
    assert refusals({"Statement": {"Condition": {"Bool": {"x:y": "true"}}}}, "s", AUDIENCE) == (
        "y: sent    ''",
        "   allowed 'true'",
    )


@pytest.mark.parametrize(
    "wanted", [Wanted("", branch="main"), Wanted("", branch="a/b", fork=True), Wanted("", fork=True)]
)
def test_a_branch_s_or_a_fork_s_run_needs_no_tag(wanted: Wanted) -> None:
    assert complete(wanted, load(HERE, {})) == replace(wanted, tag="backend-v0.0.0")


@pytest.mark.parametrize("wanted", [Wanted(""), Wanted("", environment="x"), Wanted("frontend-v1.2.3", fork=True)])
def test_what_is_asked_for_otherwise_stays_as_it_is(wanted: Wanted) -> None:
    assert complete(wanted, load(HERE, {})) == wanted
