"""doctor, for what a task definition names: family, container and port, roles, secrets, log group."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, cast

from tasks.doctor import permission_checks
from tasks.doctor.finding import Check, Finding, ok
from tasks.documents import as_list, as_object
from tasks.release.task_definition import Identity, complete_secrets, described, load_template, render
from tasks.sdk_errors import asking_aws
from tasks.setup import taken, trust

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from types_boto3_secretsmanager.type_defs import DescribeSecretResponseTypeDef

    from tasks.clients import Clients
    from tasks.documents import Json
    from tasks.settings import Service

# https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
LOOKS_COMPLETE = re.compile(r".*-[A-Za-z0-9]{6}")
TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},'
    '"Action":"sts:AssumeRole"}]}'
)


def definition(service: Service, clients: Clients) -> Iterator[Finding]:
    """The template, and everything it names; a malformed template ends it."""
    template = load_template(service, clients.target)
    rendered = render(template, Identity("none@sha256:0", "0.0.0", "0"), clients.target)
    yield from container(service, rendered)
    yield from Check(f"{service.name} task definition", lambda: _family(service, clients)).run()
    for name in taken.role_names(rendered):
        executes = name == str(rendered.get("executionRoleArn")).rpartition("/")[2]
        yield from Check(f"role {name}", partial(_role, name, clients, executes=executes)).run()
    permissions = partial(permission_checks.execution_role, service, rendered, clients)
    yield from Check(f"{service.name} execution role", permissions).run()
    for name, reference in taken.secrets(rendered, service).items():
        yield from Check(f"secret {name}", partial(_secret, reference, service, clients)).run()
    for name in taken.log_groups(rendered, service):
        yield from Check(f"log group {name}", partial(_log_group, name, clients)).run()


def container(service: Service, rendered: Mapping[str, Json]) -> Iterator[Finding]:
    """Whether the template's container listens where invoke.yaml says."""
    where = f"{service.name} template"
    found = map(as_object, as_list(rendered.get("containerDefinitions")))
    mine = next((each for each in found if each.get("name") == service.container), {})
    ports = [as_object(each).get("containerPort") for each in as_list(mine.get("portMappings"))]
    if service.port in ports:
        yield ok(where, f"{service.template}: container {service.container}, port {service.port}")
        return
    listed = ", ".join(map(str, ports)) or "none"
    yield Finding(
        "FAIL",
        where,
        f"{service.template}: the container {service.container} has the ports {listed}, "
        f"but invoke.yaml says {service.port}",
        f"Make containerPort in {service.template} and services.{service.name}.port in invoke.yaml match.",
    )


def trusted(name: str, policy: Mapping[str, Json]) -> Finding:
    """Whether ECS tasks may take a role."""
    if trust.trusts_tasks(policy):
        return ok(f"role {name}", f"trusts {trust.SERVICE}")
    return Finding(
        "FAIL",
        f"role {name}",
        f"does not trust {trust.SERVICE}: no task could take it",
        f"aws iam update-assume-role-policy --role-name {name} --policy-document '{TRUST}'",
    )


def _family(service: Service, clients: Clients) -> Iterator[Finding]:
    where = f"{service.name} task definition"
    existing = described(service.family, clients)
    if existing is None:
        yield ok(where, f"{service.family} has no revision yet; the first deploy registers one")
        return
    names = [str(as_object(each).get("name")) for each in as_list(existing.get("containerDefinitions"))]
    revision = f"{service.family}:{existing.get('revision')}"
    if service.container in names:
        yield ok(where, f"{revision} has the container {service.container}")
    else:
        yield Finding(
            "FAIL",
            where,
            f"{revision} has no container {service.container} (it has: {', '.join(names)})",
            f"Correct {service.variable('ECS_CONTAINER_NAME')} in .env and on GitHub, or the name in "
            f"{service.template}; then deploy: ./inv deploy --service={service.name} --version=X.Y.Z",
        )


def _role(name: str, clients: Clients, *, executes: bool) -> Iterator[Finding]:
    with asking_aws(f"reading the role {name}"):
        try:
            role = clients.iam.get_role(RoleName=name)["Role"]
        except clients.iam.exceptions.NoSuchEntityException:
            fix = f"aws iam create-role --role-name {name} --assume-role-policy-document '{TRUST}'"
            if executes:
                fix = (
                    "It needs the policies of TaskExecutionRole in aws/stack.yaml too; those for the secrets are "
                    f"what doctor says next: {fix} && {permission_checks.attach(name)}"
                )
            yield Finding("FAIL", f"role {name}", "there is no such role", fix)
            return
    yield trusted(name, cast("dict[str, Json]", role.get("AssumeRolePolicyDocument", {})))


def _secret(reference: str, service: Service, clients: Clients) -> Iterator[Finding]:
    name = reference.split(":")[6]
    where = f"secret {name}"
    arn = ":".join(reference.split(":")[:7])  # what may follow names a part of the value
    found = _described_secret(name, clients) or _described_secret(arn, clients)
    if found is None:
        fix = f"aws secretsmanager create-secret --name {name} --secret-string file://value.txt"
        yield Finding("FAIL", where, f"does not exist; {service.name} would not start", fix)
    elif found.get("DeletedDate"):
        fix = f"aws secretsmanager restore-secret --secret-id {name}"
        yield Finding("FAIL", where, "is marked for deletion", fix)
    elif (
        found.get("Name") == name
        and LOOKS_COMPLETE.fullmatch(name)
        and not _completed(reference, service, clients)
    ):
        yield incomplete(name, service, is_found=_described_secret(arn, clients) is not None)
    else:
        yield ok(where, "exists")


def incomplete(name: str, service: Service, *, is_found: bool) -> Finding:
    """Judge a secret that is named without the end of its ARN, by whether this account finds it so."""
    where = f"secret {name}"
    if is_found:
        return ok(where, "exists, and is found here without the end of its ARN; AWS itself would need that end")
    return Finding(
        "FAIL",
        where,
        "exists, but is named without the end of its ARN and looks complete without it: AWS does not find it, and "
        f"{service.name} would not start",
        f"Put its complete ARN into {service.template}: "
        f"aws secretsmanager describe-secret --secret-id {name} --query ARN",
    )


def _described_secret(reference: str, clients: Clients) -> DescribeSecretResponseTypeDef | None:
    with asking_aws("looking for a secret"):
        try:
            return clients.secretsmanager.describe_secret(SecretId=reference)
        except clients.secretsmanager.exceptions.ResourceNotFoundException:
            return None


def _completed(reference: str, service: Service, clients: Clients) -> bool:
    """Whether a deploy takes the complete ARN over from the revision before."""
    return reference in complete_secrets(described(service.family, clients) or {})


def _log_group(name: str, clients: Clients) -> Iterator[Finding]:
    if taken.has_log_group(name, clients):
        yield ok(f"log group {name}", "exists")
        return
    fix = f"aws logs create-log-group --log-group-name {name}"
    yield Finding("FAIL", f"log group {name}", "does not exist; no task would start", fix)
