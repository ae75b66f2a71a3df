"""What an ECS service runs right now, and whether it may be updated."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.errors import NotReadyError
from tasks.release.missing import remedy
from tasks.release.task_definition import COMMIT_VARIABLE, VERSION_VARIABLE, described, environment_of
from tasks.sdk_errors import asking_aws
from tasks.version_number import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef

    from tasks.clients import Clients
    from tasks.documents import Json
    from tasks.settings import Service, Target


# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentController.html
ROLLING = "ECS"
# Of rolloutStateReason, as ECS answers it while its circuit breaker goes back; no page of AWS has its wording.
GOES_BACK = re.compile(r"roll(ing |ed )?back", re.IGNORECASE)


class ServiceMissingError(NotReadyError):
    """The cluster or the service does not exist, or is not active."""

    def __init__(self, service: Service, target: Target, problem: str) -> None:
        place = f"{service.cluster}/{service.ecs_service} ({target.account}, {target.region})"
        super().__init__(
            f"{place}: {problem}",
            fix=remedy(
                f"{service.variable('ECS_CLUSTER')} or {service.variable('ECS_SERVICE')}",
                "aws ecs create-service, as in aws/stack.yaml",
                target,
            ),
        )


class DeploymentInProgressError(NotReadyError):
    """Another deployment of the service is under way."""

    def __init__(self, service: Service, other: DeploymentTypeDef) -> None:
        name, identity = str(other.get("taskDefinition", "")).rpartition("/")[2], other.get("id", "")
        what = f"a deployment of {name} is in progress ({identity}, since {other.get('createdAt', 'unknown')})."
        fix = "Wait for it to end, or replace it with --force."
        if GOES_BACK.search(other.get("rolloutStateReason", "")):
            what = f"ECS goes back to {name}, since the deployment after it failed ({identity})."
            fix = (
                f"Wait for it to end; why it failed: ./inv diagnose --service={service.name}. "
                "Or replace it with --force."
            )
        super().__init__(f"{service.ecs_service}: {what}", fix=fix)


class NothingRunsError(NotReadyError):
    """The service was scaled to zero: a deploy would start nothing and prove nothing."""

    def __init__(self, service: Service) -> None:
        super().__init__(
            f"{service.ecs_service} has a desired count of 0: nothing would be started.",
            fix="Scale it up first: aws ecs update-service --cluster "
            f"{service.cluster} --service {service.ecs_service} --desired-count 1",
        )


class ForeignControllerError(NotReadyError):
    """Something else than ECS's own rolling update brings the service's deployments up."""

    def __init__(self, service: Service, controller: str) -> None:
        super().__init__(
            f"{service.ecs_service}: its deployment controller is {controller}; this tool drives ECS's own.",
            fix=f"Deploy it with {controller}, or create the service anew with the controller ECS.",
        )


class NeverDeployedError(NotReadyError):
    """The service still waits for its first deploy."""

    def __init__(self, service: Service) -> None:
        super().__init__(
            f"{service.ecs_service} was never deployed: there is no version of it.",
            fix=f"Deploy one: ./inv deploy --service={service.name} --version=X.Y.Z",
        )


class OlderVersionError(NotReadyError):
    """The service runs a newer version already."""

    def __init__(self, service: Service, runs: str, wanted: str) -> None:
        super().__init__(
            f"{service.ecs_service} runs version {runs}, which is newer than {wanted}: nothing was done.",
            fix=f"To go back to it: ./inv rollback --service={service.name} --to={wanted}; "
            f"to deploy it all the same: ./inv deploy --service={service.name} --version={wanted} --force",
        )


@dataclass(frozen=True)
class Running:
    """What a service runs, to be remembered as the way back.

    `version` and `commit` are empty when its definition was not registered by this tool: then the service is
    the one its stack created, before the first deploy. `desired` is its number of tasks, `definition` what AWS
    knows of the revision.
    """

    service: Service
    arn: str
    desired: int
    version: str
    commit: str
    deployment: DeploymentTypeDef | None
    controller: str = ROLLING
    definition: Mapping[str, Json] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """`family:number` of the revision."""
        return self.arn.rpartition("/")[2]

    @property
    def never_deployed(self) -> bool:
        """Whether the service still waits for its first deploy."""
        return self.desired == 0 and not self.version


def running(service: Service, clients: Clients) -> Running:
    """Look at a service and the definition it runs.

    Raises:
        ServiceMissingError: the cluster or the service is missing, draining or inactive.
        AccessDeniedError: `ecs:DescribeServices` or `ecs:DescribeTaskDefinition` is missing.
    """
    found = describe(service, clients)
    return _running(service, found, found["taskDefinition"], clients)


def to_return_to(service: Service, clients: Clients) -> Running:
    """Look at a service as the way back: while its deployment is unfinished or failed, at what ran before that.

    That is the revision that ECS completed last and still runs, as its own circuit breaker has it:
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentCircuitBreaker.html

    Raises:
        ServiceMissingError, AccessDeniedError: as `running`.
    """
    found = describe(service, clients)
    current = primary(found) or {}
    arn = found["taskDefinition"]
    if current.get("rolloutState") in ("IN_PROGRESS", "FAILED"):
        completed = (
            each["taskDefinition"]
            for each in found["deployments"]
            if each is not current and each.get("rolloutState") == "COMPLETED" and each.get("runningCount")
        )
        arn = next(completed, arn)
    return _running(service, found, arn, clients)


def _running(service: Service, found: ServiceTypeDef, arn: str, clients: Clients) -> Running:
    definition = described(arn, clients) or {}
    environment = environment_of(definition, service.container)
    return Running(
        service=service,
        arn=arn,
        desired=found.get("desiredCount", 0),
        version=environment.get(VERSION_VARIABLE, ""),
        commit=environment.get(COMMIT_VARIABLE, ""),
        deployment=primary(found),
        controller=found.get("deploymentController", {}).get("type", ROLLING),
        definition=definition,
    )


def describe(service: Service, clients: Clients) -> ServiceTypeDef:
    """Return the active ECS service; raises as `running` does."""
    with asking_aws(f"looking at the service {service.ecs_service}"):
        try:
            answer = clients.ecs.describe_services(cluster=service.cluster, services=[service.ecs_service])
        except clients.ecs.exceptions.ClusterNotFoundException as error:
            problem = f"there is no cluster '{service.cluster}'."
            raise ServiceMissingError(service, clients.target, problem) from error
    if not answer["services"]:
        raise ServiceMissingError(service, clients.target, "there is no such service.")
    found = answer["services"][0]
    if found.get("status") != "ACTIVE":
        raise ServiceMissingError(service, clients.target, f"the service is {found.get('status')}.")
    return found


def primary(service: ServiceTypeDef) -> DeploymentTypeDef | None:
    """Return the deployment that ECS is bringing up or has brought up."""
    return next((each for each in service.get("deployments", []) if each.get("status") == "PRIMARY"), None)


def listed(service: ServiceTypeDef, identity: str, arn: str) -> DeploymentTypeDef | None:
    """Return ECS's deployment `identity` of the revision `arn`, as long as ECS lists it."""
    found = (each for each in service.get("deployments", []) if each.get("id") == identity)
    return next((each for each in found if each.get("taskDefinition") == arn), None)


