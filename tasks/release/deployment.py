"""start: Revision -> Deployment. One UpdateService, or none where the revision runs already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.release.rollout import Rollout
from tasks.release.service_state import require_deployable
from tasks.sdk_errors import asking_aws

if TYPE_CHECKING:
    from datetime import datetime

    from types_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef, UpdateServiceRequestTypeDef

    from tasks.clients import Clients
    from tasks.release.by_hand import Compared
    from tasks.release.service_state import Running
    from tasks.release.task_definition import Revision
    from tasks.settings import Service


@dataclass(frozen=True)
class Change:
    """What UpdateService is asked for; `desired` None leaves the number of tasks as it is."""

    arn: str
    desired: int | None = None
    force: bool = False


@dataclass(frozen=True)
class Deployment:
    """A deployment of a service; `id` is ECS's own, `adopted` when it was there already, `began` its creation.

    `compared` is how its definition differs from the one that ran before; None where that is not known.
    """

    revision: Revision
    id: str
    before: Running
    adopted: bool
    began: datetime | None = None
    compared: Compared | None = None

    @property
    def service(self) -> Service:
        """The service that is deployed."""
        return self.before.service

    @property
    def rollout(self) -> Rollout:
        """What is to be waited for."""
        version = self.revision.pushed.image.source.version
        return Rollout(self.service, self.id, self.revision.arn, version, self.before.arn)


def start(revision: Revision, before: Running, clients: Clients, *, force: bool = False) -> Deployment:
    """Update the service to a revision; where that runs or comes up already, adopt its deployment.

    Args:
        revision: what is to run.
        before: what is returned to when it fails, with the deployment there is now.
        clients: the connections.
        force: start anew even so, for example to pick up a rotated secret or to replace a stuck deployment.

    Raises:
        DeploymentInProgressError: another revision is being brought up.
        NothingRunsError: the service is scaled to zero.
        AccessDeniedError: `ecs:UpdateService` or `iam:PassRole` is missing.
    """
    require_deployable(before, revision.arn, force=force)
    if current := to_adopt(before, revision.arn, force=force):
        return Deployment(revision, current.get("id", ""), before, adopted=True, began=current.get("createdAt"))
    desired = before.service.first_count if before.never_deployed else None
    # without force, ECS starts no new deployment of the revision it has
    started = update(before.service, Change(revision.arn, desired, force or has(before, revision.arn)), clients)
    return Deployment(revision, started.get("id", ""), before, adopted=False, began=started.get("createdAt"))


def to_adopt(before: Running, arn: str, *, force: bool) -> DeploymentTypeDef | None:
    """Return the deployment that `start` would follow instead of making one."""
    anew = force or not has(before, arn) or (before.deployment or {}).get("rolloutState") == "FAILED"
    return None if anew else before.deployment


def has(before: Running, arn: str) -> bool:
    """Whether the service has that revision already, running or coming up."""
    return before.desired > 0 and (before.deployment or {}).get("taskDefinition") == arn


def update(service: Service, change: Change, clients: Clients) -> DeploymentTypeDef:
    """Send UpdateService and return the deployment it made, as its answer has it; empty where that lists none."""
    request: UpdateServiceRequestTypeDef = {
        "cluster": service.cluster,
        "service": service.ecs_service,
        "taskDefinition": change.arn,
    }
    if change.desired is not None:
        request["desiredCount"] = change.desired
    if change.force:
        request["forceNewDeployment"] = True
    with asking_aws(f"updating the service {service.ecs_service}"):
        return _made(clients.ecs.update_service(**request)["service"], change.arn)


def _made(answer: ServiceTypeDef, arn: str) -> DeploymentTypeDef:
    """Return the newest deployment of a revision. The primary one may be of another already.

    Where its tasks fail at once, ECS's circuit breaker may have gone back by the time UpdateService answers.
    """
    ours = [each for each in answer.get("deployments", []) if each.get("taskDefinition") == arn]
    return max(ours, key=_creation) if ours else {}


def _creation(deployment: DeploymentTypeDef) -> tuple[float, bool]:
    """Return what sorts deployments of one revision from the oldest to the newest."""
    created = deployment.get("createdAt")
    return created.timestamp() if created else 0.0, deployment.get("status") == "PRIMARY"
