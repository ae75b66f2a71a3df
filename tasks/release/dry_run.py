"""What each stage would do, found out without changing anything."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tasks.masking import mask
from tasks.release import deployment, image, registry, task_definition
from tasks.release.difference import differences
from tasks.release.service_state import running
from tasks.release.version import refusal
from tasks.report import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tasks.clients import Clients
    from tasks.documents import Json
    from tasks.release.pipeline import DeployOptions
    from tasks.release.service_state import Running
    from tasks.release.source import Source

UNKNOWN_DIGEST = "sha256:(known after the push)"


@dataclass(frozen=True)
class Way:
    """The way of one service, and what is there already, asked for once; `options` only where it is deployed."""

    source: Source
    clients: Clients
    options: DeployOptions | None = None

    @cached_property
    def tags(self) -> dict[str, str]:
        """The digests behind the commit and the version, as far as ECR has them."""
        return registry.tagged(self.source.service, (self.source.tag, self.source.version), self.clients)

    @cached_property
    def newest(self) -> Mapping[str, Json]:
        """The family's newest revision; empty where there is none."""
        return task_definition.described(self.source.service.family, self.clients) or {}

    @cached_property
    def changes(self) -> tuple[str, ...]:
        """What a new revision would change in the newest one; with none, that one is taken."""
        source, target = self.source, self.clients.target
        template = task_definition.load_template(source.service, target)
        identity = task_definition.Identity(
            f"{target.registry}/{source.service.repository}@{self.tags.get(source.tag, UNKNOWN_DIGEST)}",
            source.version,
            source.tag,
            task_definition.complete_secrets(self.newest),
        )
        return differences(self.newest, task_definition.render(template, identity, target))

    @cached_property
    def now(self) -> Running:
        """What the service runs."""
        return running(self.source.service, self.clients)

    @property
    def arn(self) -> str:
        """The ARN of the revision that would be deployed; empty for one that is still to be registered."""
        return "" if self.changes else str(self.newest.get("taskDefinitionArn", ""))

    @property
    def force(self) -> bool:
        """Whether a deployment is to be started in any case."""
        return self.options is not None and self.options.force


def tell(
    sources: tuple[Source, ...],
    clients: Clients,
    steps: Sequence[Callable[[Way], list[str]]],
    options: DeployOptions | None = None,
) -> Outcome:
    """Say what the steps (`BUILD`, `PUSH`, `REGISTER` or `DEPLOY`) would do with each service.

    Raises:
        DeployError: what the stages themselves would refuse on the same grounds.
    """
    told = {source.service.name: _told(Way(source, clients, options), steps) for source in sources}
    services: list[Json] = [{"service": name, "would": list(lines)} for name, lines in told.items()]
    lines = [f"{name:<9} would {line}" for name, would in told.items() for line in would]
    return Outcome({"dry_run": True, "target": clients.target.name, "services": services}, tuple(lines))


def _told(way: Way, steps: Sequence[Callable[[Way], list[str]]]) -> list[str]:
    """Return what the steps would do, or that they would be refused before the first of them."""
    if _push in steps and (refused := refusal(way.source, way.clients)):
        return [f"be refused: {refused}"]
    return [line for step in steps for line in step(way)]


def _build(way: Way) -> list[str]:
    reference = image.reference_of(way.source, way.clients.target)
    if image.exists(reference, way.clients):
        return [f"reuse the image {reference}"]
    return [f"build {way.source.service.folder}/ as {reference} for {image.PLATFORM}"]


def _push(way: Way) -> list[str]:
    new = [tag for tag in (way.source.tag, way.source.version) if tag not in way.tags]
    place = f"{way.clients.target.registry}/{way.source.service.repository}"
    return [f"push {place} with the tags {', '.join(new)}"] if new else [f"push nothing: {place} has it"]


def _register(way: Way) -> list[str]:
    if not way.changes:
        return [f"register nothing: {way.newest.get('family')}:{way.newest.get('revision')} has this content"]
    head = f"register a revision of {way.source.service.family}:"
    return [head, *(f"  change {change}" for change in way.changes)]


def _before(way: Way) -> list[str]:
    words = way.options.before_deploy if way.options else ()
    if not words:
        return []
    command = mask(shlex.join(words))
    if way.now.arn == way.arn and not way.force:
        return [f"not run '{command}' again: {way.now.name} runs already"]
    return [f"run '{command}' in that revision"]


def _update(way: Way) -> list[str]:
    now, service = way.now, way.source.service
    state = (now.deployment or {}).get("rolloutState")
    if deployment.to_adopt(now, way.arn, force=way.force):
        if state == "IN_PROGRESS":
            return [f"update nothing: follow the deployment of {now.name} that is in progress"]
        return [f"update nothing: {now.name} runs already"]
    if deployment.has(now, way.arn):
        why = "as --force asks" if way.force else "its last one failed"
        return [f"start a new deployment of {now.name}: {why}"]
    count = service.first_count
    first = f"; first deploy, {count} task{'s' if count > 1 else ''}" if now.never_deployed else ""
    replaced = "; its deployment in progress is replaced" if state == "IN_PROGRESS" else ""
    return [f"update {service.ecs_service} from {now.name} ({now.version or 'nothing'}){first}{replaced}"]


def _verify(way: Way) -> list[str]:
    address = f"{way.clients.target.app_url}{way.source.service.health_path}"
    return [f"verify {address} for version {way.source.version}"]


BUILD = (_build,)
PUSH = (*BUILD, _push)
REGISTER = (*PUSH, _register)
DEPLOY = (*REGISTER, _before, _update, _verify)
