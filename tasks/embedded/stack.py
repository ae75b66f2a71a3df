"""The embedded cloud's stack: `aws/stack.yaml`, filled from the services' variables."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from tasks import change_set
from tasks.documents import DocumentError
from tasks.errors import UsageError
from tasks.sdk_errors import asking_aws
from tasks.settings import LOCAL_LOAD_BALANCER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from types_boto3_cloudformation.type_defs import StackTypeDef

    from tasks.clients import Clients
    from tasks.report import Report
    from tasks.settings import Service, Settings

NAME = "spryte"
TEMPLATE = "aws/stack.yaml"
# Given once, when the stack is created; from then on their values are Secrets Manager's.
FIRST_VALUES = {"MongodbUri": "mongodb://localhost:27017/spryte", "OpenaiApiKey": "rehearsal-only"}


class ClustersDifferError(UsageError):
    """The stack has one cluster, the services name several."""

    def __init__(self, services: Sequence[Service]) -> None:
        named = ", ".join(f"{each.name}: {each.cluster}" for each in services)
        super().__init__(
            f"The services name different clusters ({named}), but {TEMPLATE} makes one.",
            fix="Give every ECS_CLUSTER_… the same value.",
        )


@dataclass(frozen=True)
class Template:
    """The template's text and the names of its parameters."""

    text: str
    parameters: frozenset[str]


def ensure(settings: Settings, clients: Clients, report: Report) -> bool:
    """Make sure that the stack is what the template and the variables say; returns whether it changed.

    The file `.local/stack.json` notes which stack was last brought to which template and variables; where that
    still holds, CloudFormation is asked for the stack's existence only.

    Raises:
        StackError: a resource failed, with CloudFormation's reason.
        ChangeSetError: CloudFormation does not accept the template or a parameter.
        ClustersDifferError: the services do not share a cluster.
        DocumentError: the template cannot be read.
    """
    template = read_template(settings.root / TEMPLATE)
    services = settings.select("all")
    values = parameters(services, template)
    inputs = hashlib.sha256(json.dumps([template.text, sorted(values.items())]).encode()).hexdigest()
    note = settings.state / "stack.json"
    stack = change_set.find_stack(NAME, clients)
    if stack is not None and _noted(note) == [*_edition(stack), inputs]:
        return False
    if stack is not None:
        values = {**values, **running_revisions(services, template, clients)}
    proposal = change_set.Proposal(NAME, template.text, proposed(values, stack, template))
    changed = change_set.apply(proposal, clients, report)
    stack = change_set.find_stack(NAME, clients)
    note.write_text(json.dumps([*_edition(stack), inputs]), encoding="utf-8")
    return changed


def status(clients: Clients) -> str:
    """Return CloudFormation's word for the state of the stack, empty when there is none."""
    stack = change_set.find_stack(NAME, clients)
    return stack["StackStatus"] if stack else ""


def read_template(path: Path) -> Template:
    """Read a template and the names of its parameters.

    Raises:
        DocumentError: it is absent or not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        # Nodes only: CloudFormation's own tags (!Sub, !Ref) mean nothing to a YAML loader.
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        raise DocumentError(TEMPLATE, "cannot be read", f"Restore it (git checkout {TEMPLATE}).") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DocumentError(f"{TEMPLATE}:{line}", f"is not YAML: {error.problem}", "Fix it there.") from error
    top = {key.value: value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}
    declared = top.get("Parameters")
    names = [key.value for key, _ in declared.value] if isinstance(declared, yaml.MappingNode) else []
    return Template(text, frozenset(names))


def parameters(services: Sequence[Service], template: Template) -> dict[str, str]:
    """Return the values of the template's parameters that the variables decide.

    Raises:
        ClustersDifferError: the services do not share a cluster.
    """
    values = {"LoadBalancerName": LOCAL_LOAD_BALANCER}
    known = [each for each in services if f"{prefix(each)}ServiceName" in template.parameters]
    if len({each.cluster for each in known}) > 1:
        raise ClustersDifferError(known)
    for service in known:
        values |= {
            "ClusterName": service.cluster,
            f"{prefix(service)}ServiceName": service.ecs_service,
            f"{prefix(service)}RepositoryName": service.repository,
            f"{prefix(service)}TaskFamily": service.family,
            f"{prefix(service)}ContainerName": service.container,
        }
    return {name: value for name, value in values.items() if name in template.parameters}


def proposed(values: Mapping[str, str], stack: StackTypeDef | None, template: Template) -> dict[str, str | None]:
    """Return what to pass: on an update, everything that is not decided here keeps its value."""
    if stack is None:
        first = {name: value for name, value in FIRST_VALUES.items() if name in template.parameters}
        return {**first, **values}
    existing = [each.get("ParameterKey", "") for each in stack.get("Parameters", [])]
    kept: dict[str, str | None] = {name: None for name in existing if name in template.parameters}
    return {**kept, **values}


def running_revisions(services: Sequence[Service], template: Template, clients: Clients) -> dict[str, str]:
    """Return the parameters that keep an update from undoing deploys: what each deployed service runs."""
    with asking_aws("reading the stack's resources"):
        # not DescribeStackResources: it tells of one hundred and leaves out the rest
        pages = clients.cloudformation.get_paginator("list_stack_resources").paginate(StackName=NAME)
        resources = [each for page in pages for each in page["StackResourceSummaries"]]
    bootstrap = {each["LogicalResourceId"]: each.get("PhysicalResourceId", "") for each in resources}
    found = dict[str, str]()
    for service in services:
        name = f"{prefix(service)}RunningRevision"
        if name not in template.parameters:
            continue
        with asking_aws(f"looking at {service.ecs_service}"):
            answer = clients.ecs.describe_services(cluster=service.cluster, services=[service.ecs_service])
        first = bootstrap.get(f"{prefix(service)}TaskDefinition", "")
        for each in answer["services"]:
            if each.get("status") == "ACTIVE" and each.get("taskDefinition") not in {None, first}:
                found[name] = str(each.get("taskDefinition"))
    return found


def prefix(service: Service) -> str:
    """Return how the template's parameters call a service: `payment-api` is `PaymentApi`."""
    return "".join(part.capitalize() for part in service.name.split("-"))


def _edition(stack: StackTypeDef | None) -> list[str]:
    """Return what changes whenever the stack does: after a crash an older one may be back."""
    names = ("StackId", "StackStatus", "CreationTime", "LastUpdatedTime")
    return [str(stack.get(name, "")) for name in names] if stack else []


def _noted(path: Path) -> list[str]:
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [str(each) for each in noted] if isinstance(noted, list) else []
