"""The way back, for real: containers of the version before, under the deploy policy alone, without Docker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from boto3 import Session
from botocore.exceptions import ClientError

from tasks.documents import as_object
from tests.cloud.test_bad_inputs import as_aws
from tests.support.project import HERE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.deployed import Deployed

NO_DOCKER = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}
ROLE = "RollbackUnderTheDeployPolicy"


@pytest.fixture(scope="module")
def deploy_role(deployed: Deployed) -> Iterator[dict[str, str]]:
    """The environment of somebody who has taken the deploy role, with the policy of this project and no other."""
    target = deployed.clients.target
    root = Session("test", "test", region_name=target.region)
    iam = root.client("iam", endpoint_url=target.endpoint_url)
    sts = root.client("sts", endpoint_url=target.endpoint_url)
    text = (HERE / "aws/iam/deploy-policy.json").read_text()
    policy = text.replace("${AWS_ACCOUNT_ID}", target.account).replace("${AWS_REGION}", target.region)
    principal = {"Effect": "Allow", "Principal": {"AWS": target.account}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [principal]})
    made = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust)["Role"]
    iam.put_role_policy(RoleName=ROLE, PolicyName="Deploy", PolicyDocument=policy)
    given = sts.assume_role(RoleArn=made["Arn"], RoleSessionName="test")["Credentials"]
    yield as_aws(
        deployed,
        AWS_ACCESS_KEY_ID=given["AccessKeyId"],
        AWS_SECRET_ACCESS_KEY=given["SecretAccessKey"],
        AWS_SESSION_TOKEN=given["SessionToken"],
    )
    iam.delete_role_policy(RoleName=ROLE, PolicyName="Deploy")
    iam.delete_role(RoleName=ROLE)


def test_a_rollback_returns_to_the_version_before_without_docker_or_a_question_and_proves_it(
    deployed: Deployed,
) -> None:
    first, second = deploys(deployed, 2)

    result = deployed.project.succeed("rollback", "--service=backend", "--json", CI="", **NO_DOCKER)

    (backend,) = result.services
    assert (backend["version"], backend["changed"]) == (first, True)
    assert f"environment.APP_VERSION: {second} -> {first}" in result.err
    assert serving(deployed) == first


def test_the_deploy_policy_alone_is_enough(deployed: Deployed, deploy_role: dict[str, str]) -> None:
    first, _ = deploys(deployed, 2)
    stranger = Session(
        deploy_role["AWS_ACCESS_KEY_ID"],
        deploy_role["AWS_SECRET_ACCESS_KEY"],
        deploy_role["AWS_SESSION_TOKEN"],
        deploy_role["AWS_REGION"],
    )
    ecs = stranger.client("ecs", endpoint_url=deploy_role["AWS_ENDPOINT_URL"])
    with pytest.raises(ClientError, match="AccessDenied"):
        ecs.list_task_definitions()

    result = deployed.project.succeed("rollback", "--service=backend", **deploy_role, **NO_DOCKER)

    assert f"version {first} serves, proved over HTTP" in result.out
    assert serving(deployed) == first


def test_the_deploy_policy_shows_what_it_may_and_names_what_it_may_not(
    deployed: Deployed, deploy_role: dict[str, str]
) -> None:
    status = deployed.project.succeed("status", "--service=backend", "--json", **deploy_role).services[0]
    history = deployed.project.succeed("history", "--service=backend", "--lines=3", "--json", **deploy_role)
    logs = deployed.project.run("logs", "--service=backend", **deploy_role)
    command = deployed.project.run("run", "--service=backend", "--command=true", **deploy_role)
    prune = deployed.project.run("prune", "--service=backend", **deploy_role)

    assert status["targets"] == "not permitted"
    assert "elasticloadbalancing:DescribeTargetHealth is missing" in str(status["problems"])
    assert status["answer"] == f"200, {status['version']}"
    assert "verified" in str(history.services[0]["revisions"])
    assert (logs.code, command.code, prune.code) == (3, 3, 3)
    assert "logs:FilterLogEvents is missing" in logs.err
    assert "ecs:RunTask is missing" in command.err
    assert "ecs:ListTaskDefinitions is missing" in prune.err


def test_a_version_that_failed_or_was_rolled_back_from_is_never_the_way_back(deployed: Deployed) -> None:
    good, regretted = deploys(deployed, 2)
    deployed.project.succeed("rollback", "--service=backend")
    broken = (deployed.project.root / "backend/Dockerfile").read_text() + '\nCMD ["python3", "-c", "exit(7)"]\n'
    with deployed.project.changed("backend/Dockerfile", broken):
        failed = deployed.project.run("deploy", "--service=backend", f"--version={deployed.next_version()}")
    assert failed.code == 7
    deploys(deployed, 1)

    deployed.project.succeed("rollback", "--service=backend")

    assert serving(deployed) == good
    states = str(deployed.project.succeed("history", "--service=backend", "--json").services[0])
    assert "'state': 'runs, verified'" in states
    assert regretted in states


def test_a_named_version_or_revision_is_where_it_goes(deployed: Deployed) -> None:
    first, _, third = deploys(deployed, 3)

    by_version = deployed.project.succeed("rollback", "--service=backend", f"--to={first}", "--json").services[0]
    assert serving(deployed) == first
    last = str(as_object(by_version["before"])["revision"]).rpartition(":")[2]
    deployed.project.succeed("rollback", "--service=backend", f"--revision={last}")
    assert serving(deployed) == third


def test_a_rollback_to_what_runs_already_changes_nothing_and_succeeds(deployed: Deployed) -> None:
    (version,) = deploys(deployed, 1)
    before = deployed.state()

    result = deployed.project.succeed("rollback", "--service=backend", f"--to={version}", "--json")

    assert result.services[0]["changed"] is False
    assert deployed.state() == before


def test_a_dry_run_shows_the_way_and_changes_nothing(deployed: Deployed) -> None:
    first, second = deploys(deployed, 2)
    before = deployed.state()

    result = deployed.project.succeed("rollback", "--service=backend", "--dry-run")

    assert f"(version {first})" in result.out
    assert f"APP_VERSION: {second} -> {first}" in result.out
    assert "APP_VERSION" not in result.err
    assert deployed.state() == before


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--to=9.9.9",), 3, "No revision of backend with version 9.9.9"),
        (("--to=v1",), 2, "'v1' is not a version"),
        (("--revision=1",), 3, "spryte-backend:1 was not registered by this tool"),
        (("--revision=9999",), 2, "There is no revision spryte-backend:9999"),
        (("--revision=x",), 2, "--revision: 'x' is not a positive whole number"),
        (("--to=0.1.5", "--revision=2"), 2, "--to and --revision name two different things"),
    ],
)
def test_a_rollback_to_nowhere_is_refused_and_changes_nothing(
    deployed: Deployed, arguments: tuple[str, ...], code: int, said: str
) -> None:
    before = deployed.state()
    result = deployed.project.run("rollback", "--service=backend", *arguments)
    assert result.code == code
    assert said in result.err
    assert "Traceback" not in result.err
    assert deployed.state() == before


def test_a_revision_is_one_services_own(deployed: Deployed) -> None:
    result = deployed.project.run("rollback", "--service=all", "--revision=2")
    assert result.code == 2
    assert "one service's own" in result.err


def deploys(deployed: Deployed, count: int) -> tuple[str, ...]:
    """Deploy so many new versions of the backend, one after the other, and return them."""
    versions = tuple(deployed.next_version() for _ in range(count))
    for version in versions:
        deployed.project.succeed("deploy", "--service=backend", f"--version={version}")
    return versions


def serving(deployed: Deployed) -> str:
    """Return the version that answers at the load balancer."""
    return deployed.clients.http.get(f"{deployed.clients.target.app_url}/api/health").headers["X-App-Version"]
