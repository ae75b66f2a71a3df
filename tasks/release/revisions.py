"""A service's registered revisions, read one by one: DescribeTaskDefinition is all a deploy role may ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from tasks.documents import as_list, as_object
from tasks.errors import UsageError
from tasks.release.task_definition import COMMIT_VARIABLE, VERSION_VARIABLE, described, environment_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from tasks.clients import Clients
    from tasks.documents import Json
    from tasks.settings import Service, Target

SHORT_COMMIT = 12
DIRTY = "-dirty"  # as in Source.tag


class UnknownRevisionError(UsageError):
    """The family has no such revision."""

    def __init__(self, service: Service, reference: str) -> None:
        super().__init__(
            f"There is no revision {reference.rpartition('/')[2]}.",
            fix=f"See which there are: ./inv history --service={service.name}",
        )


@dataclass(frozen=True)
class Registered:
    """A revision as AWS has it; `version` and `commit` are empty where this tool did not register it."""

    service: Service
    number: int
    arn: str
    definition: Mapping[str, Json]

    @property
    def name(self) -> str:
        """`family:number`."""
        return self.arn.rpartition("/")[2]

    @property
    def version(self) -> str:
        """The version it runs, as the containers are told."""
        return self._environment.get(VERSION_VARIABLE, "")

    @property
    def commit(self) -> str:
        """The commit it runs, as the containers are told."""
        return self._environment.get(COMMIT_VARIABLE, "")

    @property
    def label(self) -> str:
        """Its name with its version, as people are told."""
        return f"{self.name} ({f'version {self.version}' if self.version else 'no version known'})"

    @property
    def image(self) -> str:
        """The image its service's container runs."""
        containers = map(as_object, as_list(self.definition.get("containerDefinitions")))
        return next((str(e.get("image", "")) for e in containers if e.get("name") == self.service.container), "")

    @property
    def digest(self) -> str:
        """The image's digest, empty where it is named by a tag."""
        return self.image.partition("@")[2]

    @property
    def is_active(self) -> bool:
        """Whether it may still be run: it was not deregistered."""
        return self.definition.get("status") == "ACTIVE"

    @property
    def registered(self) -> datetime | None:
        """When it was registered."""
        return cast("datetime | None", self.definition.get("registeredAt"))

    @property
    def _environment(self) -> dict[str, str]:
        return environment_of(self.definition, self.service.container)


def short(commit: str) -> str:
    """Return a commit as people are shown it; one with uncommitted changes says so."""
    return commit[:SHORT_COMMIT] + (DIRTY if DIRTY in commit else "")


def find(service: Service, reference: str, clients: Clients) -> Registered | None:
    """Return a revision by ARN or `family:number`, the newest active one by family; None where there is none."""
    definition = described(reference, clients)
    if definition is None:
        return None
    return Registered(
        service, int(str(definition.get("revision", 0))), str(definition.get("taskDefinitionArn", "")), definition
    )


def get(service: Service, number: int, clients: Clients) -> Registered:
    """Return a revision by its number; raises `UnknownRevisionError`."""
    found = find(service, f"{service.family}:{number}", clients)
    if found is None:
        raise UnknownRevisionError(service, f"{service.family}:{number}")
    return found


def newest_first(service: Service, clients: Clients) -> Iterator[Registered]:
    """Yield the revisions from the newest active one down, each read when it is asked for."""
    newest = find(service, service.family, clients)
    if newest is None:
        return
    yield newest
    for number in range(newest.number - 1, 0, -1):
        if older := find(service, f"{service.family}:{number}", clients):
            yield older


def image_in(service: Service, target: Target, reference: str) -> tuple[str, str]:
    """Return digest and tag by which an image is named; both empty when it is not in the service's repository."""
    repository = f"{target.registry}/{service.repository}"
    rest = reference.removeprefix(repository)
    if rest == reference:
        return "", ""
    return rest.partition("@")[2], rest.partition("@")[0].removeprefix(":")
