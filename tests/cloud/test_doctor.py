"""doctor against a real environment: well when it is, and each thing that breaks named with what mends it."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

from tasks.clients import Clients
from tasks.doctor import doctor
from tasks.setup import policies, stack
from tests.support.gh import make_stand_in, path_with

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest
    from docker import DockerClient

    from tasks.doctor.finding import Finding
    from tasks.settings import Settings
    from tests.support.bare import Bare
    from tests.support.deployed import Deployed
    from tests.support.project import Result

CLUSTER = "spryte-cluster"
BACKEND = "spryte-backend-service"
NOBODY = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}]}'


class Engine:
    """An engine that only says what it is."""

    def version(self) -> Mapping[str, str]:
        """Answer."""
        return {"Os": "linux", "Arch": "amd64", "Version": "28.0"}


class WithEngine(Clients):
    """Real connections to AWS, and an engine of plain values."""

    @cached_property
    def docker(self) -> DockerClient:
        """The engine."""
        return cast("DockerClient", Engine())


def test_a_complete_environment_is_well(healthy: Bare) -> None:
    found = examine(healthy.production, healthy)

    assert [each for each in found if each.verdict == "FAIL"] == []
    assert [each for each in found if each.verdict == "WARN"] == []
    for where in (
        "docker", "identity", "backend repository", "backend service", "backend circuit breaker",
        "backend subnets", "backend security groups", "backend target group", "backend tasks", "backend template",
        "backend task definition", "role ecsTaskExecutionRole", "role ecsTaskRole", "secret spryte/mongodb-uri",
        "log group /ecs/spryte-frontend", "backend execution role", "frontend execution role",
        "deploy role", "trust policy",
    ):  # fmt: skip
        assert [each.verdict for each in found if each.where == where][:1] == ["OK"], where


def test_looking_changes_nothing(healthy: Bare) -> None:
    before = everything(healthy)

    examine(healthy.production, healthy)

    assert everything(healthy) == before


def test_each_broken_thing_is_found_at_once_with_the_command_that_mends_it(healthy: Bare) -> None:
    break_everything(healthy.clients)

    found = examine(healthy.production, healthy)

    for verdict, where, what, fix in (
        ("WARN", "backend repository", "spryte-backend is MUTABLE", "put-image-tag-mutability"),
        ("FAIL", "frontend repository", "no ECR repository 'spryte-frontend'", "ECR_REPOSITORY_"),
        ("WARN", "backend circuit breaker", "off", "deploymentCircuitBreaker={enable=true,rollback=true}"),
        ("FAIL", "backend tasks", "desired count of 0", "--desired-count 1"),
        ("FAIL", "backend subnets", "subnet-00000000000000000", "--network-configuration"),
        ("FAIL", "backend security groups", "sg-00000000000000000", "--network-configuration"),
        (
            "FAIL",
            "backend target group",
            "checks /health, but backend answers at /api/health",
            "modify-target-group",
        ),
        ("FAIL", "backend target group", "no listener forwards to it", "aws elbv2 create-rule"),
        (
            "FAIL",
            "backend task definition",
            "has no container spryte-backend (it has: app)",
            "ECS_CONTAINER_NAME_",
        ),
        ("FAIL", "backend address", "/api/health: answers 503", "./inv logs --service=backend"),
        ("FAIL", "frontend service", "the service is INACTIVE", "ECS_SERVICE_"),
        (
            "FAIL",
            "role ecsTaskExecutionRole",
            "does not trust ecs-tasks.amazonaws.com",
            "update-assume-role-policy",
        ),
        ("FAIL", "role ecsTaskRole", "there is no such role", "aws iam create-role --role-name ecsTaskRole"),
        ("FAIL", "secret spryte/mongodb-uri", "is marked for deletion", "restore-secret"),
        ("FAIL", "secret spryte/openai-key", "does not exist", "aws secretsmanager create-secret"),
        ("FAIL", "log group /ecs/spryte-backend", "does not exist", "aws logs create-log-group"),
        ("FAIL", "deploy role", "PutImage", "inv setup.aws --target=aws"),
        ("FAIL", "trust policy", "lets in repo:siruscoder/spryte:ref:refs/heads/main", "aws/iam/README.md"),
        ("FAIL", "trust policy", "lets in others than GitHub: Principal AWS *", "SpryteGithubDeployRole"),
        ("WARN", "deploy role", "Extra", "Judge it"),
        ("WARN", "deploy role", "statement: Principal AWS *", "Judge it"),
    ):
        assert any(
            (each.verdict, each.where) == (verdict, where) and what in each.what and fix in each.fix
            for each in found
        ), f"{verdict} {where}: {what}\n" + "\n".join(doctor.lines(found))


def test_what_may_not_be_asked_is_skipped_and_names_the_permission(healthy: Bare) -> None:
    known = policies.values(healthy.settings.target, policies.Repository("siruscoder", "spryte"))
    document = policies.deploy_policy(healthy.settings.root, known)
    clients = healthy.clients_of("deployer", json.dumps(document))

    found = examine(healthy.production, healthy, WithEngine(clients.target))

    skipped = {each.where: each.what for each in found if each.verdict == "SKIPPED"}
    assert [each for each in found if each.verdict == "FAIL"] == []
    for where, permission in (
        ("role ecsTaskRole", "iam:GetRole"),
        ("backend execution role", "iam:GetRole"),
        ("secret spryte/mongodb-uri", "secretsmanager:DescribeSecret"),
        ("log group /ecs/spryte-backend", "logs:DescribeLogGroups"),
        ("backend target group", "elasticloadbalancing:DescribeTargetGroups"),
        ("deploy role", "iam:GetRole"),
    ):
        assert skipped[where] == f"not looked at: the permission {permission} is missing"


def test_without_a_role_github_is_refused_and_a_laptop_is_not(bare: Bare) -> None:
    stack.stack(bare.work())

    production = examine(bare.production, bare)
    local = examine(bare.settings, bare)

    told = "there is no role SpryteGithubDeployRole"
    assert [each.verdict for each in production if each.what == told] == ["FAIL"]
    assert [each.verdict for each in local if each.what == told] == ["WARN"]
    assert [each for each in local if each.verdict == "FAIL"] == []


def test_credentials_of_another_account_end_it_before_anything_else_is_asked(bare: Bare) -> None:
    settings = replace(bare.settings, target=replace(bare.settings.target, account="111111111111"))

    found = examine(settings, bare, WithEngine(settings.target))

    assert [(each.verdict, each.where) for each in found][1:3] == [
        ("FAIL", "identity"),
        ("SKIPPED", "everything in AWS"),
    ]


def test_github_s_variables_are_compared_where_gh_is(
    healthy: Bare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    stand_in = make_stand_in(tmp_path / "bin")
    stand_in.remember(variables={"AWS_REGION": "eu-west-1"})
    monkeypatch.setenv("PATH", path_with(stand_in.folder))
    values = {**healthy.production.variables.values, "APP_URL": "https://spryte.example.com"}
    settings = replace(healthy.production, variables=replace(healthy.production.variables, values=values))

    found = [each for each in examine(settings, healthy) if each.where == "github"]

    assert found[0].what == "~ AWS_REGION: eu-west-1 -> us-east-2"
    assert {each.verdict for each in found} == {"FAIL"}
    assert "+ AWS_ROLE_TO_ASSUME (secret)" in [each.what for each in found]


def test_the_command_line_says_that_a_deployed_environment_is_well(deployed: Deployed) -> None:
    result = command_line(deployed, "doctor", "--json")

    assert result.code == 0, result.out + result.err
    counts = cast("dict[str, int]", result.document["counts"])
    assert counts["FAIL"] == 0
    assert counts["OK"] > 25


def test_the_command_line_ends_with_3_when_something_fails(deployed: Deployed) -> None:
    group = deployed.clients.elbv2.describe_target_groups()["TargetGroups"]
    (ours,) = [each["TargetGroupArn"] for each in group if each.get("HealthCheckPath") == "/api/health"]
    deployed.clients.elbv2.modify_target_group(TargetGroupArn=ours, HealthCheckPath="/health")

    result = command_line(deployed, "doctor", "--service=backend")

    deployed.clients.elbv2.modify_target_group(TargetGroupArn=ours, HealthCheckPath="/api/health")
    assert result.code == 3
    assert "checks /health, but backend answers at /api/health" in result.out
    assert f"--target-group-arn {ours} --health-check-path /api/health" in result.out
    assert "Traceback" not in result.err


def examine(settings: Settings, bare: Bare, clients: Clients | None = None) -> tuple[Finding, ...]:
    return doctor.examine(settings, settings.select("all"), clients or WithEngine(bare.settings.target))


def everything(bare: Bare) -> str:
    clients = bare.clients
    listed = [
        clients.ecs.describe_services(cluster=CLUSTER, services=[BACKEND])["services"],
        clients.ecs.list_task_definitions()["taskDefinitionArns"],
        clients.iam.get_account_authorization_details()["RoleDetailList"],
        clients.secretsmanager.list_secrets()["SecretList"],
        clients.elbv2.describe_target_groups()["TargetGroups"],
        clients.ecr.describe_repositories()["repositories"],
        clients.logs.describe_log_groups()["logGroups"],
    ]
    return json.dumps(listed, default=str, sort_keys=True)


def break_everything(clients: Clients) -> None:
    """Break one thing of each kind, as people do in the console."""
    break_services(clients)
    break_what_they_name(clients)
    iam = clients.iam
    iam.update_assume_role_policy(RoleName="ecsTaskExecutionRole", PolicyDocument=NOBODY)
    iam.delete_role(RoleName="ecsTaskRole")
    answer = iam.get_role_policy(RoleName=policies.ROLE, PolicyName=policies.DEPLOY_POLICY)["PolicyDocument"]
    extra = '"Statement": [{"Sid": "Extra", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}, '
    policy = json.dumps(answer).replace('"ecr:PutImage", ', "").replace('"Statement": [', extra)
    iam.put_role_policy(RoleName=policies.ROLE, PolicyName=policies.DEPLOY_POLICY, PolicyDocument=policy)
    trust = json.dumps(iam.get_role(RoleName=policies.ROLE)["Role"]["AssumeRolePolicyDocument"])
    open_to_all = trust.replace("siruscoder/spryte:ref:refs/tags/backend-v*", "siruscoder/spryte:*")
    anybody = '"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}, '
    open_to_all = open_to_all.replace('"Statement": [', anybody)
    iam.update_assume_role_policy(RoleName=policies.ROLE, PolicyDocument=open_to_all)


def break_services(clients: Clients) -> None:
    """Scale the backend to zero after its first deploy, with a wrong network; delete the frontend."""
    made = clients.ecs.register_task_definition(
        family="deployed-once",
        containerDefinitions=[
            {"name": "spryte-backend", "image": "x", "environment": [{"name": "APP_VERSION", "value": "0.1.4"}]}
        ],
    )["taskDefinition"]["taskDefinitionArn"]
    clients.ecs.update_service(
        cluster=CLUSTER,
        service=BACKEND,
        taskDefinition=made,
        desiredCount=0,
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": False, "rollback": False}},
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": ["subnet-00000000000000000"],
                "securityGroups": ["sg-00000000000000000"],
            }
        },
    )
    clients.ecs.register_task_definition(
        family="spryte-backend", containerDefinitions=[{"name": "app", "image": "x"}]
    )
    clients.ecs.delete_service(cluster=CLUSTER, service="spryte-frontend-service", force=True)


def break_what_they_name(clients: Clients) -> None:
    """Let the load balancer ask 7.1's wrong path, and take away repositories, secrets and a log group."""
    groups = clients.elbv2.describe_target_groups()["TargetGroups"]
    (ours,) = [each["TargetGroupArn"] for each in groups if each.get("HealthCheckPath") == "/api/health"]
    clients.elbv2.modify_target_group(TargetGroupArn=ours, HealthCheckPath="/health")
    balancer = clients.elbv2.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    listener = clients.elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    rules = clients.elbv2.describe_rules(ListenerArn=listener)["Rules"]
    clients.elbv2.delete_rule(RuleArn=next(each["RuleArn"] for each in rules if not each["IsDefault"]))
    clients.ecr.put_image_tag_mutability(repositoryName="spryte-backend", imageTagMutability="MUTABLE")
    clients.ecr.delete_repository(repositoryName="spryte-frontend", force=True)
    clients.secretsmanager.delete_secret(SecretId="spryte/mongodb-uri", RecoveryWindowInDays=7)
    clients.secretsmanager.delete_secret(SecretId="spryte/openai-key", ForceDeleteWithoutRecovery=True)
    clients.logs.delete_log_group(logGroupName="/ecs/spryte-backend")


WIRED = """from invoke import Collection

from tasks.doctor.collection import doctor
from tasks.setup.collection import setup_tasks

ns = Collection(doctor)
ns.add_collection(setup_tasks())
"""


def command_line(deployed: Deployed, *arguments: str) -> Result:
    """Run these tasks as Invoke would, whatever else its namespace holds."""
    with deployed.project.changed("wired.py", WIRED):
        return deployed.project.run("--collection", "wired", *arguments, GITHUB_REPOSITORY="siruscoder/spryte")
