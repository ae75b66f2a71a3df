"""An AWS account of plain values behind real boto3 clients: what is asked is answered from it, or denied."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from tasks.clients import Clients, Network
from tests.support.answers import (
    BALANCERS,
    DELAY,
    ERRORS,
    FORWARD,
    GROUP,
    GROUPS,
    HEALTH,
    LISTENERS,
    RULES,
    TARGET,
    network,
)
from tests.support.answers import RefusedError as RefusedError  # noqa: PLC0414 - tests take it from here
from tests.support.fakes import FakeDocker, session
from tests.support.models import ACCOUNT, AWS, BEGAN, DIGEST, REGISTRY, arn, ecs_deployment, ecs_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from botocore.awsrequest import AWSPreparedRequest
    from botocore.hooks import BaseEventHooks
    from docker import DockerClient
    from types_boto3_ecr import ECRClient
    from types_boto3_ecs import ECSClient
    from types_boto3_elbv2 import ElasticLoadBalancingv2Client
    from types_boto3_logs import CloudWatchLogsClient

    from tasks.documents import Json

SENT = BEGAN.timestamp()


@dataclass
class Account:
    """One backend: its revisions by number with versions and commits, its deployments, its repository's tags.

    Of target groups there are those in `groups`, or all that are asked for. The load balancer's one rule has these
    `actions`, or forwards to all of `groups`.
    """

    revisions: dict[int, str] = field(default_factory=dict)
    deployments: list[dict[str, object]] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    inactive: set[int] = field(default_factory=set)
    images: dict[int, str] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    tasks: list[dict[str, object]] = field(default_factory=list)
    lines: list[dict[str, object]] = field(default_factory=list)
    targets: tuple[str, ...] = ("healthy",)
    definitions: dict[int, dict[str, Json]] = field(default_factory=dict)
    updated: list[dict[str, object]] = field(default_factory=list)
    later: list[dict[str, object]] = field(default_factory=list)
    settings: dict[str, object] = field(default_factory=dict)
    stored: list[dict[str, object]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Json]]] = field(default_factory=list)
    commits: dict[int, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    groups: dict[str, tuple[str, str]] | None = None
    actions: str | None = None
    container: str = "spryte-backend"

    def answer(self, operation: str, asked: dict[str, Json]) -> dict[str, object] | str:
        """Answer an operation; raises `RefusedError`."""
        self.asked.append((operation, asked))
        if operation in self.denied:
            message = f"User: somebody is not authorized to perform: {operation} on resource: x"
            raise RefusedError("AccessDeniedException", message)
        return self._operations[operation](asked)

    def requests(self, operation: str) -> list[dict[str, Json]]:
        """Return what an operation was asked for, each time."""
        return [asked for name, asked in self.asked if name == operation]

    @cached_property
    def _operations(self) -> dict[str, Callable[[dict[str, Json]], dict[str, object] | str]]:
        return {
            "ecs:DescribeServices": lambda _: {"services": [self._service()]},
            "ecs:DescribeTaskDefinition": self._describe,
            "ecs:DeregisterTaskDefinition": lambda _: {"taskDefinition": {}},
            "ecs:ListTaskDefinitions": lambda _: {
                "taskDefinitionArns": [arn(number) for number in self.revisions]
            },
            "ecs:ListTasks": lambda _: {"taskArns": [each["taskArn"] for each in self.tasks]},
            "ecs:DescribeTasks": lambda _: {"tasks": self.tasks},
            "ecs:RunTask": lambda _: {"tasks": self.tasks[:1], "failures": []},
            "ecs:UpdateService": self._update,
            "ecr:BatchGetImage": self._get_images,
            "ecr:PutImage": self._put_image,
            "ecr:DescribeImages": lambda _: {"imageDetails": self.stored},
            "ecr:BatchDeleteImage": lambda _: {"imageIds": [], "failures": []},
            "logs:FilterLogEvents": self._filter,
            "elasticloadbalancing:DescribeTargetGroups": self._groups,
            "elasticloadbalancing:DescribeLoadBalancers": lambda _: BALANCERS,
            "elasticloadbalancing:DescribeListeners": lambda _: LISTENERS,
            "elasticloadbalancing:DescribeRules": self._rules,
            "ec2:DescribeSubnets": network("SubnetId", "subnetSet", "InvalidSubnetID", "subnet ID"),
            "ec2:DescribeSecurityGroups": network(
                "GroupId", "securityGroupInfo", "InvalidGroup", "security group"
            ),
            "elasticloadbalancing:DescribeTargetHealth": lambda _: HEALTH.format(
                "".join(TARGET.format(each) for each in self.targets)
            ),
            "elasticloadbalancing:DescribeTargetGroupAttributes": lambda _: DELAY,
        }

    def _service(self) -> dict[str, object]:
        described = {**ecs_service(*self.deployments), **self.settings}
        return cast("dict[str, object]", json.loads(json.dumps(described, default=_seconds)))

    def _describe(self, asked: dict[str, Json]) -> dict[str, object]:
        reference = str(asked["taskDefinition"]).rpartition("/")[2]
        active = [number for number in self.revisions if number not in self.inactive]
        name, _, text = reference.partition(":")
        number = int(text) if text else max(active, default=0)
        if name not in ("spryte-backend", self.container) or number not in self.revisions:
            raise RefusedError("ClientException", "Unable to describe task definition.")
        version = self.revisions[number]
        variables = {"APP_VERSION": version, "APP_COMMIT": self.commits.get(number, "c" * 40)} if version else {}
        container = {
            "name": self.container,
            "image": self.images.get(number, f"{REGISTRY}/spryte-backend@{DIGEST}"),
            "environment": [{"name": key, "value": value} for key, value in variables.items()],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": "/ecs/spryte-backend", "awslogs-stream-prefix": "ecs"},
            },
        }
        definition = {
            "taskDefinitionArn": arn(number),
            "family": "spryte-backend",
            "revision": number,
            "status": "INACTIVE" if number in self.inactive else "ACTIVE",
            "registeredAt": SENT,
            "containerDefinitions": [container],
            **self.definitions.get(number, {}),
        }
        return {"taskDefinition": definition}

    def _update(self, asked: dict[str, Json]) -> dict[str, object]:
        number = int(str(asked["taskDefinition"]).rpartition(":")[2])
        self.deployments = self.updated or [ecs_deployment(number, "ecs-svc/9")]
        answer: dict[str, object] = {"service": self._service()}
        self.deployments = self.later or self.deployments
        return answer

    def _filter(self, asked: dict[str, Json]) -> dict[str, object]:
        """Return the lines since then; those without a group of their own are in every one."""
        since, group = cast("int", asked["startTime"]), asked["logGroupName"]
        found = [each for each in self.lines if cast("int", each["timestamp"]) >= since]
        here = [each for each in found if each.get("group", group) == group]
        return {"events": [{name: value for name, value in each.items() if name != "group"} for each in here]}

    def _get_images(self, asked: dict[str, Json]) -> dict[str, object]:
        ids = cast("list[dict[str, str]]", asked["imageIds"])
        missing = [
            each for each in ids if each.get("imageTag", each.get("imageDigest")) not in {*self.tags, DIGEST}
        ]
        image = {"imageManifest": "{}", "imageManifestMediaType": "application/json"}
        return {
            "images": [
                {"imageId": {**self._digest(each), **each}, **image} for each in ids if each not in missing
            ],
            "failures": [{"imageId": each, "failureCode": "ImageNotFound"} for each in missing],
        }

    def _groups(self, asked: dict[str, Json]) -> str:
        wanted = [str(value) for name, value in asked.items() if name.startswith("TargetGroupArns.")]
        known = dict.fromkeys(wanted, ("/api/health", "ip")) if self.groups is None else self.groups
        if not all(arn in known for arn in wanted):
            raise RefusedError("TargetGroupNotFound", "One or more target groups not found")
        return GROUPS.format("".join(GROUP.format(arn, *known[arn]) for arn in wanted))

    def _rules(self, _: dict[str, Json]) -> str:
        forwards = "".join(FORWARD.format(each) for each in self.groups or {})
        return RULES.format(forwards if self.actions is None else self.actions)

    def _digest(self, asked: dict[str, str]) -> dict[str, str]:
        return {"imageDigest": self.digests.get(asked.get("imageTag", ""), DIGEST)}

    def _put_image(self, asked: dict[str, Json]) -> dict[str, object]:
        self.tags.add(str(asked["imageTag"]))
        return {"image": {}}


class AccountClients(Clients):
    """Real clients of an account of plain values, and a clock that sleeping moves."""

    def __init__(self, account: Account, app_url: str = "http://127.0.0.1:9") -> None:
        super().__init__(replace(AWS, app_url=app_url))
        self.account = account
        self.engine = FakeDocker()
        self.slept = 0.0

    @cached_property
    def ecs(self) -> ECSClient:
        """The container service."""
        made = session().client("ecs")
        self._play(made.meta.events, "ecs")
        return made

    @cached_property
    def ecr(self) -> ECRClient:
        """The registry."""
        made = session().client("ecr")
        self._play(made.meta.events, "ecr")
        return made

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """The containers' logs."""
        made = session().client("logs")
        self._play(made.meta.events, "logs")
        return made

    @cached_property
    def elbv2(self) -> ElasticLoadBalancingv2Client:
        """The load balancer."""
        made = session().client("elbv2")
        self._play(made.meta.events, "elasticloadbalancing")
        return made

    @cached_property
    def ec2(self) -> Network:
        """The network."""
        made = session().client("ec2")
        self._play(made.meta.events, "ec2")
        return cast("Network", made)

    @cached_property
    def docker(self) -> DockerClient:
        """The fake engine."""
        return cast("DockerClient", self.engine)

    def clock(self) -> float:
        """Return the seconds slept so far."""
        return self.slept

    def wall_clock(self) -> datetime:
        """Return the moment at which everything in the account happened."""
        return BEGAN

    def sleep(self, seconds: float) -> None:
        """Move the clock."""
        self.slept += seconds

    def _play(self, events: BaseEventHooks, service: str) -> None:
        def send(request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse:
            operation = f"{service}:{event_name.rpartition('.')[2]}"
            body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
            asked = cast("dict[str, Json]", json.loads(body)) if body.startswith("{") else _form(body)
            try:
                return _response(200, self.account.answer(operation, asked))
            except RefusedError as error:
                if service in ERRORS:
                    text = f"<Error><Code>{error.code}</Code><Message>{error}</Message></Error>"
                    return _response(403, ERRORS[service].format(text))
                return _response(400, {"__type": error.code, "message": str(error)})

        events.register("before-send", send)  # type: ignore[arg-type]  # the stubs know of no handler that answers


class _Body(io.BytesIO):
    """The body of an answer, as botocore reads it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        """Give it in one piece."""
        yield self.read()


def verified(*numbers: int, over: dict[int, int] | None = None) -> set[str]:
    """Return the tags that record these revisions, and what each was deployed over."""
    before = {f"deployed-spryte-backend-{number}-over-{old}" for number, old in (over or {}).items()}
    return {f"verified-spryte-backend-{number}" for number in numbers} | before


def _response(status: int, answer: dict[str, object] | str) -> AWSResponse:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return AWSResponse(f"https://aws.example/{ACCOUNT}", status, HTTPHeaders(), _Body(text.encode()))


def _form(body: str) -> dict[str, Json]:
    return {name: values[0] for name, values in parse_qs(body).items()}


def _seconds(value: object) -> float:
    return cast("datetime", value).timestamp()
