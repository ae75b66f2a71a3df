"""What is said when something was not set up: a variable, the secret, the role, the provider, a permission."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.rehearsal.uses import UnknownActionError
from tasks.rehearsal.wanted import Wanted
from tasks.setup import policies
from tests.support.rehearsal import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.rehearsal.rehearse import Rehearsal
    from tests.support.deployed import Deployed

CREDENTIALS = "Get credentials of the deploy role (OIDC)"
CONFIGURATION = "Check the configuration"
DEPLOY = ".github/workflows/deploy.yml"
NOT_AUTHORIZED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
SUBJECT = "repo:siruscoder/spryte:ref:refs/tags/backend-v"
IMMUTABLE = "repo:siruscoder@1001/spryte@2002:ref:refs/tags/backend-v"


@pytest.fixture
def stage(deployed: Deployed) -> Stage:
    return Stage(deployed)


@pytest.mark.parametrize("name", ["AWS_REGION", "APP_URL", "ECS_SERVICE_BACKEND", "ECR_REPOSITORY_BACKEND"])
def test_a_variable_that_is_not_set_is_named(stage: Stage, name: str) -> None:
    def unset(rehearsal: Rehearsal) -> Rehearsal:
        left = {each: value for each, value in rehearsal.world.variables.items() if each != name}
        return replace(rehearsal, world=replace(rehearsal.world, variables=left))

    rehearsed = stage.perform(unset(stage.prepare(Wanted(stage.tag()))))

    assert (rehearsed.failure.name, rehearsed.failure.code) == (CONFIGURATION, 1)
    assert len(rehearsed.failure.errors) == 1
    assert rehearsed.failure.errors[0].startswith(f"Not set: variable {name}. Set it in Settings")
    assert rehearsed.failure.summary.startswith(f"### Not configured\n\nNot set: variable {name}.")


def test_a_secret_that_is_not_set_is_named(stage: Stage) -> None:
    rehearsal = stage.prepare(Wanted(stage.tag()))

    rehearsed = stage.perform(replace(rehearsal, world=replace(rehearsal.world, secrets={})))

    assert rehearsed.failure.name == CONFIGURATION
    assert rehearsed.failure.errors[0].startswith("Not set: secret AWS_ROLE_TO_ASSUME. Set it in Settings")


def remove_role(stage: Stage) -> None:
    stage.iam.delete_role_policy(RoleName=policies.ROLE, PolicyName=policies.DEPLOY_POLICY)
    stage.iam.delete_role(RoleName=policies.ROLE)


def remove_provider(stage: Stage) -> None:
    (arn,) = [each["Arn"] for each in stage.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    stage.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)


@pytest.mark.parametrize(
    ("remove", "said"),
    [
        (remove_role, f"{NOT_AUTHORIZED}: there is no role {policies.ROLE}."),
        (remove_provider, "No OpenIDConnect provider found in the account for https://token.actions."),
    ],
)
def test_what_was_not_set_up_is_named(stage: Stage, remove: Callable[[Stage], None], said: str) -> None:
    rehearsal = stage.prepare(Wanted(stage.tag()))
    remove(stage)

    rehearsed = stage.perform(rehearsal)

    assert (rehearsed.failure.name, rehearsed.failure.code) == (CREDENTIALS, 3)
    assert rehearsed.failure.errors[-1].startswith(said)
    assert "inv setup.aws" in rehearsed.failure.errors[-1]
    assert rehearsed.explains(SUBJECT, IMMUTABLE, policies.AUDIENCE)


def test_a_token_for_another_audience_is_refused(stage: Stage) -> None:
    tag = stage.tag_with(
        DEPLOY,
        lambda text: text.replace("OIDC_AUDIENCE: sts.amazonaws.com", "OIDC_AUDIENCE: https://example.com"),
    )

    rehearsed = stage.play(tag)

    assert (rehearsed.failure.name, rehearsed.failure.code) == (CREDENTIALS, 3)
    assert "Incorrect token audience" in rehearsed.failure.errors[-1]
    assert rehearsed.explains(SUBJECT, IMMUTABLE, "https://example.com")
    assert "aud: sent    'https://example.com'" in rehearsed.text


def test_a_token_that_the_provider_knows_and_the_role_does_not_is_refused_by_its_audience(stage: Stage) -> None:
    tag = stage.tag_with(
        DEPLOY,
        lambda text: text.replace("OIDC_AUDIENCE: sts.amazonaws.com", "OIDC_AUDIENCE: https://example.com"),
    )
    rehearsal = stage.prepare(Wanted(tag))
    remove_provider(stage)
    stage.iam.create_open_id_connect_provider(
        Url=f"https://{policies.ISSUER}", ClientIDList=[policies.AUDIENCE, "https://example.com"]
    )

    rehearsed = stage.perform(rehearsal)

    remove_provider(stage)  # the next rehearsal makes it anew
    assert rehearsed.failure.errors[-1].startswith(NOT_AUTHORIZED)
    assert "aud: sent    'https://example.com'" in rehearsed.text
    assert "     allowed 'sts.amazonaws.com'" in rehearsed.text
    assert "sub: sent" not in rehearsed.text


def test_a_job_that_may_not_ask_for_a_token_is_told_so(stage: Stage) -> None:
    tag = stage.tag_with(
        DEPLOY, lambda text: text.replace("      id-token: write # prove to AWS who this run is\n", "")
    )

    assert "`id-token: write` is missing" in stage.play(tag).failure.errors[-1]


def test_an_action_that_is_not_known_is_refused_before_the_first_step(stage: Stage) -> None:
    tag = stage.tag_with(
        DEPLOY, lambda text: text.replace("uses: actions/setup-python@", "uses: actions/setup-node@")
    )
    rehearsal = stage.prepare(Wanted(tag))

    with pytest.raises(UnknownActionError) as caught:
        stage.perform(rehearsal)

    assert "the action 'actions/setup-node' is not played" in str(caught.value)
    assert str(caught.value).startswith(f"{DEPLOY}:")
