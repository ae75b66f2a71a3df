"""The deploy role: who may take it, and what it may do. As templates, filled in as aws/iam/README.md says."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, cast

import pytest

from tasks.documents import as_list, as_object
from tests.support.project import HERE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.documents import Json

FOLDER = HERE / "aws" / "iam"
FILES = sorted(each.name for each in FOLDER.glob("*.json"))
SUBJECT = "token.actions.githubusercontent.com:sub"
AUDIENCE = "token.actions.githubusercontent.com:aud"
AWS = {"AWS_ACCOUNT_ID": "727646509464", "AWS_REGION": "us-east-2"}
NAMES = {**AWS, "GITHUB_REPOSITORY_OWNER": "siruscoder", "GITHUB_REPOSITORY_NAME": "spryte"}
IDS = {"GITHUB_REPOSITORY_OWNER_ID": "4242", "GITHUB_REPOSITORY_ID": "987654"}
TAGS = {**NAMES, **IDS}
ENVIRONMENT = {**TAGS, "DEPLOY_ENVIRONMENT": "production"}
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")

# The inline policy of the role, section 4.3.3 of the manual procedure.
DEPLOY: list[dict[str, Json]] = [
    {
        "Sid": "EcrAuth",
        "Effect": "Allow",
        "Action": ["ecr:GetAuthorizationToken"],
        "Resource": "*",
    },
    {
        "Sid": "EcrPushPullSpryte",
        "Effect": "Allow",
        "Action": [
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:CompleteLayerUpload",
            "ecr:DescribeRepositories",
            "ecr:GetDownloadUrlForLayer",
            "ecr:InitiateLayerUpload",
            "ecr:PutImage",
            "ecr:UploadLayerPart",
        ],
        "Resource": [
            "arn:aws:ecr:us-east-2:727646509464:repository/spryte-backend",
            "arn:aws:ecr:us-east-2:727646509464:repository/spryte-frontend",
        ],
    },
    {
        "Sid": "EcsDeploy",
        "Effect": "Allow",
        "Action": [
            "ecs:DescribeServices",
            "ecs:DescribeTaskDefinition",
            "ecs:RegisterTaskDefinition",
            "ecs:UpdateService",
        ],
        "Resource": "*",
    },
    {
        "Sid": "PassTaskRoles",
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": [
            "arn:aws:iam::727646509464:role/ecsTaskExecutionRole",
            "arn:aws:iam::727646509464:role/ecsTaskRole",
        ],
    },
]

PLAIN = "repo:siruscoder/spryte"
IMMUTABLE = "repo:siruscoder@4242/spryte@987654"
STRANGERS = (
    f"{PLAIN}:ref:refs/heads/main",
    f"{PLAIN}:ref:refs/heads/backend-v1.2.3",
    f"{PLAIN}:pull_request",
    f"{PLAIN}:ref:refs/tags/v0.1.5",
    f"{PLAIN}:environment:staging",
    f"{PLAIN}:environment:production-2",
    f"{IMMUTABLE}:ref:refs/heads/main",
    f"{IMMUTABLE}:environment:staging",
    "repo:somebody/spryte:ref:refs/tags/backend-v0.1.5",
    "repo:siruscoder/other:ref:refs/tags/backend-v0.1.5",
    "repo:siruscoder/spryte-test:ref:refs/tags/backend-v0.1.5",
    "repo:siruscoder-2/spryte:ref:refs/tags/backend-v0.1.5",
    "repo:siruscoder@1/spryte@987654:ref:refs/tags/backend-v0.1.5",
    "repo:siruscoder@4242/spryte@1:ref:refs/tags/backend-v0.1.5",
    "repo:siruscoder@4242/spryte:ref:refs/tags/backend-v0.1.5",
    "repo:siruscoder@1/spryte@987654:environment:production",
    "repo:SirusCoder/spryte:ref:refs/tags/backend-v0.1.5",
    "",
)


class UnsetError(Exception):
    """A placeholder has no value."""


def filled(value: Json, values: Mapping[str, str]) -> Json:
    """Fill in placeholders; an entry of a list that needs an unknown one is left out."""
    if isinstance(value, dict):
        return {key: filled(each, values) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, values) for each in value if not (isinstance(each, str) and unset(each, values))]
    if not isinstance(value, str):
        return value
    if unset(value, values):
        raise UnsetError(value)
    return PLACEHOLDER.sub(lambda found: values[found[1]], value)


def unset(text: str, values: Mapping[str, str]) -> set[str]:
    return set(PLACEHOLDER.findall(text)) - set(values)


def policy(name: str, values: Mapping[str, str]) -> dict[str, Json]:
    return as_object(filled(cast("Json", json.loads((FOLDER / name).read_text())), values))


def statements(name: str, values: Mapping[str, str] = AWS) -> list[dict[str, Json]]:
    return [as_object(each) for each in as_list(policy(name, values)["Statement"])]


def texts(value: Json) -> list[str]:
    """Return what IAM lets one write as a text or as a list of them."""
    return [str(each) for each in as_list(value)] if isinstance(value, list) else [str(value)]


def actions(name: str) -> set[str]:
    return {action for each in statements(name) for action in texts(each["Action"])}


def lets_in(trust: dict[str, Json], subject: str, audience: str = "sts.amazonaws.com") -> bool:
    """Decide as STS does: some statement whose conditions all hold."""
    claims = {SUBJECT: subject, AUDIENCE: audience}
    return any(
        all(
            any(condition_holds(operator, claims[key], wanted) for wanted in texts(expected))
            for operator, keys in as_object(as_object(each)["Condition"]).items()
            for key, expected in as_object(keys).items()
        )
        for each in as_list(trust["Statement"])
    )


def condition_holds(operator: str, actual: str, wanted: str) -> bool:
    assert operator in ("StringEquals", "StringLike")
    if operator == "StringEquals":
        return actual == wanted
    return re.fullmatch(".*".join(re.escape(part) for part in wanted.split("*")), actual, re.DOTALL) is not None


@pytest.mark.parametrize("name", FILES)
def test_every_policy_is_complete_once_the_documented_placeholders_are_filled_in(name: str) -> None:
    used = set(PLACEHOLDER.findall((FOLDER / name).read_text()))
    documented = set(PLACEHOLDER.findall((FOLDER / "README.md").read_text()))

    assert used <= set(ENVIRONMENT)
    assert used <= documented
    assert "${" not in json.dumps(policy(name, ENVIRONMENT))


@pytest.mark.parametrize("name", FILES)
def test_every_policy_is_explained(name: str) -> None:
    assert f"`{name}`" in (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("name", FILES)
def test_every_policy_has_the_version_that_iam_means_by_its_rules_of_today(name: str) -> None:
    assert policy(name, ENVIRONMENT)["Version"] == "2012-10-17"


def test_the_deploy_policy_is_the_runbook_s_and_nothing_more() -> None:
    assert policy("deploy-policy.json", AWS) == {"Version": "2012-10-17", "Statement": DEPLOY}


def test_the_deploy_policy_passes_the_roles_that_the_task_definitions_name() -> None:
    named = {
        str(filled(as_object(template(service))[role], AWS))
        for service in ("backend", "frontend")
        for role in ("executionRoleArn", "taskRoleArn")
    }
    (passing,) = [each for each in statements("deploy-policy.json") if each["Sid"] == "PassTaskRoles"]

    assert set(texts(passing["Resource"])) == named


@pytest.mark.parametrize("repository", [PLAIN, IMMUTABLE])
@pytest.mark.parametrize("tag", ["backend-v0.1.5", "frontend-v10.20.30"])
def test_a_release_tag_is_let_in_under_either_form_of_the_subject(repository: str, tag: str) -> None:
    assert lets_in(policy("trust-policy.json", TAGS), f"{repository}:ref:refs/tags/{tag}")


@pytest.mark.parametrize("subject", [*STRANGERS, f"{PLAIN}:environment:production"])
def test_nobody_else_is_let_in_by_a_tag_s_policy(subject: str) -> None:
    assert not lets_in(policy("trust-policy.json", TAGS), subject)


@pytest.mark.parametrize("repository", [PLAIN, IMMUTABLE])
def test_the_environment_is_let_in_under_either_form_of_the_subject(repository: str) -> None:
    assert lets_in(policy("trust-policy-environment.json", ENVIRONMENT), f"{repository}:environment:production")


@pytest.mark.parametrize("subject", [*STRANGERS, f"{PLAIN}:ref:refs/tags/backend-v0.1.5"])
def test_nobody_else_is_let_in_by_an_environment_s_policy(subject: str) -> None:
    assert not lets_in(policy("trust-policy-environment.json", ENVIRONMENT), subject)


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("trust-policy.json", f"{PLAIN}:ref:refs/tags/backend-v0.1.5"),
        ("trust-policy-environment.json", f"{PLAIN}:environment:production"),
    ],
)
def test_a_token_made_for_somebody_else_is_refused(name: str, subject: str) -> None:
    assert not lets_in(policy(name, ENVIRONMENT), subject, "https://github.com/siruscoder")


def test_the_plain_form_alone_is_trusted_while_the_ids_are_unknown() -> None:
    trust = policy("trust-policy.json", NAMES)

    assert lets_in(trust, f"{PLAIN}:ref:refs/tags/backend-v0.1.5")
    assert not lets_in(trust, f"{IMMUTABLE}:ref:refs/tags/backend-v0.1.5")


def test_a_role_cannot_be_made_without_the_account() -> None:
    with pytest.raises(UnsetError, match="AWS_ACCOUNT_ID"):
        policy("trust-policy.json", {})


def test_wildcards_stand_for_the_version_and_for_nothing_else() -> None:
    subjects = [
        subject
        for name in FILES
        if name.startswith("trust-")
        for each in statements(name, ENVIRONMENT)
        for keys in as_object(each["Condition"]).values()
        for key, expected in as_object(keys).items()
        if key == SUBJECT
        for subject in texts(expected)
    ]

    assert len(subjects) == 6
    assert all("*" not in each.removesuffix("-v*") for each in subjects)


@pytest.mark.parametrize("name", ["trust-policy.json", "trust-policy-environment.json"])
def test_a_role_is_taken_by_web_identity_through_github_s_provider_and_no_other_way(name: str) -> None:
    (statement,) = statements(name, ENVIRONMENT)

    assert statement["Effect"] == "Allow"
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Principal"] == {
        "Federated": "arn:aws:iam::727646509464:oidc-provider/token.actions.githubusercontent.com"
    }


def test_diagnosing_only_reads_and_repeats_nothing_of_the_deploy_policy() -> None:
    read_only = re.compile(r"[a-z]+:(Describe|Filter|Get|List)[A-Za-z]+")

    assert all(read_only.fullmatch(each) for each in actions("diagnose-policy.json"))
    assert not actions("diagnose-policy.json") & actions("deploy-policy.json")


def test_diagnosing_cannot_read_a_secret() -> None:
    assert {each for each in actions("diagnose-policy.json") if each.startswith("secretsmanager:")} == {
        "secretsmanager:DescribeSecret"
    }


def test_diagnosing_is_bounded_by_resources_or_by_a_condition() -> None:
    for each in statements("diagnose-policy.json"):
        assert ("*" in texts(each["Resource"])) == ("Condition" in each), each["Sid"]


def test_diagnosing_reads_the_log_groups_that_the_task_definitions_name() -> None:
    prefix = "arn:aws:logs:us-east-2:727646509464:log-group:"
    groups = {log_group(service) for service in ("backend", "frontend")}

    assert resources("LogsOfTheServices") == {f"{prefix}{each}{end}" for each in groups for end in ("", ":*")}


def test_diagnosing_looks_for_the_secrets_that_the_backend_names() -> None:
    secrets = as_list(container("backend")["secrets"])
    named = {str(filled(as_object(each)["valueFrom"], AWS)) for each in secrets}

    # Secrets Manager appends a hyphen and six characters to the name.
    assert resources("WhetherTheSecretsExist") == {f"{each}-??????" for each in named}


def resources(sid: str) -> set[str]:
    (statement,) = [each for each in statements("diagnose-policy.json") if each["Sid"] == sid]
    return set(texts(statement["Resource"]))


def template(service: str) -> Json:
    return cast("Json", json.loads((HERE / "aws" / f"{service}-task-definition.json").read_text()))


def container(service: str) -> dict[str, Json]:
    (only,) = as_list(as_object(template(service))["containerDefinitions"])
    return as_object(only)


def log_group(service: str) -> str:
    logs = as_object(container(service)["logConfiguration"])
    return str(as_object(logs["options"])["awslogs-group"])
