"""What each stage would do, found out without changing anything."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tasks.masking import mask
from tasks.release import by_hand, image, one_commit, registry, task_definition
from tasks.release.difference import differences
from tasks.release.service_state import running
from tasks.release.source import SHORT_COMMIT
from tasks.report import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.clients import Clients
    from tasks.documents import Json
    from tasks.release.source import Source

BUILD, PUSH, REGISTER, DEPLOY = 1, 2, 3, 4
UNKNOWN_DIGEST = "sha256:(known after the push)"


def tell(sources: tuple[Source, ...], clients: Clients, last_stage: int, before: tuple[str, ...] = ()) -> Outcome:
    """Say what the stages up to `last_stage` would do with each service; `before` is run before the update.

    Raises:
        DeployError: what the stages themselves would refuse on the same grounds.
    """
    told: dict[str, list[str]] = {}
    for source in sources:
        asked = _Asked(source, clients)
        told[source.service.name] = lines = []
        for step in (_build, _push, _register, _deploy)[:last_stage]:
            if step is _deploy and before:
                lines.append(f"run '{mask(shlex.join(before))}' in that revision")
            lines += step(asked)
    services: list[Json] = [{"service": name, "would": list(lines)} for name, lines in told.items()]
    lines = [f"{name:<9} would {line}" for name, steps in told.items() for line in steps]
    return Outcome({"dry_run": True, "target": clients.target.name, "services": services}, tuple(lines))


@dataclass(frozen=True)
class _Asked:
    """A source, and what AWS knows of its service, asked for once."""

    source: Source
    clients: Clients

    @cached_property
    def newest(self) -> Mapping[str, Json]:
        """The family's newest revision."""
        return task_definition.described(self.source.service.family, self.clients) or {}

    @cached_property
    def rendered(self) -> Mapping[str, Json]:
        """The definition that would be registered."""
        source, target = self.source, self.clients.target
        digest = registry.tagged(source.service, (source.tag,), self.clients).get(source.tag, UNKNOWN_DIGEST)
        identity = task_definition.Identity(
            f"{target.registry}/{source.service.repository}@{digest}",
            source.version,
            source.tag,
            task_definition.complete_secrets(self.newest),
        )
        return task_definition.render(self.template, identity, target)

    @cached_property
    def template(self) -> task_definition.Template:
        """The service's template."""
        return task_definition.load_template(self.source.service, self.clients.target)

    @cached_property
    def changes(self) -> tuple[str, ...]:
        """What it changes in the newest revision."""
        return differences(self.newest, self.rendered)


def _build(asked: _Asked) -> list[str]:
    source, clients = asked.source, asked.clients
    reference = image.reference_of(source, clients.target)
    if image.exists(reference, clients):
        return [f"reuse the image {reference}"]
    return [f"build {source.service.folder}/ as {reference} for {image.PLATFORM}"]


def _push(asked: _Asked) -> list[str]:
    source, clients = asked.source, asked.clients
    there = registry.tagged(source.service, (source.tag, source.version), clients)
    if other_image := registry.used_otherwise(source, there, clients):
        return [f"be refused: version {source.version} is already in ECR as {other_image[:19]}"]
    used = there.get(source.version)
    if used and (other := one_commit.other_commit(source, used, clients)):
        return [f"be refused: version {source.version} was released from commit {other[:SHORT_COMMIT]}"]
    new = [tag for tag in (source.tag, source.version) if tag not in there]
    place = f"{clients.target.registry}/{source.service.repository}"
    return [f"push {place} with the tags {', '.join(new)}"] if new else [f"push nothing: {place} has it"]


def _register(asked: _Asked) -> list[str]:
    family = asked.source.service.family
    if not asked.changes:
        return [f"register nothing: {family}:{asked.newest.get('revision')} has this content"]
    return [f"register a revision of {family}:", *(f"  change {change}" for change in asked.changes)]


def _deploy(asked: _Asked) -> list[str]:
    source, now = asked.source, running(asked.source.service, asked.clients)
    verify = f"verify {asked.clients.target.app_url}{source.service.health_path} for version {source.version}"
    is_newest = asked.newest.get("taskDefinitionArn") == now.arn
    if is_newest and not asked.changes and (now.version, now.commit) == (source.version, source.tag):
        return [f"update nothing: {now.name} runs already", verify]
    tasks = f"; first deploy, {source.service.first_count} task" if now.never_deployed else ""
    update = f"update {source.service.ecs_service} from {now.name} ({now.version or 'nothing'}){tasks}"
    compared = by_hand.compare(asked.template, now.definition, asked.rendered, asked.clients.target)
    told = is_newest and not compared.undone  # by the registration
    if now.never_deployed or told or not compared.changes:
        return [update, verify]
    return [f"{update}, which changes in what runs:", *(f"  change {each}" for each in compared.lines), verify]
