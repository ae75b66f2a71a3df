"""Every connection to the outside, made here and nowhere else, each when it is first used."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, cast

from tasks.http import HttpClient, on_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from boto3 import Session
    from botocore.config import Config
    from docker import DockerClient
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_ecr import ECRClient
    from types_boto3_ecs import ECSClient
    from types_boto3_elbv2 import ElasticLoadBalancingv2Client
    from types_boto3_iam import IAMClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sts import STSClient

    from tasks.settings import Target

CONNECT_SECONDS = 5
READ_SECONDS = 30
ATTEMPTS = 5
ATTEMPTS_ON_LOOPBACK = 2
DOCKER_SECONDS = 900  # for a step of a build that prints nothing
ENGINE_SECONDS = 30  # an engine that has not told its version by then hangs


class Network(Protocol):
    """The two questions that are put to EC2: its complete types would be the largest of all."""

    def describe_subnets(self, *, SubnetIds: Sequence[str]) -> Mapping[str, Sequence[Mapping[str, str]]]:  # noqa: N803
        """Describe subnets; a missing one is a `ClientError`."""

    def describe_security_groups(self, *, GroupIds: Sequence[str]) -> Mapping[str, Sequence[Mapping[str, str]]]:  # noqa: N803
        """Describe security groups; a missing one is a `ClientError`."""


class Clients:
    """AWS, Docker, HTTP and time for one target. A test's subclass replaces what it wants to replace."""

    engine_seconds = ENGINE_SECONDS

    def __init__(self, target: Target) -> None:
        self.target = target

    @cached_property
    def ecr(self) -> ECRClient:
        """The image registry."""
        return self._session.client("ecr", config=self._config, endpoint_url=self.target.endpoint_url)

    @cached_property
    def ecs(self) -> ECSClient:
        """The container service."""
        return self._session.client("ecs", config=self._config, endpoint_url=self.target.endpoint_url)

    @cached_property
    def sts(self) -> STSClient:
        """Who the credentials belong to."""
        return self._session.client("sts", config=self._config, endpoint_url=self.target.endpoint_url)

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """The provisioning of an environment."""
        return self._session.client("cloudformation", config=self._config, endpoint_url=self.target.endpoint_url)

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """The containers' logs."""
        return self._session.client("logs", config=self._config, endpoint_url=self.target.endpoint_url)

    @cached_property
    def elbv2(self) -> ElasticLoadBalancingv2Client:
        """The load balancer."""
        return self._session.client("elbv2", config=self._config, endpoint_url=self.target.endpoint_url)

    @cached_property
    def iam(self) -> IAMClient:
        """Roles and policies."""
        return self._session.client("iam", config=self._config, endpoint_url=self.target.endpoint_url)

    @cached_property
    def secretsmanager(self) -> SecretsManagerClient:
        """The services' secrets; only ever whether one exists."""
        return self._session.client("secretsmanager", config=self._config, endpoint_url=self.target.endpoint_url)

    @cached_property
    def ec2(self) -> Network:
        """The network that the tasks run in."""
        client = self._session.client("ec2", config=self._config, endpoint_url=self.target.endpoint_url)
        return cast("Network", client)

    @cached_property
    def docker(self) -> DockerClient:
        """The Docker Engine of the current Docker context; raises `docker.errors.DockerException`."""
        from docker import from_env  # noqa: PLC0415 - `inv --list` must not pay for it

        client = from_env(timeout=self.engine_seconds)  # asks for its version at once
        client.api.timeout = DOCKER_SECONDS
        return client

    @cached_property
    def http(self) -> HttpClient:
        """Plain HTTP, for what a user of the services would see."""
        return HttpClient()

    def clock(self) -> float:
        """Return seconds that only ever grow."""
        return time.monotonic()

    def wall_clock(self) -> datetime:
        """Return what time it is, to be compared with the times that AWS tells."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Pause, with up to a tenth more so that many waiting deploys do not ask in step."""
        time.sleep(seconds * random.uniform(1, 1.1))  # noqa: S311 - spread, not secrecy

    @cached_property
    def _session(self) -> Session:
        from boto3 import Session  # noqa: PLC0415 - `inv --list` must not pay for it

        given = self.target.credentials
        if given is None:
            return Session(region_name=self.target.region)
        # Fixed credentials must not depend on a profile that the person's environment names.
        from botocore.session import Session as BareSession  # noqa: PLC0415

        bare = BareSession(session_vars={"profile": (None, None, None, None)})
        return Session(given.access_key, given.secret_key, None, self.target.region, bare)

    @cached_property
    def _config(self) -> Config:
        from botocore.config import Config  # noqa: PLC0415

        local = on_loopback(self.target.endpoint_url or "")
        return Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            # where nobody listens on loopback, nobody will in a few seconds
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS_ON_LOOPBACK if local else ATTEMPTS},
            # a proxy has no business on loopback; None asks the environment for one
            proxies={} if local else None,
        )
