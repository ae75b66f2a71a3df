"""Which base image each build argument gets: the one at hand, the official one, or a stand-in made here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from tasks.docker_messages import messages
from tasks.embedded import stand_ins, streams
from tasks.errors import UsageError, suggestion
from tasks.sdk_errors import asking_docker

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from docker import DockerClient

    from tasks.clients import Clients
    from tasks.docker_messages import Message
    from tasks.report import Report
    from tasks.settings import Service, Settings

PLATFORM = "linux/amd64"
SILENCE_SECONDS = 20
DEFAULT_REGISTRY = "docker.io"
# What says that the registry itself is out of reach, so that asking it for the next image is of no use.
OUT_OF_REACH = re.compile(r"dial tcp|no such host|timeout|TLS|x509|proxyconnect|connection", re.IGNORECASE)


class BaseImageError(UsageError):
    """`base_images` in invoke.yaml does not fit the Dockerfile or the stand-ins."""


@dataclass(frozen=True)
class Wanted:
    """A build argument, the official image that its Dockerfile names, and who can stand in."""

    argument: str
    official: str
    stand_in: str


def ensure(settings: Settings, services: Sequence[Service], clients: Clients, report: Report) -> dict[str, str]:
    """Make sure that every base image of these services is in the Docker Engine.

    Returns:
        What to pass for each build argument; arguments that a variable fills already are left as they are.

    Raises:
        BaseImageError: `base_images` names an argument or a stand-in that does not exist.
        StandInError: neither the official image nor a stand-in is to be had.
        DockerUnavailableError: no Docker Engine answers.
    """
    chosen = dict(settings.target.build_args)
    open_ = [each for each in wanted(services, settings) if each.argument not in chosen]
    if not open_:
        return chosen
    with asking_docker("listing images"):
        present = tags(clients.docker)
    recipes = stand_ins.recipes(settings.stand_ins)
    missing = list[Wanted]()
    for each in open_:
        stand_in = recipes[each.stand_in].tag
        found = next((image for image in (each.official, stand_in) if image in present), None)
        if found is None:
            missing.append(each)
        else:
            chosen[each.argument] = found
    pulled, problem = _pull({each.official for each in missing}, clients, report)
    chosen |= {each.argument: each.official for each in missing if each.official in pulled}
    left = [each for each in missing if each.official not in pulled]
    if left:
        names = list(dict.fromkeys(each.stand_in for each in left))
        stand_ins.build([recipes[name] for name in names], problem, clients, report)
        chosen |= {each.argument: recipes[each.stand_in].tag for each in left}
    return chosen


def wanted(services: Sequence[Service], settings: Settings) -> list[Wanted]:
    """Read which base images the services' Dockerfiles start from.

    Raises:
        BaseImageError: an argument is not in the Dockerfile, or nobody stands in for it.
    """
    found = list[Wanted]()
    for service in services:
        path = service.root / service.folder / "Dockerfile"
        defaults = arguments(path.read_text(encoding="utf-8")) if path.exists() else {}
        for argument, stand_in in service.base_images.items():
            place = f"invoke.yaml: services.{service.name}.base_images.{argument}"
            if argument not in defaults:
                raise BaseImageError(
                    f"{place}: {service.folder}/Dockerfile has no line ARG {argument}=IMAGE."
                    f"{suggestion(argument, list(defaults))}",
                    fix=f"Put it before the first FROM, or take {argument} out of invoke.yaml.",
                )
            known = list(settings.stand_ins.packages)
            if stand_in not in known:
                raise BaseImageError(
                    f"{place}: there is no stand-in '{stand_in}'.{suggestion(stand_in, known)}",
                    fix="Give its packages under stand_ins.images.",
                )
            found.append(Wanted(argument, defaults[argument], stand_in))
    return found


def arguments(dockerfile: str) -> dict[str, str]:
    """Return the build arguments that a Dockerfile declares with a default before its first FROM."""
    head = re.split(r"(?im)^\s*FROM\s", dockerfile, maxsplit=1)[0]
    lines = re.findall(r"""(?im)^\s*ARG\s+([A-Z_][A-Z0-9_]*)=["']?([^\s"']+)["']?\s*$""", head)
    return {name: value for name, value in lines}  # noqa: C416 - findall is typed as a list of anything


def registry_of(image: str) -> str:
    """Return the registry's host that an image reference means."""
    first, slash, _ = image.partition("/")
    named = bool(slash) and (first == "localhost" or "." in first or ":" in first)
    return first if named else DEFAULT_REGISTRY


def tags(docker: DockerClient) -> set[str]:
    """Return every tag in the engine, in one request."""
    images = cast("list[dict[str, list[str] | None]]", docker.api.images())
    return {tag for image in images for tag in image.get("RepoTags") or ()}


def _pull(images: set[str], clients: Clients, report: Report) -> tuple[set[str], str]:
    """Try to pull images; returns those that came, and what the last failure said."""
    pulled, problem = set[str](), ""
    silent = set[str]()
    for image in sorted(images):
        if registry_of(image) in silent:
            continue
        report.say(f"pulling {image}")
        failure = _pull_one(image, clients, report)
        if not failure:
            pulled.add(image)
            continue
        problem = f"{image}: {failure}"
        if OUT_OF_REACH.search(failure):
            silent.add(registry_of(image))
    return pulled, problem


def _pull_one(image: str, clients: Clients, report: Report) -> str:
    """Pull one image; returns why it did not come, empty when it did."""
    from docker.errors import APIError  # noqa: PLC0415 - only loaded with docker-py itself

    def source() -> Iterable[Message]:
        return messages(clients.docker.api.pull(image, stream=True, decode=True, platform=PLATFORM))

    try:
        for _, message in streams.merged({image: source}, SILENCE_SECONDS):
            if message.error:
                return message.error
            if message.total:
                report.progress(message.progress, message.done, message.total)
    except streams.SilenceError:
        return f"the registry said nothing for {SILENCE_SECONDS} s (timeout)"
    except APIError as error:
        return str(error.explanation or error)
    return ""