def deployed_version(service: Service, clients: Clients) -> str:
    """Return the version that ECS runs, empty for a definition from elsewhere; raises as `running` does.

    Raises:
        NeverDeployedError: the service waits for its first deploy.
    """
    state = running(service, clients)
    if state.never_deployed:
        raise NeverDeployedError(service)
    return state.version


def require_deployable(state: Running, arn: str = "", *, force: bool = False) -> None:
    """Refuse a service that runs nothing, or (without `force`) is busy with another revision than `arn`.

    Raises:
        ForeignControllerError: CodeDeploy, or something outside of AWS, deploys it.
        NothingRunsError: it was scaled to zero after its first deploy.
        DeploymentInProgressError: another deployment is under way.
    """
    if state.controller != ROLLING:
        raise ForeignControllerError(state.service, state.controller)
    if state.desired == 0 and not state.never_deployed:
        raise NothingRunsError(state.service)
    current = state.deployment
    busy = current is not None and current.get("rolloutState") == "IN_PROGRESS"
    if current and busy and not force and current.get("taskDefinition") != arn:
        raise DeploymentInProgressError(state.service, current)


def require_no_newer(state: Running, version: str) -> None:
    """Refuse `version` where a newer one runs; one that failed, or bears no such version, is no reason.

    Raises:
        OlderVersionError: a newer one runs.
    """
    failed = state.deployment is not None and state.deployment.get("rolloutState") == "FAILED"
    if not failed and VERSION.fullmatch(state.version) and _parts(version) < _parts(state.version):
        raise OlderVersionError(state.service, state.version, version)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
