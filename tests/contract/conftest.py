"""The services' images, built once, and containers of them that last as long as a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from tasks.documents import as_object
from tests.support.containers import BACKEND, FRONTEND, SECRETS, Running, Service, Start
from tests.support.project import free_port, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from docker import DockerClient
    from docker.models.containers import Container
    from docker.models.images import Image


@pytest.fixture(scope="session")
def service_images(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The images of this checkout, by service."""
    project = make_project(tmp_path_factory.mktemp("built"), LOCAL_PORT=str(free_port()))
    try:
        built = project.succeed("build", "--service=all", "--version=0.1.5", "--json").services
    finally:
        project.succeed("local.down")
    return {str(each["service"]): str(as_object(each["image"])["reference"]) for each in built}


@pytest.fixture
def start(docker_client: DockerClient, service_images: Mapping[str, str]) -> Iterator[Start]:
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
def image(docker_client: DockerClient, service_images: Mapping[str, str], service: Service) -> Image:
    """The image of each of the two services in turn."""
    return docker_client.images.get(service_images[service.name])
