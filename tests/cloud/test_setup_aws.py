"""setup.aws against a real IAM: what it makes lets the right runs in, and a second run changes nothing."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, cast

import pytest
from botocore.exceptions import ClientError

from tasks.documents import as_list, as_object
from tasks.setup import aws, policies, role, trust
from tasks.setup.policies import DEPLOY_POLICY, DIAGNOSE_POLICY, ISSUER, ROLE, Repository
from tests.support.bare import IDS
from tests.support.terminal import command_on_terminal

if TYPE_CHECKING:
    from tasks.documents import Json
    from tasks.report import Outcome
    from tests.support.bare import Bare

PLAIN = "repo:siruscoder/spryte"
IMMUTABLE = "repo:siruscoder@4242/spryte@987654"
TAG = "ref:refs/tags/backend-v0.1.5"


def test_the_first_run_makes_everything_and_the_second_changes_nothing(bare: Bare) -> None:
    first = aws.aws(bare.work(IDS))
    made = snapshot(bare)
    second = aws.aws(bare.work(IDS))

    assert states(first) == ["create", "create", "create"]
    assert states(second) == ["exists", "exists", "exists"]
    assert snapshot(bare) == made
    assert aws.aws(bare.work(IDS), check=True).exit_code == 0


def test_the_document_says_what_was_applied_and_what_was_only_shown(bare: Bare) -> None:
    shown = aws.aws(bare.work(IDS, dry_run=True))
    made = aws.aws(bare.work(IDS))
    again = aws.aws(bare.work(IDS))

    assert [applied(each) for each in (shown, made, again)] == [[False] * 3, [True] * 3, [False] * 3]
    assert (shown.document["applied"], again.document["applied"]) == ([], [])
    assert len(as_list(made.document["applied"])) == 3


def test_the_role_lets_in_the_tags_of_this_repository_in_both_forms_and_nobody_else(bare: Bare) -> None:
    aws.aws(bare.work(IDS))

    for subject in (f"{PLAIN}:{TAG}", f"{IMMUTABLE}:{TAG}"):
        assert assume(bare, subject)
    for subject in (
        f"{PLAIN}:ref:refs/heads/main",
        f"{PLAIN}:environment:production",
        f"repo:somebody/spryte:{TAG}",
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            assume(bare, subject)


def test_what_trust_says_of_a_subject_is_what_the_embedded_sts_decides(bare: Bare) -> None:
    aws.aws(bare.work(IDS))
    policy = role.look(bare.clients).trust
    subjects = [
        f"{repository}:{ending}"
        for repository in (PLAIN, IMMUTABLE, "repo:siruscoder/spryte-2", "repo:siruscoder@1/spryte@987654")
        for ending in (TAG, "ref:refs/tags/frontend-v1.2.3", "ref:refs/heads/main", "environment:production")
    ]

    assert [trust.lets_in(policy, each, "727646509464") for each in subjects] == [
        is_let_in(bare, each) for each in subjects
    ]


def test_an_environment_is_trusted_instead_of_the_tags(bare: Bare) -> None:
    aws.aws(bare.work({"DEPLOY_ENVIRONMENT": "production", **IDS}))

    assert is_let_in(bare, f"{PLAIN}:environment:production")
    assert not is_let_in(bare, f"{PLAIN}:{TAG}")


def test_the_read_only_policy_comes_only_when_asked_for_and_is_compared_from_then_on(bare: Bare) -> None:
    aws.aws(bare.work())
    without = set(role.look(bare.clients).policies)
    aws.aws(bare.work(), diagnose=True)

    assert without == {DEPLOY_POLICY}
    assert set(role.look(bare.clients).policies) == {DEPLOY_POLICY, DIAGNOSE_POLICY}
    assert len(states(aws.aws(bare.work()))) == 4


def test_the_runbook_s_role_is_adopted_and_only_what_lacks_is_added(bare: Bare) -> None:
    by_hand(bare)
    before = bare.clients.iam.get_role(RoleName=ROLE)["Role"]

    outcome = aws.aws(bare.work(IDS))

    after = bare.clients.iam.get_role(RoleName=ROLE)["Role"]
    assert states(outcome) == ["exists", "change", "exists"]
    assert differences(outcome) == [
        f"+ statement: Condition StringLike {ISSUER}:sub {IMMUTABLE}:ref:refs/tags/{service}-v*"
        for service in ("backend", "frontend")
    ]
    assert (before["RoleId"], before["CreateDate"]) == (after["RoleId"], after["CreateDate"])


def test_check_names_each_drift_and_changes_nothing(bare: Bare) -> None:
    aws.aws(bare.work(IDS))
    policy = read_policy(bare)
    statement = as_object(as_list(policy["Statement"])[1])
    statement["Action"] = [each for each in as_list(statement["Action"]) if each != "ecr:PutImage"]
    write_policy(bare, policy)
    before = snapshot(bare)

    outcome = aws.aws(bare.work(IDS), check=True)

    assert outcome.exit_code == 11
    assert differences(outcome) == ["+ EcrPushPullSpryte: Action ecr:PutImage"]
    assert "change   inline policy SpryteGithubDeployInlinePolicy" in outcome.lines
    assert snapshot(bare) == before


def test_what_is_there_beyond_ours_is_shown_and_stays(bare: Bare) -> None:
    aws.aws(bare.work(IDS))
    policy = read_policy(bare)
    extra: Json = {"Sid": "Extra", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    policy["Statement"] = [*as_list(policy["Statement"])[1:], extra]
    write_policy(bare, policy)
    bare.clients.iam.attach_role_policy(RoleName=ROLE, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")

    outcome = aws.aws(bare.work(IDS))

    told = "\n".join(aws.aws(bare.work(IDS), check=True).lines)
    sids = [as_object(each)["Sid"] for each in as_list(read_policy(bare)["Statement"])]
    assert differences(outcome)[0] == "+ EcrAuth: Action ecr:GetAuthorizationToken"
    assert sids == ["EcrAuth", "EcrPushPullSpryte", "EcsDeploy", "PassTaskRoles", "Extra"]
    assert "= Extra: Action s3:GetObject (not ours; it stays)" in told
    assert "= attached policy arn:aws:iam::aws:policy/ReadOnlyAccess (not ours; it stays)" in told
    assert aws.aws(bare.work(IDS), check=True).exit_code == 11


def test_a_branch_that_somebody_let_in_is_named_before_it_is_taken_out(bare: Bare) -> None:
    aws.aws(bare.work(IDS))
    policy = json.loads(json.dumps(role.look(bare.clients).trust))
    policy["Statement"][0]["Condition"]["StringLike"][f"{ISSUER}:sub"].append(f"{PLAIN}:ref:refs/heads/main")
    bare.clients.iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(policy))

    checked = aws.aws(bare.work(IDS), check=True)
    aws.aws(bare.work(IDS))

    assert differences(checked) == [f"- statement: Condition StringLike {ISSUER}:sub {PLAIN}:ref:refs/heads/main"]
    assert not is_let_in(bare, f"{PLAIN}:ref:refs/heads/main")


def test_ids_that_the_role_trusts_already_are_kept_when_nothing_else_tells_them(bare: Bare) -> None:
    aws.aws(bare.work(IDS))

    outcome = aws.aws(bare.work())

    assert states(outcome) == ["exists", "exists", "exists"]
    assert is_let_in(bare, f"{IMMUTABLE}:{TAG}")


def test_an_answer_of_no_makes_nothing(bare: Bare) -> None:
    spoken = command_on_terminal("setup.aws --target=local", "n\n", {**bare.environment, **IDS}, bare.root)

    assert spoken.code == 130
    shown, question = (
        "create   role SpryteGithubDeployRole",
        "This changes IAM in the account 727646509464. Go on?",
    )
    assert spoken.text.index(shown) < spoken.text.index(question)
    assert "Nothing was done." in spoken.text
    assert not role.look(bare.clients).exists
    assert bare.clients.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []


def test_an_answer_of_yes_makes_what_was_shown(bare: Bare) -> None:
    spoken = command_on_terminal("setup.aws --target=local", "y\n", {**bare.environment, **IDS}, bare.root)

    assert spoken.code == 0
    assert "created role SpryteGithubDeployRole" in spoken.text
    assert role.look(bare.clients).exists


def test_a_dry_run_changes_nothing(bare: Bare) -> None:
    outcome = aws.aws(bare.work(dry_run=True))

    assert states(outcome) == ["create", "create", "create"]
    assert outcome.exit_code == 0
    assert not role.look(bare.clients).exists
    assert bare.clients.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []


def test_somebody_who_may_not_administer_iam_is_told_which_permission_lacks(bare: Bare) -> None:
    allowed = {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}
    clients = bare.clients_of("somebody", json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))

    with pytest.raises(role.NotAdministratorError, match="the permission iam:GetRole is missing") as raised:
        role.look(clients)

    assert raised.value.exit_code == 3
    assert "AWS_PROFILE" in raised.value.fix


def applied(outcome: Outcome) -> list[Json]:
    """Return of each step whether it was applied."""
    return [as_object(each)["applied"] for each in as_list(outcome.document["steps"])]


def states(outcome: Outcome) -> list[Json]:
    return [as_object(each)["state"] for each in as_list(outcome.document["steps"])]


def differences(outcome: Outcome) -> list[Json]:
    return [
        line for each in as_list(outcome.document["steps"]) for line in as_list(as_object(each)["differences"])
    ]


def snapshot(bare: Bare) -> str:
    iam = bare.clients.iam
    providers = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    found = iam.get_role(RoleName=ROLE)["Role"]
    return json.dumps([providers, found, vars(role.look(bare.clients))], default=str, sort_keys=True)


def by_hand(bare: Bare) -> None:
    """Make what section 4.3 of the manual procedure makes: it trusts the plain form only."""
    iam, known = bare.clients.iam, policies.values(bare.settings.target, Repository("siruscoder", "spryte"))
    root = bare.settings.root
    iam.create_open_id_connect_provider(Url=f"https://{ISSUER}", ClientIDList=["sts.amazonaws.com"])
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(policies.trust_policy(root, known)))
    write_policy(bare, policies.deploy_policy(root, known))


def read_policy(bare: Bare) -> dict[str, Json]:
    return dict(role.look(bare.clients).policies[DEPLOY_POLICY])


def write_policy(bare: Bare, policy: dict[str, Json]) -> None:
    bare.clients.iam.put_role_policy(RoleName=ROLE, PolicyName=DEPLOY_POLICY, PolicyDocument=json.dumps(policy))


def is_let_in(bare: Bare, subject: str) -> bool:
    try:
        return assume(bare, subject)
    except bare.clients.sts.exceptions.ClientError as error:
        if "AccessDenied" not in str(error):
            raise
        return False


def assume(bare: Bare, subject: str) -> bool:
    """Take the role as GitHub's run would; the embedded STS does not check the token's signature."""
    claims = {"iss": f"https://{ISSUER}", "sub": subject, "aud": "sts.amazonaws.com"}
    parts: tuple[dict[str, str], ...] = ({"alg": "none"}, claims, {})
    token = ".".join(base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts)
    answer = bare.clients.sts.assume_role_with_web_identity(
        RoleArn=policies.role_arn(bare.settings.target.account), RoleSessionName="test", WebIdentityToken=token
    )
    return bool(cast("dict[str, str]", answer["Credentials"])["AccessKeyId"])
