"""doctor on one ECS service, from recorded answers: its load balancer, its target group and its network."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.doctor import service_checks
from tests.support.account import Account, AccountClients
from tests.support.answers import FORWARD, WEIGHTED
from tests.support.models import BACKEND, ecs_deployment

if TYPE_CHECKING:
    from tasks.doctor.finding import Finding

GROUP = "arn:aws:elasticloadbalancing:us-east-2:727646509464:targetgroup/backend/0123456789abcdef"
BALANCED = {"targetGroupArn": GROUP, "containerName": "spryte-backend", "containerPort": 5000}
NETWORK = {"subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"]}
UPDATE = "aws ecs update-service --cluster spryte-cluster --service spryte-backend-service"


def account(balancers: list[dict[str, object]] | None = None, **network: list[str]) -> Account:
    """Return an account whose service has these load balancers and this network, and runs version 0.1.5."""
    settings: dict[str, object] = {
        "loadBalancers": [BALANCED] if balancers is None else balancers,
        "networkConfiguration": {"awsvpcConfiguration": {**NETWORK, **network}},
    }
    groups = {GROUP: ("/api/health", "ip")}
    return Account({7: "0.1.5"}, [ecs_deployment(7, "ecs-svc/1")], settings=settings, groups=groups)


def look(made: Account) -> dict[str, list[Finding]]:
    """Return what doctor finds about the service, by place."""
    found: dict[str, list[Finding]] = {}
    for each in service_checks.ecs(BACKEND, AccountClients(made)):
        found.setdefault(each.where.removeprefix("backend "), []).append(each)
    return found


def test_a_service_that_is_well_has_nothing_to_fix_but_an_address_nobody_answers_at() -> None:
    found = look(account())
    assert {where: [each.verdict for each in findings] for where, findings in found.items()} == {
        "service": ["OK"],
        "circuit breaker": ["WARN"],
        "load balancer": ["OK"],
        "subnets": ["OK"],
        "security groups": ["OK"],
        "target group": ["OK"],
        "tasks": ["OK"],
        "address": ["FAIL"],
    }


def test_an_address_that_is_not_set_is_one_finding_and_hides_nothing_else() -> None:
    clients = AccountClients(account(), "")
    found = {each.where: each for each in service_checks.ecs(BACKEND, clients)}
    assert (found["backend address"].verdict, found["backend address"].what) == (
        "FAIL",
        "APP_URL is not set: no deploy could be proved",
    )
    assert "APP_URL=https://" in found["backend address"].fix
    assert found["backend tasks"].verdict == "OK"


def test_a_target_group_that_was_deleted_fails_and_hides_nothing_else() -> None:
    made = account()
    made.groups = {}
    found = look(made)
    (only,) = found["target group"]
    assert (only.verdict, only.what) == (
        "FAIL",
        f"spryte-backend-service: there is no target group {GROUP} any more",
    )
    assert only.fix == (
        "Make one of the type ip (aws elbv2 create-target-group), then with its ARN: "
        f"{UPDATE} --load-balancers targetGroupArn=ARN,containerName=spryte-backend,containerPort=5000"
    )
    assert found["tasks"][0].verdict == "OK"


def test_one_deleted_target_group_of_two_is_told_too() -> None:
    made = account([BALANCED, {**BALANCED, "targetGroupArn": f"{GROUP}0"}])
    assert [(each.verdict, each.what) for each in look(made)["target group"]] == [
        ("OK", "backend checks /api/health"),
        ("FAIL", f"spryte-backend-service: there is no target group {GROUP}0 any more"),
    ]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"containerName": "web"}, "web:5000, but the template has spryte-backend:5000"),
        ({"containerPort": 80}, "spryte-backend:80, but the template has spryte-backend:5000"),
    ],
)
def test_a_load_balancer_that_asks_elsewhere_than_the_template_listens_fails(
    entry: dict[str, object], said: str
) -> None:
    (only,) = look(account([{**BALANCED, **entry}]))["load balancer"]
    assert (only.verdict, only.what) == ("FAIL", f"spryte-backend-service sends requests to {said}")
    assert only.fix == (
        "Make ECS_CONTAINER_NAME_BACKEND and services.backend.port in invoke.yaml what the service has, or: "
        f"{UPDATE} --load-balancers targetGroupArn={GROUP},containerName=spryte-backend,containerPort=5000"
    )


def test_a_target_group_to_which_no_listener_forwards_fails() -> None:
    made = account()
    made.actions = FORWARD.format(f"{GROUP}0")
    (first, second) = look(made)["target group"]
    assert (first.verdict, second.verdict) == ("OK", "FAIL")
    assert second.what == "backend: no listener forwards to it, so no request reaches backend"
    assert second.fix.endswith(f"--actions Type=forward,TargetGroupArn={GROUP}")


def test_a_rule_may_name_its_target_groups_with_weights() -> None:
    made = account()
    made.actions = WEIGHTED.format(GROUP)
    assert [each.verdict for each in look(made)["target group"]] == ["OK"]


def test_listeners_that_may_not_be_asked_for_hide_nothing_else_of_the_target_group() -> None:
    made = account()
    made.denied.add("elasticloadbalancing:DescribeRules")
    (first, second) = look(made)["target group"]
    assert (first.verdict, second.verdict) == ("OK", "SKIPPED")
    assert "elasticloadbalancing:DescribeRules is missing" in second.what


def test_a_service_without_a_load_balancer_is_worth_one_warning() -> None:
    found = look(account([]))
    (only,) = found["target group"]
    assert (only.verdict, only.what) == ("WARN", "spryte-backend-service is behind no load balancer")
    assert f": {UPDATE} --load-balancers targetGroupArn=ARN" in only.fix
    assert "load balancer" not in found


@pytest.mark.parametrize("network", [{}, {"awsvpcConfiguration": {}}, {"awsvpcConfiguration": {"subnets": []}}])
def test_a_service_without_subnets_fails_without_asking_for_all_there_are(network: dict[str, object]) -> None:
    made = account()
    made.settings["networkConfiguration"] = network
    found = look(made)
    (only,) = found["subnets"]
    assert (only.verdict, only.what) == ("FAIL", "spryte-backend-service names none")
    assert only.fix.startswith(f"{UPDATE} --network-configuration 'awsvpcConfiguration={{subnets=[SUBNET,SUBNET]")
    assert found["security groups"][0].what == "the network's default one"
    assert made.requests("ec2:DescribeSubnets") == []


def test_a_subnet_or_a_security_group_that_was_deleted_is_named() -> None:
    found = look(account(subnets=["subnet-1", "subnet-gone"], securityGroups=["sg-gone"]))
    assert found["subnets"][0].what == ("spryte-backend-service: The subnet ID 'subnet-gone' does not exist")
    assert found["security groups"][0].what == (
        "spryte-backend-service: The security group 'sg-gone' does not exist"
    )
    assert {found[where][0].verdict for where in ("subnets", "security groups")} == {"FAIL"}


@pytest.mark.parametrize(
    ("action", "where"),
    [
        ("elasticloadbalancing:DescribeTargetGroups", "target group"),
        ("ec2:DescribeSubnets", "subnets"),
        ("ec2:DescribeSecurityGroups", "security groups"),
    ],
)
def test_what_may_not_be_asked_is_skipped_with_the_permission(action: str, where: str) -> None:
    made = account()
    made.denied.add(action)
    (only,) = look(made)[where]
    assert (only.verdict, only.what) == ("SKIPPED", f"not looked at: the permission {action} is missing")


def test_a_service_that_was_never_deployed_is_not_asked_over_http() -> None:
    made = account()
    made.revisions, made.settings = {7: ""}, {**made.settings, "desiredCount": 0}
    found = look(made)
    assert found["tasks"][0].what == f"none yet; the first deploy starts {BACKEND.first_count}"
    assert found["address"][0].verdict == "SKIPPED"


def test_a_service_that_was_scaled_to_zero_fails() -> None:
    made = account()
    made.settings = {**made.settings, "desiredCount": 0}
    (only,) = look(made)["tasks"]
    assert (only.verdict, only.fix) == ("FAIL", f"{UPDATE} --desired-count 1")


def test_a_service_of_another_name_is_named_in_its_own_variables() -> None:
    jobs = replace(BACKEND, name="job-runner")
    made = account([{**BALANCED, "containerPort": 80}])
    found = [each for each in service_checks.ecs(jobs, AccountClients(made)) if "load balancer" in each.where]
    assert "ECS_CONTAINER_NAME_JOB_RUNNER and services.job-runner.port" in found[0].fix
