"""The deployed test environment as the tests see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.documents import as_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.clients import Clients
    from tasks.documents import Json
    from tests.support.project import Project, Result


@dataclass(frozen=True)
class State:
    """All that a command could have changed: revisions, the service's deployments and the images."""

    revisions: tuple[str, ...]
    services: tuple[tuple[str, str, int], ...]
    images: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Deployed:
    """A project with both services running in its embedded cloud."""

    project: Project
    clients: Clients
    result: Result
    counter: Iterator[int]

    @property
    def first(self) -> dict[str, dict[str, Json]]:
        """What the first deploy said, by service."""
        return {str(each["service"]): each for each in self.result.services}

    def image(self, service: str) -> str:
        """The local reference of a service's image."""
        return str(as_object(self.first[service]["image"])["reference"])

    def next_version(self) -> str:
        """Return a version that no other test has used."""
        return f"0.1.{next(self.counter)}"

    def rollout(self, service: str) -> str:
        """Return how far ECS is with the newest deployment of a service."""
        named = f"spryte-{service}-service"
        found = self.clients.ecs.describe_services(cluster="spryte-cluster", services=[named])["services"][0]
        return found["deployments"][0].get("rolloutState", "")

    def state(self) -> State:
        """Return what is registered, running and stored now."""
        ecs, ecr = self.clients.ecs, self.clients.ecr
        services = ecs.describe_services(
            cluster="spryte-cluster", services=["spryte-backend-service", "spryte-frontend-service"]
        )["services"]
        return State(
            revisions=tuple(
                arn
                for page in ecs.get_paginator("list_task_definitions").paginate()
                for arn in page["taskDefinitionArns"]
            ),
            services=tuple(
                (each["taskDefinition"], each["deployments"][0]["id"], each["desiredCount"]) for each in services
            ),
            images=tuple(
                sorted(
                    (image.get("imageDigest", ""), image.get("imageTag", ""))
                    for name in ("spryte-backend", "spryte-frontend")
                    for page in ecr.get_paginator("list_images").paginate(repositoryName=name)
                    for image in page["imageIds"]
                )
            ),
        )
