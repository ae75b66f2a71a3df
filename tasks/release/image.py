"""build: Source -> Image. One linux/amd64 image through docker-py, or the one that exists already."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.docker_messages import messages
from tasks.errors import BuildError
from tasks.sdk_errors import asking_docker

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from docker import DockerClient

    from tasks.clients import Clients
    from tasks.docker_messages import Message
    from tasks.release.source import Source
    from tasks.report import Report
    from tasks.settings import Target

PLATFORM = "linux/amd64"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
STEP = re.compile(r"Step (\d+)/(\d+) : (.*)")
LAST_LINES = 15


class FailedStepError(BuildError):
    """A step of the Dockerfile failed."""

    def __init__(self, source: Source, step: str, problem: str, lines: list[str]) -> None:
        place = f"{source.service.folder}/Dockerfile"
        at = f", at {step}" if step else ""
        super().__init__(
            f"The image of {source.service.name} was not built: {place}{at}: {problem}",
            fix="Fix that step; the lines above are the last it printed.",
            evidence=lines[-LAST_LINES:],
        )


class WrongPlatformError(BuildError):
    """The image runs on another platform than Fargate's."""

    def __init__(self, source: Source, platform: str) -> None:
        super().__init__(
            f"The image of {source.service.name} is for {platform}; the task definition runs {PLATFORM}.",
            fix=f"Take the --platform out of {source.service.folder}/Dockerfile, or use base images that "
            f"exist for {PLATFORM}; on AWS it would end in 'exec format error'.",
        )


@dataclass(frozen=True)
class Image:
    """An image in the local Docker Engine; `size` in bytes, `reused` when nothing had to be built."""

    source: Source
    id: str
    reference: str
    size: int
    reused: bool


def build(source: Source, clients: Clients, report: Report, *, no_cache: bool = False) -> Image:
    """Build the service's image, or find the one built from the same content and base images.

    Raises:
        DockerUnavailableError: no Docker Engine answers.
        FailedStepError: a step of the Dockerfile failed.
        WrongPlatformError: the image is not linux/amd64.
    """
    reference = reference_of(source, clients.target)
    reused = not no_cache and exists(reference, clients)
    if reused:
        report.say(f"image of this content exists: {reference}")
    else:
        report.say(f"building {source.service.folder}/ for {PLATFORM}")
        arguments = _build_arguments(source, clients.target)
        _run_build(source, clients, report, _Request(reference, arguments, no_cache))
    with asking_docker("inspecting the image"):
        return _checked(source, clients.docker, reference, reused=reused)


def reference_of(source: Source, target: Target) -> str:
    """Return the local name of the image: the repository, tagged with everything it is made of."""
    made_of = json.dumps([source.tree, sorted(_build_arguments(source, target).items()), PLATFORM])
    return f"{source.service.repository}:content-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}"


def exists(reference: str, clients: Clients) -> bool:
    """Return whether the Docker Engine has the image; raises `DockerUnavailableError`."""
    with asking_docker("looking for the image"):
        return bool(clients.docker.images.list(name=reference))


@dataclass(frozen=True)
class _Request:
    reference: str
    arguments: Mapping[str, str]
    no_cache: bool


def _build_arguments(source: Source, target: Target) -> dict[str, str]:
    available = target.build_args
    return {name: available[name] for name in source.service.base_images if name in available}


def _run_build(source: Source, clients: Clients, report: Report, request: _Request) -> None:
    with asking_docker("building", BuildError):
        stream = clients.docker.api.build(
            path=str(source.service.root / source.service.folder),
            tag=request.reference,
            platform=PLATFORM,
            buildargs=dict(request.arguments),
            nocache=request.no_cache,
            labels={"org.opencontainers.image.title": source.service.name},
            rm=True,
            forcerm=True,
            decode=True,
        )
        _follow(source, messages(stream), report)


def _follow(source: Source, said: Iterable[Message], report: Report) -> None:
    step, lines = "", list[str]()
    for message in said:
        if message.error:
            raise FailedStepError(source, step, message.error, lines)
        if message.total:
            report.progress(message.progress, message.done, message.total)
        for line in (COLOUR.sub("", line) for line in message.lines):
            started = STEP.match(line)
            if started:
                step, lines = f"step {started[1]} of {started[2]} ({started[3]})", []
                instruction = " ".join(started[3].split())
                report.say(f"{report.elapsed:5.1f} s  {started[1]:>2}/{started[2]} {instruction}")
            elif line.strip() and not line.startswith((" ---> ", "Removing intermediate container")):
                lines.append(line.rstrip())


def _checked(source: Source, docker: DockerClient, reference: str, *, reused: bool) -> Image:
    attributes = docker.images.get(reference).attrs
    platform = f"{attributes['Os']}/{attributes['Architecture']}"
    if platform != PLATFORM:
        docker.images.remove(reference, noprune=False)
        raise WrongPlatformError(source, platform)
    return Image(source, str(attributes["Id"]), reference, int(attributes["Size"]), reused=reused)
