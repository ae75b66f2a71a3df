"""What each stage would do, found out without changing anything."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from tasks.masking import mask
from tasks.release import image, one_commit, registry, task_definition
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
        steps = (_build, _push, _register, _deploy)[:last_stage]
        told[source.service.name] = [line for step in steps for line in step(source, clients)]
        if before:
            told[source.service.name].insert(-2, f"run '{mask(shlex.join(before))}' in that revision")
    services: list[Json] = [{"service": name, "would": list(lines)} for name, lines in told.items()]
    lines = [f"{name:<9} would {line}" for name, steps in told.items() for line in steps]
    return Outcome({"dry_run": True, "target": clients.target.name, "services": services}, tuple(lines))


def _build(source: Source, clients: Clients) -> list[str]:
    reference = image.reference_of(source, clients.target)
    if image.exists(reference, clients):
        return [f"reuse the image {reference}"]
    return [f"build {source.service.folder}/ as {reference} for {image.PLATFORM}"]


def _push(source: Source, clients: Clients) -> list[str]:
    there = registry.tagged(source.service, (source.tag, source.version), clients)
    if other_image := registry.used_otherwise(source, there, clients):
        return [f"be refused: version {source.version} is already in ECR as {other_image[:19]}"]
    used = there.get(source.version)
    if used and (other := one_commit.other_commit(source, used, clients)):
        return [f"be refused: version {source.version} was released from commit {other[:SHORT_COMMIT]}"]
    new = [tag for tag in (source.tag, source.version) if tag not in there]
    place = f"{clients.target.registry}/{source.service.repository}"
    return [f"push {place} with the tags {', '.join(new)}"] if new else [f"push nothing: {place} has it"]


def _register(source: Source, clients: Clients) -> list[str]:
    existing, changes = _changes(source, clients)
    if not changes:
        return [f"register nothing: {existing.get('family')}:{existing.get('revision')} has this content"]
    return [f"register a revision of {source.service.family}:", *(f"  change {change}" for change in changes)]


def _changes(source: Source, clients: Clients) -> tuple[Mapping[str, Json], tuple[str, ...]]:
    """Return the family's newest revision, and what a new one would change in it."""
    service = source.service
    template = task_definition.load_template(service, clients.target)
    existing = task_definition.described(service.family, clients) or {}
    digest = registry.tagged(service, (source.tag,), clients).get(source.tag, UNKNOWN_DIGEST)
    identity = task_definition.Identity(
        f"{clients.target.registry}/{service.repository}@{digest}",
        source.version,
        source.tag,
        task_definition.complete_secrets(existing),
    )
    return existing, differences(existing, task_definition.render(template, identity, clients.target))


def _deploy(source: Source, clients: Clients) -> list[str]:
    now = running(source.service, clients)
    verify = f"verify {clients.target.app_url}{source.service.health_path} for version {source.version}"
    if (now.version, now.commit) == (source.version, source.tag):
        existing, changes = _changes(source, clients)
        if not changes and existing.get("taskDefinitionArn") == now.arn:
            return [f"update nothing: {now.name} runs already", verify]
    tasks = f"; first deploy, {source.service.first_count} task" if now.never_deployed else ""
    return [f"update {source.service.ecs_service} from {now.name} ({now.version or 'nothing'}){tasks}", verify]
