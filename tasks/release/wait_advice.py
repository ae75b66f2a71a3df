"""Which setting would shorten the longest part of a wait, with its value where it may be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.documents import as_list, as_object
from tasks.errors import DeployError
from tasks.release import target_health, wait_phases
from tasks.release.task_definition import described
from tasks.release.wait_phases import DRAINING, HEALTH, PROVISIONING, PULL
from tasks.sdk_errors import asking_aws

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_ecs.type_defs import ServiceTypeDef

    from tasks.clients import Clients
    from tasks.documents import Json
    from tasks.release.deployment import Deployment
    from tasks.release.rollout import Rollout
    from tasks.release.task_definition import Revision
    from tasks.release.wait_phases import Phase

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
DELAY = "deregistration_delay.timeout_seconds"
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
DEFAULT_INTERVAL = 30
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
DEFAULT_STOP_TIMEOUT = 30
ASKING_TASKS = "ecs:ListTasks and ecs:DescribeTasks (aws/iam/diagnose-policy.json)"


@dataclass(frozen=True)
class Wait:
    """Where a deployment's wait went, and the setting that would shorten its longest part."""

    phases: tuple[Phase, ...]
    setting: str

    @property
    def seconds(self) -> float:
        """The whole, from the update to the end."""
        return sum(phase.seconds for phase in self.phases)

    @property
    def longest(self) -> Phase:
        """The longest part."""
        return max(self.phases, key=lambda phase: phase.seconds)


def attribute(started: Deployment, service: ServiceTypeDef, clients: Clients) -> Wait | None:
    """Return where the wait for a finished deployment went; None where there was none, or ECS forgot it.

    One that an earlier run began and that completed while it was watched is told from its own beginning.

    Args:
        started: the deployment.
        service: the service as ECS described it at the end.
        clients: the connections; what they may not ask is left out.
    """
    came_up = (started.before.deployment or {}).get("rolloutState") == "IN_PROGRESS"
    waited = came_up or not started.adopted
    moments = wait_phases.moments(started.rollout, service, clients) if waited else None
    if moments is None:
        return None
    parts = wait_phases.phases(moments)
    longest = max(parts, key=lambda phase: phase.seconds)
    return Wait(parts, advice(longest, started.revision, service, clients))


def until_verdict(rollout: Rollout, seconds: float, clients: Clients) -> str:
    """Return in a line where the time went until a deployment was given up, after so many seconds."""
    parts = wait_phases.of_last_ended(rollout, clients)
    if parts is None:
        return f"{seconds:.1f} s until the verdict; {ASKING_TASKS} would tell where they went"
    told = ", ".join(f"{part.name} {part.seconds:.1f} s" for part in parts)
    return f"{seconds:.1f} s until the verdict" + (f"; of its last task: {told}" if told else "")


def until_unproved(rollout: float, asking: float) -> str:
    """Return in a line where the time went until a version that came up was given up; both in seconds."""
    parts = f"{rollout:.1f} s until ECS had it up, {asking:.1f} s of asking over HTTP"
    return f"{rollout + asking:.1f} s until the verdict: {parts}"


def advice(longest: Phase, revision: Revision, service: ServiceTypeDef, clients: Clients) -> str:
    """Return the setting that would shorten a part of the wait, in one sentence without a full stop."""
    size = f"{revision.pushed.image.size / 1e6:.0f} MB unpacked"
    if len(longest.names) > 1 and longest.names[0] == PROVISIONING:
        return f"{ASKING_TASKS} would tell these apart; the image is {size}"
    kind = longest.names[0]
    if kind == PROVISIONING:
        return "no setting of the task shortens it: Fargate finds capacity and attaches a network interface"
    source = revision.pushed.image.source
    if kind == PULL:
        return f"the image's size ({size}): fewer layers and packages in {source.service.folder}/Dockerfile"
    container = _container(revision, clients)
    if kind == HEALTH:
        return _health(container, service, clients)
    if kind == DRAINING:
        return _draining(container, service, clients)
    return "dependsOn in the template, and the image's ENTRYPOINT: the container starts only after them"


def _health(container: Mapping[str, Json], service: ServiceTypeDef, clients: Clients) -> str:
    parts = []
    check = as_object(container.get("healthCheck"))
    if check:
        parts.append(f"healthCheck.interval ({check.get('interval', DEFAULT_INTERVAL)} s) in the template")
    if arns := target_health.groups(service):
        value = ""
        try:
            with asking_aws("looking at its target group"):
                group = clients.elbv2.describe_target_groups(TargetGroupArns=[arns[0]])["TargetGroups"][0]
            value = f" ({group.get('HealthCheckIntervalSeconds')} s x {group.get('HealthyThresholdCount')})"
        except (DeployError, IndexError):
            pass
        parts.append(f"the target group's HealthCheckIntervalSeconds x HealthyThresholdCount{value}")
    return ", then ".join(reversed(parts)) or "how soon the program listens: there is no health check to wait for"


def _draining(container: Mapping[str, Json], service: ServiceTypeDef, clients: Clients) -> str:
    stop = f"stopTimeout ({container.get('stopTimeout', DEFAULT_STOP_TIMEOUT)} s) where SIGTERM is ignored"
    arns = target_health.groups(service)
    if not arns:
        return stop
    value = ""
    try:
        with asking_aws("looking at its target group"):
            found = clients.elbv2.describe_target_group_attributes(TargetGroupArn=arns[0])["Attributes"]
        value = next((f" ({each.get('Value')} s)" for each in found if each.get("Key") == DELAY), "")
    except DeployError:
        pass
    return f"the target group's {DELAY}{value}, then {stop}"


def _container(revision: Revision, clients: Clients) -> Mapping[str, Json]:
    name = revision.pushed.image.source.service.container
    try:
        containers = as_list((described(revision.arn, clients) or {}).get("containerDefinitions"))
    except DeployError:
        return {}
    return next((each for each in map(as_object, containers) if each.get("name") == name), {})
