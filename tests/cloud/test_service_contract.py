"""Both services, as real containers, against docs/service-contract.md."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol, TypedDict, TypeVar, cast

import docker
import pytest
import requests
from docker.models.containers import Container
from docker.models.images import Image

SECRETS = {
    "MONGODB_URI": "mongodb://user:first-secret@db.invalid/spryte",
    "JWT_SECRET_KEY": "second-secret",
    "OPENAI_API_KEY": "third-secret",
}
REFUSED = 78
STOPS_WITHIN = 5.0
STARTS_WITHIN = 20.0
HEALTHY_WITHIN = 30.0

ODD_LABELS = {
    "a space alone": " ",
    "a quote": '1.2.3"',
    "a space": "1.2 3",
    "a second header": "1.2.3\r\nX-Evil: 1",
    "a second line": "1.2.3\n4",
    "a newline at its end": "1.2.3\n",
    "a variable of nginx": "1.2.3$hostname",
    "a letter beyond ASCII": "1.2.3-ü",
    "a leading dash": "-1.2.3",
    "a semicolon": "1.2.3;",
    "a backslash": "1.2.3\\",
    "129 characters": "1" * 129,
}
ODD_API_URLS = {
    "no scheme": "api.example.com",
    "no host": "https://",
    "another scheme": "ftp://api.example.com",
    "a script": "javascript:alert(1)",
    "the page's scheme": "//api.example.com",
    "a query": "https://api.example.com/?a=1",
    "a user": "https://user:pass@api.example.com",
    "two addresses": "https://api.example.com https://evil.example.com",
    "a policy of its own": "https://api.example.com; script-src *",
    "a quote": 'https://api.example.com"',
    "a variable of nginx": "https://$host",
    "a second line": "https://api.example.com\nhttps://evil.example.com",
    "a wildcard": "https://*.example.com",
    "a port that is none": "https://api.example.com:port",
}

# Written into the backend's container at start, since no route of the backend itself fails.
FAILING_APP = """
from spryte.web import create_app
app = create_app()
app.add_url_rule("/api/fail", view_func=lambda: 1 / 0)
"""

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


class Config(TypedDict):
    """What the frontend serves as /config.json."""

    apiUrl: str
    version: str
    commit: str


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


@pytest.fixture
def start(docker_client: docker.DockerClient, service_images: Mapping[str, str]) -> Iterator[Start]:
    """Containers that last as long as the test."""
    started: list[Container] = []

    def run(
        service: Service,
        environment: Mapping[str, str],
        *,
        command: list[str] | None = None,
        read_only: bool = False,
    ) -> Running:
        container = docker_client.containers.run(
            service_images[service.name],
            command,
            detach=True,
            environment=dict(environment),
            ports={f"{service.port}/tcp": ("127.0.0.1", 0)},
            read_only=read_only,
            tmpfs={"/tmp": ""} if read_only else {},  # noqa: S108 - inside the container
        )
        started.append(container)
        return Running(service, container)

    yield run
    for container in started:
        container.remove(force=True, v=True)


@pytest.fixture(params=[BACKEND, FRONTEND], ids=lambda service: service.name)
def service(request: pytest.FixtureRequest) -> Service:
    """Each of the two services in turn."""
    return cast("Service", request.param)


@pytest.fixture
def running(start: Start, service: Service) -> Running:
    """Each of the two services in turn, up and answering."""
    return start(service, service.environment).ready()


@pytest.fixture
def backend(start: Start) -> Running:
    """The backend, up and answering as version 1.2.3."""
    return start(BACKEND, {**SECRETS, "APP_VERSION": "1.2.3", "APP_COMMIT": "0a1b2c3"}).ready()


@pytest.fixture
def frontend(start: Start) -> Running:
    """The frontend, up and answering as version 1.2.3."""
    return start(FRONTEND, {"APP_VERSION": "1.2.3", "APP_COMMIT": "0a1b2c3"}).ready()


@pytest.fixture
def image(docker_client: docker.DockerClient, service_images: Mapping[str, str], service: Service) -> Image:
    """The image of each of the two services in turn."""
    return docker_client.images.get(service_images[service.name])


def config_of(image: Image) -> ImageConfig:
    return cast("ImageConfig", image.attrs["Config"])


def version_headers(answer: requests.Response) -> tuple[str, str]:
    return answer.headers["X-App-Version"], answer.headers["X-App-Commit"]


def asset_of(frontend: Running, ending: str) -> str:
    found = re.search(rf"/assets/[^\"]+\.{ending}", frontend.send("/").text)
    assert found, f"index.html names no .{ending} file"
    return found.group()


def refusal_of(refused: Running) -> str:
    """The one line with which a container refuses its environment."""
    assert refused.exit_code(within=STARTS_WITHIN) == REFUSED
    assert refused.stdout() == []
    lines = refused.stderr()
    assert len(lines) == 1, lines
    return lines[0]


# ---------------------------------------------------------------------------------- both services


def test_a_service_answers_200_on_its_health_path_and_port(running: Running, image: Image) -> None:
    assert running.send(running.service.health_path).status_code == 200
    assert f"{running.service.port}/tcp" in config_of(image)["ExposedPorts"]


def test_every_response_names_the_version_and_the_commit(start: Start, service: Service) -> None:
    told = {"APP_VERSION": "2.0.0-rc.1+build_7", "APP_COMMIT": "f" * 40}
    running = start(service, {**service.environment, **told}).ready()
    answers = {
        200: running.send(service.health_path),
        404: running.send(service.not_found),
        405: running.send(service.health_path, "POST"),
    }
    for status, answer in answers.items():
        assert (answer.status_code, *version_headers(answer)) == (status, *told.values())


def test_a_service_that_is_told_no_version_says_so(start: Start, service: Service) -> None:
    untold = start(service, {**service.environment, "APP_VERSION": "", "APP_COMMIT": ""}).ready()
    assert version_headers(untold.send(service.health_path)) == ("unversioned", "unknown")


def test_one_image_serves_under_two_versions_at_once(start: Start, service: Service) -> None:
    first = start(service, {**service.environment, "APP_VERSION": "1.0.0", "APP_COMMIT": "aaaaaaa"}).ready()
    second = start(service, {**service.environment, "APP_VERSION": "2.0.0", "APP_COMMIT": "bbbbbbb"}).ready()
    assert version_headers(first.send(service.health_path)) == ("1.0.0", "aaaaaaa")
    assert version_headers(second.send(service.health_path)) == ("2.0.0", "bbbbbbb")


def test_the_image_itself_carries_no_version(image: Image) -> None:
    names = {entry.partition("=")[0] for entry in config_of(image)["Env"]}
    assert names.isdisjoint({"APP_VERSION", "APP_COMMIT"})
    labels = {f"org.opencontainers.image.{name}" for name in ("version", "revision", "ref.name", "created")}
    assert labels.isdisjoint(config_of(image)["Labels"] or {})


@pytest.mark.parametrize("value", ODD_LABELS.values(), ids=ODD_LABELS)
def test_a_service_refuses_a_version_and_a_commit_with(start: Start, service: Service, value: str) -> None:
    odd = {"APP_VERSION": value, "APP_COMMIT": value}
    refusal = refusal_of(start(service, {**service.environment, **odd}))
    assert f"spryte-{service.name} cannot start: APP_VERSION must be" in refusal
    assert "; APP_COMMIT must be" in refusal
    assert value.isspace() or value not in refusal


def test_no_process_of_a_service_runs_as_root(running: Running, image: Image) -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", config_of(image)["User"])
    users = {uid for _, uid in running.processes()}
    assert users == {config_of(image)["User"].partition(":")[0]}


def test_the_healthcheck_of_the_image_turns_healthy(running: Running) -> None:
    eventually(lambda: running.health() == "healthy", within=HEALTHY_WITHIN)


def test_the_healthcheck_asks_the_contract_s_address(image: Image, service: Service) -> None:
    command = cast("list[str]", config_of(image)["Healthcheck"]["Test"])
    assert command[:2] == ["CMD", "curl"]
    assert command[-1] == f"http://localhost:{service.port}{service.health_path}"


def test_the_health_check_of_ecs_finds_a_shell_and_curl_inside(running: Running) -> None:
    asked = f"curl -f http://localhost:{running.service.port}{running.service.health_path} || exit 1"
    assert running.container.exec_run(["/bin/sh", "-c", asked]).exit_code == 0


@pytest.mark.parametrize("signal", ["SIGTERM", "its own stop signal"])
def test_a_service_stops_cleanly_although_a_client_stays_connected_on(running: Running, signal: str) -> None:
    with closing(socket.create_connection(running.address())):
        began = time.monotonic()
        if signal == "SIGTERM":
            running.container.kill("SIGTERM")
        else:
            running.container.stop(timeout=30)
        assert running.exit_code(within=30) == 0
        assert time.monotonic() - began < STOPS_WITHIN


def test_each_request_is_one_line_of_json_on_stdout_without_its_query(running: Running) -> None:
    path = running.service.not_found
    running.send(f"{path}?token=not-for-the-log")
    lines = eventually(lambda: [line for line in running.stdout() if path in line], within=5)
    assert len(lines) == 1
    logged = json.loads(lines[0])
    assert (logged["method"], logged["path"], logged["status"]) == ("GET", path, 404)
    assert "not-for-the-log" not in lines[0]
    assert running.stderr() == []


def test_every_line_on_stdout_is_json(running: Running) -> None:
    running.send(running.service.health_path)
    running.container.stop(timeout=30)
    assert running.exit_code(within=30) == 0
    assert all(isinstance(json.loads(line), dict) for line in running.stdout())


def test_a_service_writes_nowhere_but_to_tmp_and_shared_memory(start: Start, service: Service) -> None:
    running = start(service, service.environment, read_only=True).ready()
    assert running.send(service.health_path).status_code == 200


# ---------------------------------------------------------------------------------------- backend


def test_the_backend_s_health_names_its_version_and_commit(backend: Running) -> None:
    answer = backend.send("/api/health")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json() == {"status": "ok", "service": "backend", "version": "1.2.3", "commit": "0a1b2c3"}


@pytest.mark.parametrize("missing", SECRETS)
@pytest.mark.parametrize("value", [None, "", "  "], ids=["absent", "empty", "blank"])
def test_the_backend_refuses_to_start_without(start: Start, missing: str, value: str | None) -> None:
    environment = {name: secret for name, secret in SECRETS.items() if name != missing}
    refusal = refusal_of(start(BACKEND, environment if value is None else {**environment, missing: value}))
    assert f"spryte-backend cannot start: {missing} is not set." in refusal
    assert all(secret not in refusal for secret in SECRETS.values())


def test_the_backend_names_all_that_is_wrong_in_its_one_line(start: Start) -> None:
    refusal = refusal_of(start(BACKEND, {"APP_VERSION": "1 2", "WEB_CONCURRENCY": "many"}))
    assert "MONGODB_URI, JWT_SECRET_KEY, OPENAI_API_KEY are not set" in refusal
    assert "APP_VERSION must be" in refusal
    assert "WEB_CONCURRENCY must be a whole number from 1 to 32" in refusal


def test_the_backend_never_logs_its_secrets(backend: Running) -> None:
    backend.send("/api/health")
    backend.container.stop(timeout=30)
    logged = "\n".join([*backend.stdout(), *backend.stderr()])
    assert all(secret not in logged for secret in SECRETS.values())


@pytest.mark.parametrize("path", ["/api", "/api/nothing-here", "/api/health/", "/health"])
def test_the_backend_answers_an_unknown_path_with_404_in_json(backend: Running, path: str) -> None:
    answer = backend.send(path)
    assert (answer.status_code, answer.json()) == (404, {"error": "Not Found", "status": 404})


def test_a_page_of_another_origin_may_read_the_backend_s_health_and_nothing_else(backend: Running) -> None:
    health = backend.send("/api/health").headers
    assert health["Access-Control-Allow-Origin"] == "*"
    assert health["Access-Control-Expose-Headers"] == "X-App-Version, X-App-Commit"
    assert "Access-Control-Allow-Origin" not in backend.send("/api/nothing-here").headers


def test_an_error_in_the_backend_answers_500_with_the_version_and_is_logged_in_one_line(start: Start) -> None:
    begin = (
        'printf %s "$FAILING_APP" > /tmp/failing.py && '
        "exec gunicorn --pythonpath /tmp --config python:spryte.server failing:app"
    )
    told = {"APP_VERSION": "1.2.3", "APP_COMMIT": "0a1b2c3", "FAILING_APP": FAILING_APP}
    backend = start(BACKEND, {**SECRETS, **told}, command=["/bin/sh", "-c", begin]).ready()
    answer = backend.send("/api/fail")
    assert (answer.status_code, answer.json()) == (500, {"error": "Internal Server Error", "status": 500})
    assert version_headers(answer) == ("1.2.3", "0a1b2c3")
    lines = eventually(lambda: [line for line in backend.stdout() if "ZeroDivision" in line], within=5)
    assert len(lines) == 1
    assert json.loads(lines[0])["level"] == "error"


@pytest.mark.parametrize(("told", "workers"), [("", 2), ("1", 1), ("3", 3)], ids=["default", "one", "three"])
def test_the_backend_runs_as_many_workers_as_it_is_told(start: Start, told: str, workers: int) -> None:
    backend = start(BACKEND, {**SECRETS, "WEB_CONCURRENCY": told}).ready()
    eventually(lambda: len(backend.processes()) == workers + 1, within=STARTS_WITHIN)


@pytest.mark.parametrize("odd", ["0", "33", "-1", "2.5", "two", "2\n"])
def test_the_backend_refuses_a_number_of_workers_like(start: Start, odd: str) -> None:
    refusal = refusal_of(start(BACKEND, {**SECRETS, "WEB_CONCURRENCY": odd}))
    assert "WEB_CONCURRENCY must be a whole number from 1 to 32" in refusal


# --------------------------------------------------------------------------------------- frontend


def test_the_frontend_serves_its_configuration_and_never_lets_it_be_stored(frontend: Running) -> None:
    answer = frontend.send("/config.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json() == {"apiUrl": "", "version": "1.2.3", "commit": "0a1b2c3"}


@pytest.mark.parametrize(
    ("told", "served", "origin"),
    [
        ("https://api.example.com", "https://api.example.com", "https://api.example.com"),
        ("https://api.example.com/", "https://api.example.com", "https://api.example.com"),
        ("http://localhost:5000", "http://localhost:5000", "http://localhost:5000"),
        ("https://a.example:8443/x/y_z", "https://a.example:8443/x/y_z", "https://a.example:8443"),
    ],
)
def test_the_frontend_points_its_page_at_the_api_of_its_environment(
    start: Start, told: str, served: str, origin: str
) -> None:
    frontend = start(FRONTEND, {"VITE_API_URL": told}).ready()
    config = cast("Config", frontend.send("/config.json").json())
    assert config["apiUrl"] == served
    policy = frontend.send("/").headers["Content-Security-Policy"]
    assert f"connect-src 'self' {origin};" in policy


@pytest.mark.parametrize("odd", ODD_API_URLS.values(), ids=ODD_API_URLS)
def test_the_frontend_refuses_an_api_address_with(start: Start, odd: str) -> None:
    refusal = refusal_of(start(FRONTEND, {"VITE_API_URL": odd}))
    assert "spryte-frontend cannot start: VITE_API_URL must be empty or an address" in refusal
    assert odd not in refusal


def test_the_frontend_names_all_that_is_wrong_in_its_one_line(start: Start) -> None:
    odd = {"APP_VERSION": "1 2", "APP_COMMIT": "a/b", "VITE_API_URL": "nowhere"}
    refusal = refusal_of(start(FRONTEND, odd))
    assert all(f"{name} must be" in refusal for name in odd)


@pytest.mark.parametrize("path", ["/", "/index.html", "/some/page", "/?a=1"])
def test_the_page_is_served_on_every_path_and_always_revalidated(frontend: Running, path: str) -> None:
    answer = frontend.send(path)
    assert answer.status_code == 200
    assert '<div id="root">' in answer.text
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["ETag"]


@pytest.mark.parametrize("ending", ["js", "css"])
def test_a_hashed_asset_may_be_kept_for_a_year(frontend: Running, ending: str) -> None:
    answer = frontend.send(asset_of(frontend, ending))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert version_headers(answer) == ("1.2.3", "0a1b2c3")


@pytest.mark.parametrize("path", ["/assets/index-00000000.js", "/assets/", "/assets/../assets/none.css"])
def test_a_missing_asset_is_404_and_not_the_page_and_not_remembered(frontend: Running, path: str) -> None:
    answer = frontend.send(path)
    assert answer.status_code == 404
    assert "root" not in answer.text
    assert answer.headers["Cache-Control"] == "no-cache"
    assert version_headers(answer) == ("1.2.3", "0a1b2c3")


def test_an_api_request_that_strays_to_the_frontend_is_not_answered_with_the_page(frontend: Running) -> None:
    answer = frontend.send("/api/health")
    assert (answer.status_code, answer.json()) == (404, {"error": "Not Found", "status": 404})


@pytest.mark.parametrize("ending", ["js", "css"])
def test_the_frontend_compresses_text(frontend: Running, ending: str) -> None:
    answer = frontend.send(asset_of(frontend, ending))
    assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding")


@pytest.mark.parametrize("path", ["/", "/config.json", "/assets/nothing-here.js", "/api/health"])
def test_every_response_of_the_frontend_carries_the_security_headers(frontend: Running, path: str) -> None:
    headers = frontend.send(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert "default-src 'none'; script-src 'self'" in headers["Content-Security-Policy"]
    assert "connect-src 'self';" in headers["Content-Security-Policy"]
    assert headers["Server"] == "nginx"


def test_the_page_needs_nothing_that_its_policy_forbids(frontend: Running) -> None:
    page = frontend.send("/").text
    assert "<style" not in page
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"""(?:src|href)=["'](?!/)""", page)
