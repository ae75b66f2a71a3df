"""What is passed in where a test must not reach AWS, Docker or the clock; boto3 itself is the real one."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, cast

from boto3 import Session
from botocore.session import Session as BareSession
from botocore.stub import Stubber

from tasks.clients import Clients
from tasks.report import Report
from tests.support.models import AWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from docker import DockerClient
    from types_boto3_ecr import ECRClient
    from types_boto3_ecs import ECSClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_sts import STSClient

    from tasks.documents import Json
    from tasks.settings import Target


class Recorder(Report):
    """A report whose lines a test can read."""

    def __init__(self) -> None:
        self._output = io.StringIO()
        super().__init__(self._output, lambda: 0.0)

    @property
    def text(self) -> str:
        """Everything that was shown."""
        return self._output.getvalue()


class StubbedClients(Clients):
    """Real boto3 clients that answer what a test says, in that order, and a clock that sleeping moves."""

    def __init__(self, target: Target = AWS, docker: FakeDocker | None = None) -> None:
        super().__init__(target)
        self.now = 0.0
        self.naps: list[float] = []
        self.engine = docker or FakeDocker()
        self.ecs_stub, self.ecr_stub = Stubber(self.ecs), Stubber(self.ecr)
        self.sts_stub, self.logs_stub = Stubber(self.sts), Stubber(self.logs)
        for stub in self._stubs:
            stub.activate()

    @property
    def _stubs(self) -> tuple[Stubber, ...]:
        return self.ecs_stub, self.ecr_stub, self.sts_stub, self.logs_stub

    @cached_property
    def ecs(self) -> ECSClient:
        """The container service."""
        return session().client("ecs")

    @cached_property
    def ecr(self) -> ECRClient:
        """The registry."""
        return session().client("ecr")

    @cached_property
    def sts(self) -> STSClient:
        """Who is asking."""
        return session().client("sts")

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """The containers' logs."""
        return session().client("logs")

    @cached_property
    def docker(self) -> DockerClient:
        """The fake engine."""
        return cast("DockerClient", self.engine)

    def clock(self) -> float:
        """Return the seconds slept so far."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move the clock."""
        self.naps.append(seconds)
        self.now += seconds

    def services_are(self, *described: dict[str, object]) -> None:
        """Let DescribeServices answer with each of these, one call after the other."""
        for each in described:
            self.ecs_stub.add_response(
                "describe_services",
                {"services": [each]},
                {"cluster": "spryte-cluster", "services": ["spryte-backend-service"]},
            )

    def tags_are(self, *digests: tuple[str, str]) -> None:
        """Let BatchGetImage answer each tag with its digest; with an empty one, that there is none."""
        for tag, digest in digests:
            image = {"imageId": {"imageTag": tag, "imageDigest": digest}}
            self.ecr_stub.add_response(
                "batch_get_image",
                {"images": [image] if digest else []},
                {"repositoryName": "spryte-backend", "imageIds": [{"imageTag": tag}]},
            )

    def logs_in(self) -> None:
        """Let ECR give a token."""
        token = base64.b64encode(b"AWS:the-registry-password").decode()
        self.ecr_stub.add_response(
            "get_authorization_token", {"authorizationData": [{"authorizationToken": token}]}, {}
        )

    def assert_all_asked(self) -> None:
        """Insist that every answer that was prepared was asked for."""
        for stub in self._stubs:
            stub.assert_no_pending_responses()


@dataclass
class FakeImage:
    """An image of the fake engine."""

    attrs: dict[str, Json]
    tags: list[str] = field(default_factory=list)

    def tag(self, repository: str, tag: str) -> bool:
        """Remember the tag."""
        self.tags.append(f"{repository}:{tag}")
        return True


@dataclass
class FakeImages:
    """The images of the fake engine."""

    known: dict[str, FakeImage] = field(default_factory=dict)

    def list(self, name: str) -> Sequence[FakeImage]:
        """Return the image of that name, if there is one."""
        return [self.known[name]] if name in self.known else []

    def get(self, name: str) -> FakeImage:
        """Return an image; raises `KeyError`."""
        return self.known[name]

    def remove(self, name: str, noprune: bool) -> None:
        """Forget an image."""
        assert not noprune
        del self.known[name]


@dataclass
class FakeApi:
    """The engine's API: the streams it answers with, and what it was asked for."""

    streams: list[Sequence[Mapping[str, Json]]] = field(default_factory=list)
    built: list[dict[str, object]] = field(default_factory=list)
    pushed: list[tuple[str, str]] = field(default_factory=list)
    credentials: Mapping[str, str] = field(default_factory=dict)
    images: FakeImages = field(default_factory=FakeImages)
    result: FakeImage | None = None

    def build(self, **options: object) -> Iterator[Mapping[str, Json]]:
        """Answer with the next stream; the image is there when it ended."""
        self.built.append(options)
        yield from self.streams.pop(0)
        if self.result:
            self.images.known[str(options["tag"])] = self.result

    def push(
        self, repository: str, tag: str, *, stream: bool, decode: bool, auth_config: Mapping[str, str]
    ) -> Iterator[Mapping[str, Json]]:
        """Answer with the next stream."""
        assert stream
        assert decode
        self.credentials = auth_config
        self.pushed.append((repository, tag))
        yield from self.streams.pop(0)


class FakeDocker:
    """A Docker Engine of plain values."""

    def __init__(self, *streams: Sequence[Mapping[str, Json]], result: FakeImage | None = None) -> None:
        self.images = FakeImages()
        self.api = FakeApi([*streams], images=self.images, result=result)
        self.pings = 0

    def ping(self) -> bool:
        """Answer."""
        self.pings += 1
        return True

    def has(self, name: str, **attributes: Json) -> FakeImage:
        """Put an image in, linux/amd64 unless told otherwise."""
        found = image_of(**attributes)
        self.images.known[name] = found
        return found


def image_of(**attributes: Json) -> FakeImage:
    """Return an image, linux/amd64 unless told otherwise."""
    return FakeImage({"Os": "linux", "Architecture": "amd64", "Id": "sha256:1234", "Size": 5e7, **attributes})


@cache
def session() -> Session:
    """Return the session of nobody, which has read botocore's models once for all tests."""
    bare = BareSession(session_vars={"profile": (None, None, None, None)})
    return Session("nobody", "nothing", None, "us-east-2", bare)
