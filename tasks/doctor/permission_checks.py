"""doctor, for what ECS does in the name of the execution role: pull the image, write the log, read secrets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tasks.doctor.finding import Finding, ok
from tasks.release.task_definition import log_stream_of
from tasks.sdk_errors import asking_aws
from tasks.setup import taken

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tasks.clients import Clients
    from tasks.documents import Json
    from tasks.settings import Service

MANAGED = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
READ_SECRET = "secretsmanager:GetSecretValue"  # noqa: S105 - the name of a permission


def execution_role(service: Service, rendered: Mapping[str, Json], clients: Clients) -> Iterator[Finding]:
    """Whether the execution role may do what starts a task; nothing where there is no such role.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
    """
    role = str(rendered.get("executionRoleArn", ""))
    where, name = f"{service.name} execution role", role.rpartition("/")[2]
    if not role or not taken.has_role(name, clients):
        return  # that it is missing is a finding of its own
    secrets = _secrets(service, rendered, clients)
    refused = False
    for actions, resource in (
        *_managed(service, rendered, clients),
        *(((READ_SECRET,), each) for each in secrets),
    ):
        missing = _missing(role, actions, resource, clients)
        if missing:
            refused = True
            what = f"{name} may not {', '.join(missing)} on {resource}: no task would start"
            fix = _read_secrets(service, name, secrets) if READ_SECRET in missing else attach(name)
            yield Finding("FAIL", where, what, fix)
    if not refused:
        read = f", read {len(secrets)} secret{'s' if len(secrets) > 1 else ''}" if secrets else ""
        yield ok(where, f"{name} may pull {service.repository}, write the log{read}")


def attach(name: str) -> str:
    """Return the command that gives a role what pulls images and writes logs."""
    return f"aws iam attach-role-policy --role-name {name} --policy-arn {MANAGED}"


def _managed(
    service: Service, rendered: Mapping[str, Json], clients: Clients
) -> Iterator[tuple[tuple[str, ...], str]]:
    """https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonECSTaskExecutionRolePolicy.html."""
    place = f"{clients.target.region}:{clients.target.account}"
    yield ("ecr:GetAuthorizationToken",), "*"
    yield (
        ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
        f"arn:aws:ecr:{place}:repository/{service.repository}",
    )
    group, stream = log_stream_of(rendered, service.container, "0")
    if group:
        yield (
            ("logs:CreateLogStream", "logs:PutLogEvents"),
            f"arn:aws:logs:{place}:log-group:{group}:log-stream:{stream}",
        )


def _secrets(service: Service, rendered: Mapping[str, Json], clients: Clients) -> tuple[str, ...]:
    """Return the complete ARNs of the secrets that exist; policies name them by these."""
    found = []
    for name in taken.secrets(dict(rendered), service):
        with asking_aws("looking for a secret"):
            try:
                found.append(clients.secretsmanager.describe_secret(SecretId=name)["ARN"])
            except clients.secretsmanager.exceptions.ResourceNotFoundException:
                continue  # a finding of its own
    return tuple(found)


def _missing(role: str, actions: Sequence[str], resource: str, clients: Clients) -> list[str]:
    """Return the actions a role lacks, as AWS simulates its policies without acting."""
    with asking_aws(f"simulating {actions[0]}"):
        answer = clients.iam.simulate_principal_policy(
            PolicySourceArn=role, ActionNames=actions, ResourceArns=[resource]
        )
    return [each["EvalActionName"] for each in answer["EvaluationResults"] if each["EvalDecision"] != "allowed"]


def _read_secrets(service: Service, name: str, secrets: Sequence[str]) -> str:
    statement = {"Effect": "Allow", "Action": READ_SECRET, "Resource": list(secrets)}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return (
        "As TaskExecutionRole in aws/stack.yaml has it: aws iam put-role-policy "
        f"--role-name {name} --policy-name ReadSecrets-{service.name} --policy-document '{document}'"
    )
