"""A throw-away revision of what runs, with a defect in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from tasks.documents import as_list, as_object
from tasks.release.image import Image
from tasks.release.registry import PushedImage
from tasks.release.service_state import running
from tasks.release.source import Source
from tasks.release.task_definition import (
    COMMIT_VARIABLE,
    VERSION_VARIABLE,
    Revision,
    described,
    environment_of,
)
from tasks.sdk_errors import asking_aws

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import RegisterTaskDefinitionRequestTypeDef

    from tasks.clients import Clients
    from tasks.documents import Json
    from tasks.rehearsal.defects import Broken
    from tasks.settings import Service

# What DescribeTaskDefinition adds to what was registered:
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html
REGISTERED = {
    "family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "volumes",
    "requiresCompatibilities", "cpu", "memory", "runtimePlatform",
}  # fmt: skip
VERSION = "0.0.0"


def register_broken(service: Service, broken: Broken, clients: Clients) -> Revision:
    """Register the running definition with the defect in it, as version 0.0.0.

    Raises:
        NotReadyError: AWS refuses, or does not answer.
    """
    state = running(service, clients)
    definition = described(state.arn, clients) or {}
    commit = environment_of(definition, service.container).get(COMMIT_VARIABLE, "")
    defective = broken.apply(_versioned(definition, service), service)
    with asking_aws("registering the defective task definition"):
        request = cast("RegisterTaskDefinitionRequestTypeDef", defective)
        arn = clients.ecs.register_task_definition(**request)["taskDefinition"]["taskDefinitionArn"]
    source = Source(service, VERSION, commit, "", dirty=True)
    pushed = PushedImage(Image(source, "", "", 0, reused=True), service.repository, "", ())
    return Revision(pushed, arn, reused=False)


def _versioned(definition: dict[str, Json], service: Service) -> dict[str, Json]:
    kept: dict[str, Json] = {key: value for key, value in definition.items() if key in REGISTERED and value}
    for container in map(as_object, as_list(kept["containerDefinitions"])):
        for variable in map(as_object, as_list(container.get("environment"))):
            if container.get("name") == service.container and variable.get("name") == VERSION_VARIABLE:
                variable["value"] = VERSION
    return kept
