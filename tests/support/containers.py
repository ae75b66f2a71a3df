"""A service as a container of its own, seen from outside."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypedDict, TypeVar, cast

import requests
from docker.models.containers import Container
from docker.models.images import Image

SECRETS = {
    "MONGODB_URI": "mongodb://user:first-secret@db.invalid/spryte",
    "JWT_SECRET_KEY": "second-secret",
    "OPENAI_API_KEY": "third-secret",
}
REFUSED = 78
STARTS_WITHIN = 20.0
HEALTHY_WITHIN = 30.0

T = TypeVar("T")


@dataclass(frozen=True)
class Service:
    """What the contract says of one service, and a path on which it answers 404."""

    name: str
    port: int
    health_path: str
    environment: Mapping[str, str]
    not_found: str


BACKEND = Service("backend", 5000, "/api/health", SECRETS, "/api/nothing-here")
FRONTEND = Service("frontend", 8080, "/", {}, "/assets/nothing-here.js")


class ImageConfig(TypedDict):
    """The part of an image's configuration that the tests read."""

    User: str
    Env: list[str]
    Labels: Mapping[str, str] | None
    ExposedPorts: Mapping[str, object]
    Healthcheck: Mapping[str, object]


@dataclass(frozen=True)
class Running:
    """A container that was started, seen from outside."""

    service: Service
    container: Container

    def address(self) -> tuple[str, int]:
        """Where the service's port is published."""
        self.container.reload()
        published = self.container.ports[f"{self.service.port}/tcp"]
        assert published, "the port is not published"
        return "127.0.0.1", int(published[0]["HostPort"])

    def send(self, path: str, method: str = "GET") -> requests.Response:
        """Sends one request, without any proxy that the machine may name."""
        host, port = self.address()
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, f"http://{host}:{port}{path}", timeout=5)

    def listens(self) -> bool:
        """Whether the health path answers at all; fails when the container has already ended."""
        self.container.reload()
        assert self.container.status != "exited", self.container.logs().decode()
        try:
            return self.send(self.service.health_path).ok
        except requests.ConnectionError:
            return False

    def ready(self) -> "Running":
        """Waits until the service answers."""
        eventually(self.listens, within=STARTS_WITHIN)
        return self

    def health(self) -> str:
        """Docker's own verdict, from the image's HEALTHCHECK."""
        self.container.reload()
        return str(self.container.attrs["State"]["Health"]["Status"])

    def processes(self) -> list[list[str]]:
        """The process id and numeric user of each process in the container."""
        answer = cast("Mapping[str, list[list[str]]]", self.container.top(ps_args="-eo pid,uid"))
        return answer["Processes"]

    def exit_code(self, within: float) -> int:
        """Waits for the end of the container."""
        return int(self.container.wait(timeout=within)["StatusCode"])

    def stdout(self) -> list[str]:
        """The lines on standard output so far."""
        return self.container.logs(stdout=True, stderr=False).decode().splitlines()

    def stderr(self) -> list[str]:
        """The lines on standard error so far."""
        return self.container.logs(stdout=False, stderr=True).decode().splitlines()


class Start(Protocol):
    """Starts a container of a service; it is removed when the test ends."""

    def __call__(
        self,
        service: Service,
        environment: Mapping[str, str],
        *,
        command: list[str] | None = None,
        read_only: bool = False,
    ) -> Running:
        """Returns at once, whether or not the service will come up."""


def eventually(question: Callable[[], T], within: float) -> T:
    """Asks until the answer is true, and fails with the last answer when the time is over.

    Args:
        question: What to ask; quick, and without effect.
        within: Seconds until giving up.

    Returns:
        The first answer that is true.
    """
    deadline = time.monotonic() + within
    while not (answer := question()):
        assert time.monotonic() < deadline, f"still {answer!r} after {within} s"
        time.sleep(0.05)
    return answer


def config_of(image: Image) -> ImageConfig:
    return cast("ImageConfig", image.attrs["Config"])


def version_headers(answer: requests.Response) -> tuple[str, str]:
    return answer.headers["X-App-Version"], answer.headers["X-App-Commit"]


def refusal_of(refused: Running) -> str:
    """The one line with which a container refuses its environment."""
    assert refused.exit_code(within=STARTS_WITHIN) == REFUSED
    assert refused.stdout() == []
    lines = refused.stderr()
    assert len(lines) == 1, lines
    return lines[0]
