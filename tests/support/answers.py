"""What load balancing and EC2 answer with, which is XML, and how AWS refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.documents import Json

HEALTH = """<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions>{}
</TargetHealthDescriptions></DescribeTargetHealthResult></DescribeTargetHealthResponse>"""
GROUPS = """<DescribeTargetGroupsResponse><DescribeTargetGroupsResult><TargetGroups>{}
</TargetGroups></DescribeTargetGroupsResult></DescribeTargetGroupsResponse>"""
GROUP = (
    "<member><TargetGroupArn>{}</TargetGroupArn><TargetGroupName>backend</TargetGroupName>"
    "<HealthCheckPath>{}</HealthCheckPath><TargetType>{}</TargetType>"
    "<HealthCheckIntervalSeconds>10</HealthCheckIntervalSeconds><HealthyThresholdCount>2</HealthyThresholdCount>"
    "</member>"
)
BALANCERS = """<DescribeLoadBalancersResponse><DescribeLoadBalancersResult><LoadBalancers><member>
<LoadBalancerArn>balancer</LoadBalancerArn></member></LoadBalancers></DescribeLoadBalancersResult>
</DescribeLoadBalancersResponse>"""
LISTENERS = """<DescribeListenersResponse><DescribeListenersResult><Listeners><member>
<ListenerArn>listener</ListenerArn></member></Listeners></DescribeListenersResult></DescribeListenersResponse>"""
RULES = """<DescribeRulesResponse><DescribeRulesResult><Rules><member><Actions>{}</Actions></member></Rules>
</DescribeRulesResult></DescribeRulesResponse>"""
FORWARD = "<member><Type>forward</Type><TargetGroupArn>{}</TargetGroupArn></member>"
WEIGHTED = (
    "<member><Type>forward</Type><ForwardConfig><TargetGroups><member><TargetGroupArn>{}</TargetGroupArn>"
    "</member></TargetGroups></ForwardConfig></member>"
)
ERRORS = {
    "elasticloadbalancing": "<ErrorResponse>{}</ErrorResponse>",
    "ec2": "<Response><Errors>{}</Errors></Response>",
}
TARGET = "<member><Target><Id>i</Id></Target><TargetHealth><State>{}</State></TargetHealth></member>"
DELAY = """<DescribeTargetGroupAttributesResponse><DescribeTargetGroupAttributesResult><Attributes><member>
<Key>deregistration_delay.timeout_seconds</Key><Value>300</Value></member></Attributes>
</DescribeTargetGroupAttributesResult></DescribeTargetGroupAttributesResponse>"""


class RefusedError(Exception):
    """What the account answers instead of a result."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message

    def __str__(self) -> str:
        """The message alone."""
        return self.message


def network(parameter: str, element: str, code: str, kind: str) -> Callable[[dict[str, Json]], str]:
    """Return what answers for parts of the network: EC2 describes all that are asked for, or refuses."""

    def answer(asked: dict[str, Json]) -> str:
        wanted = [str(each) for name, each in asked.items() if name.startswith(f"{parameter}.")]
        gone = [each for each in wanted if "gone" in each]
        if gone:
            raise RefusedError(f"{code}.NotFound", f"The {kind} '{gone[0]}' does not exist")
        tag = parameter[0].lower() + parameter[1:]
        items = "".join(f"<item><{tag}>{each}</{tag}></item>" for each in wanted)
        return f"<Response><{element}>{items}</{element}></Response>"

    return answer
