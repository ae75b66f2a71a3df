"""What the load balancer says of a service's targets."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.sdk_errors import asking_aws

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_ecs.type_defs import ServiceTypeDef

    from tasks.clients import Clients

HEALTHY = "healthy"


@dataclass(frozen=True)
class Target:
    """What the load balancer says of one target: state, reason code and description.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
    """

    state: str
    reason: str = ""
    description: str = ""


def groups(service: ServiceTypeDef) -> tuple[str, ...]:
    """Return the ARNs of the service's target groups."""
    return tuple(each["targetGroupArn"] for each in service.get("loadBalancers", []) if each.get("targetGroupArn"))


def ask(service: ServiceTypeDef, clients: Clients) -> tuple[Target, ...]:
    """Return the targets of all the service's target groups.

    Raises:
        AccessDeniedError: `elasticloadbalancing:DescribeTargetHealth` is missing.
        DeployError: as every question to AWS.
    """
    with asking_aws("asking for the health of its targets"):
        found = [
            each["TargetHealth"]
            for arn in groups(service)
            for each in clients.elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
            if "TargetHealth" in each
        ]
    return tuple(
        Target(each.get("State", "unknown"), each.get("Reason", ""), each.get("Description", "")) for each in found
    )


def counted(targets: Sequence[Target]) -> str:
    """Return how many are in which state, the healthy ones first: `1 healthy, 1 draining`."""
    counts = Counter(target.state for target in targets)
    ordered = sorted(counts, key=lambda state: (state != HEALTHY, state))
    return ", ".join(f"{counts[state]} {state}" for state in ordered)
