"""Values as the stages hand them on, and answers as ECS gives them, each the runbook's backend by default."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tasks.release.deployment import Deployment
from tasks.release.image import Image
from tasks.release.registry import PushedImage
from tasks.release.rollout import Rollout
from tasks.release.service_state import Running
from tasks.release.source import Source
from tasks.release.task_definition import Revision
from tasks.settings import Credentials, Service, Target

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef

ACCOUNT = "727646509464"
REGISTRY = f"{ACCOUNT}.dkr.ecr.us-east-2.amazonaws.com"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TREE = "89abcdef0123456789abcdef0123456789abcdef"
DIGEST = f"sha256:{'a' * 64}"
OTHER_DIGEST = f"sha256:{'b' * 64}"
BEGAN = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
OWN = "ecs-svc/2"

BACKEND = Service(
    root=Path(__file__).resolve().parents[2],
    name="backend",
    folder="backend",
    template="aws/backend-task-definition.json",
    port=5000,
    health_path="/api/health",
    first_count=1,
    base_images={"PYTHON_IMAGE": "python"},
    cluster="spryte-cluster",
    ecs_service="spryte-backend-service",
    family="spryte-backend",
    container="spryte-backend",
    repository="spryte-backend",
)
AWS = Target(
    name="aws",
    account=ACCOUNT,
    region="us-east-2",
    registry=REGISTRY,
    app_url="https://spryte.example.com",
    endpoint_url=None,
    credentials=None,
    build_args={},
)
LOCAL = replace(
    AWS,
    name="local",
    registry="localhost:4566",
    app_url="http://spryte.alb.localhost:4566",
    endpoint_url="http://127.0.0.1:4566",
    credentials=Credentials("test", "the-secret-key"),
)
SOURCE = Source(BACKEND, "0.1.5", COMMIT, TREE, dirty=False)
IMAGE = Image(SOURCE, "sha256:1234", "spryte-backend:content-0123", 50_000_000, reused=False)
PUSHED = PushedImage(IMAGE, f"{REGISTRY}/spryte-backend", DIGEST, ())


def arn(number: int) -> str:
    """Return the ARN of a revision of the backend."""
    return f"arn:aws:ecs:us-east-2:{ACCOUNT}:task-definition/spryte-backend:{number}"


def revision(number: int) -> Revision:
    """Return a revision of the backend."""
    return Revision(PUSHED, arn(number), reused=False)


def rollout(number: int = 7, before: int = 4, *, identity: str = OWN) -> Rollout:
    """Return what is waited for: revision 7 after revision 4, unless told otherwise."""
    return Rollout(BACKEND, identity, arn(number), "0.1.5", arn(before))


def ecs_deployment(number: int, identity: str = OWN, **fields: object) -> dict[str, object]:
    """Return a deployment as ECS describes it: finished, one task, unless told otherwise."""
    return {
        "id": identity,
        "status": "PRIMARY",
        "taskDefinition": arn(number),
        "desiredCount": 1,
        "runningCount": 1,
        "pendingCount": 0,
        "failedTasks": 0,
        "rolloutState": "COMPLETED",
        "createdAt": BEGAN,
        **fields,
    }


def ecs_event(number: int, message: str, seconds: int = 1) -> dict[str, object]:
    """Return a service event, `seconds` after the deployment began."""
    return {"id": f"event-{number}", "message": message, "createdAt": BEGAN + timedelta(seconds=seconds)}


def ecs_service(*deployments: dict[str, object], **fields: object) -> dict[str, object]:
    """Return an active service as ECS describes it, with the deployments given."""
    first = next((each for each in deployments if each["status"] == "PRIMARY"), {})
    return {
        "serviceName": "spryte-backend-service",
        "status": "ACTIVE",
        "taskDefinition": first.get("taskDefinition", arn(4)),
        "desiredCount": 1,
        "deployments": list(deployments),
        "events": [],
        **fields,
    }


def as_service(described: dict[str, object]) -> ServiceTypeDef:
    """Return the same, as the type that boto3's stubs give it."""
    return cast("ServiceTypeDef", described)


def running(number: int = 4, version: str = "0.1.4", **fields: object) -> Running:
    """Return what the service runs: revision 4 with version 0.1.4, finished, unless told otherwise."""
    current = cast("DeploymentTypeDef", ecs_deployment(number, "ecs-svc/1", **fields))
    return Running(BACKEND, arn(number), 1, version, COMMIT, current)


NEVER_DEPLOYED = replace(running(1, ""), desired=0, commit="")


def deployment(before: Running | None = None, number: int = 7) -> Deployment:
    """Return a started deployment of revision 7 over what ran before."""
    return Deployment(revision(number), OWN, before or running(), adopted=False)


def registered(number: int, version: str = "", **fields: object) -> dict[str, object]:
    """Return a task definition as DescribeTaskDefinition answers it, with its version where it has one."""
    variables = [{"name": "APP_VERSION", "value": version}] if version else []
    container = {"name": "spryte-backend", "image": "x", "environment": variables}
    return {
        "taskDefinition": {
            "taskDefinitionArn": arn(number),
            "family": "spryte-backend",
            "revision": number,
            "containerDefinitions": [container],
            **fields,
        }
    }
