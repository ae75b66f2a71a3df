"""doctor on the execution role: what ECS needs to start a task, simulated by a real IAM."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tasks.doctor import definition_checks, permission_checks

if TYPE_CHECKING:
    from tasks.clients import Clients
    from tasks.doctor.finding import Finding
    from tests.support.bare import Bare

NO_START = ": no task would start"


def test_an_execution_role_without_its_policies_fails_with_what_gives_them_back(healthy: Bare) -> None:
    iam, role = healthy.clients.iam, "ecsTaskExecutionRole"
    arn = healthy.clients.secretsmanager.describe_secret(SecretId="spryte/jwt-secret")["ARN"]
    iam.detach_role_policy(RoleName=role, PolicyArn=permission_checks.MANAGED)
    iam.delete_role_policy(RoleName=role, PolicyName="ReadSpryteSecrets")

    broken = permissions(healthy, healthy.clients)
    told = {each.what.removeprefix(f"{role} may not "): each.fix for each in broken}
    secrets = next(fix for what, fix in told.items() if what.startswith("secretsmanager:GetSecretValue"))
    iam.attach_role_policy(RoleName=role, PolicyArn=told[f"ecr:GetAuthorizationToken on *{NO_START}"].split()[-1])
    iam.put_role_policy(RoleName=role, PolicyName="Read", PolicyDocument=secrets.split("'")[1])

    assert {each.verdict for each in broken} == {"FAIL"}
    assert [what.partition(" on ")[0] for what in told] == [
        "ecr:GetAuthorizationToken",
        "ecr:BatchGetImage, ecr:GetDownloadUrlForLayer",
        "logs:CreateLogStream, logs:PutLogEvents",
        *["secretsmanager:GetSecretValue"] * 3,
    ]
    assert f"secretsmanager:GetSecretValue on {arn}{NO_START}" in told
    assert [each.what for each in permissions(healthy, healthy.clients)] == [
        f"{role} may pull spryte-backend, write the log, read 3 secrets"
    ]


def test_an_execution_role_that_may_not_be_simulated_is_skipped_with_the_permission(healthy: Bare) -> None:
    allowed = {"Effect": "Allow", "Action": ["iam:GetRole", "secretsmanager:DescribeSecret"], "Resource": "*"}
    reader = healthy.clients_of("reader", json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))

    (only,) = permissions(healthy, reader)

    missing = "the permission iam:SimulatePrincipalPolicy is missing"
    assert (only.verdict, only.what) == ("SKIPPED", f"not looked at: {missing}")


def test_an_execution_role_that_is_gone_is_told_once_with_the_policies_it_needs(healthy: Bare) -> None:
    iam, role = healthy.clients.iam, "ecsTaskExecutionRole"
    iam.detach_role_policy(RoleName=role, PolicyArn=permission_checks.MANAGED)
    iam.delete_role_policy(RoleName=role, PolicyName="ReadSpryteSecrets")
    iam.delete_role(RoleName=role)

    (service,) = healthy.settings.select("backend")
    found = definition_checks.definition(service, healthy.clients)
    (only,) = [each for each in found if role in each.what + each.where]

    assert (only.where, only.what) == (f"role {role}", "there is no such role")
    assert "TaskExecutionRole in aws/stack.yaml" in only.fix
    assert only.fix.endswith(f"attach-role-policy --role-name {role} --policy-arn {permission_checks.MANAGED}")


def permissions(healthy: Bare, clients: Clients) -> list[Finding]:
    """Return what doctor finds about the backend's execution role."""
    (service,) = healthy.settings.select("backend")
    found = definition_checks.definition(service, clients)
    return [each for each in found if each.where == "backend execution role"]
