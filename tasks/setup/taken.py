"""Which of a new stack's names are taken: CloudFormation would find out one by one, half-way through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.documents import as_list, as_object
from tasks.release import task_definition
from tasks.sdk_errors import asking_aws
from tasks.settings import LOCAL_LOAD_BALANCER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.clients import Clients
    from tasks.documents import Json
    from tasks.settings import Service, Settings, Target


def names(settings: Settings, clients: Clients) -> tuple[str, ...]:
    """Return what exists already of everything that the stack gives a fixed name.

    Raises:
        NotReadyError: AWS does not answer, or not to this identity.
        UsageError: a task definition template is malformed.
    """
    services = settings.select("all")
    found = [*_clusters(services, clients), *_load_balancers(clients)]
    for service in services:
        definition = _definition(service, clients.target)
        found += _repositories(service, clients)
        found += [f"role {each}" for each in role_names(definition) if has_role(each, clients)]
        found += [f"secret {each}" for each in secrets(definition, service) if _has_secret(each, clients)]
        found += [f"log group {each}" for each in log_groups(definition, service) if has_log_group(each, clients)]
    return tuple(dict.fromkeys(found))


def secret_names(settings: Settings) -> tuple[str, ...]:
    """Return the names of all secrets that the services' containers get; raises `UsageError` as `names` does."""
    found = [name for each in settings.select("all") for name in secrets(_definition(each, settings.target), each)]
    return tuple(dict.fromkeys(found))


def role_names(definition: dict[str, Json]) -> tuple[str, ...]:
    """Return the names of the roles that a task definition names."""
    arns = [str(definition.get(key, "")) for key in ("executionRoleArn", "taskRoleArn")]
    return tuple(arn.rpartition("/")[2] for arn in arns if arn)


def secrets(definition: dict[str, Json], service: Service) -> dict[str, str]:
    """Return the secrets of Secrets Manager that the service's container gets: by name, the ARN it is named by.

    By name, because a secret is found by it even where it is not found by an ARN without its random end.
    """
    listed = as_list(_container(definition, service).get("secrets"))
    references = [str(as_object(each).get("valueFrom")) for each in listed]
    return {each.split(":")[6]: each for each in references if each.startswith("arn:") and ":secret:" in each}


def log_groups(definition: dict[str, Json], service: Service) -> tuple[str, ...]:
    """Return the log group that the service's container writes to, if it is one of CloudWatch's."""
    configuration = as_object(_container(definition, service).get("logConfiguration"))
    group = as_object(configuration.get("options")).get("awslogs-group")
    return (str(group),) if group else ()


def has_role(name: str, clients: Clients) -> bool:
    """Return whether there is a role of that name."""
    with asking_aws(f"looking for the role {name}"):
        try:
            clients.iam.get_role(RoleName=name)
        except clients.iam.exceptions.NoSuchEntityException:
            return False
    return True


def has_log_group(name: str, clients: Clients) -> bool:
    """Return whether there is a log group of exactly that name."""
    with asking_aws(f"looking for the log group {name}"):
        pages = clients.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
        return any(each.get("logGroupName") == name for page in pages for each in page["logGroups"])


def _has_secret(name: str, clients: Clients) -> bool:
    with asking_aws(f"looking for the secret {name}"):
        try:
            clients.secretsmanager.describe_secret(SecretId=name)
        except clients.secretsmanager.exceptions.ResourceNotFoundException:
            return False
    return True


def _clusters(services: tuple[Service, ...], clients: Clients) -> list[str]:
    wanted = sorted({each.cluster for each in services})
    with asking_aws("looking for the cluster"):
        found = clients.ecs.describe_clusters(clusters=wanted)["clusters"]
    return [f"cluster {each.get('clusterName')}" for each in found if each.get("status") == "ACTIVE"]


def _load_balancers(clients: Clients) -> Iterator[str]:
    with asking_aws("looking for the load balancer"):
        try:
            found = clients.elbv2.describe_load_balancers(Names=[LOCAL_LOAD_BALANCER])["LoadBalancers"]
        except clients.elbv2.exceptions.LoadBalancerNotFoundException:
            return
    yield from (f"load balancer {each.get('LoadBalancerName')}" for each in found)


def _repositories(service: Service, clients: Clients) -> Iterator[str]:
    with asking_aws(f"looking for the repository {service.repository}"):
        try:
            clients.ecr.describe_repositories(repositoryNames=[service.repository])
        except clients.ecr.exceptions.RepositoryNotFoundException:
            return
    yield f"repository {service.repository}"


def _definition(service: Service, target: Target) -> dict[str, Json]:
    """Return a service's task definition, for an image that is none."""
    nothing = task_definition.Identity("none@sha256:0", "0.0.0", "0")
    return task_definition.render(task_definition.load_template(service, target), nothing, target)


def _container(definition: dict[str, Json], service: Service) -> dict[str, Json]:
    containers = map(as_object, as_list(definition.get("containerDefinitions")))
    return next((each for each in containers if each.get("name") == service.container), {})
