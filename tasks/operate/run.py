"""run: one command in what a service runs; its log streamed, its exit code returned."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from tasks.masking import mask
from tasks.release import one_off, revisions
from tasks.release.revisions import UnknownRevisionError
from tasks.release.service_state import describe
from tasks.report import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_ecs.type_defs import ServiceTypeDef

    from tasks.command import Work
    from tasks.release.revisions import Registered


def run(work: Work, *, command: str) -> Outcome:
    """Run a command in the revision the service runs, or tell where; its exit code becomes this command's own."""
    if len(work.services) != 1:
        raise one_off.OneServiceError
    words, timeout, service = one_off.split(command), work.timeout, work.services[0]
    if work.settings.target.is_production and not work.options.dry_run:
        work.confirm(f"This runs '{mask(command)}' in production ({service.name}). Go on?")
    clients = work.connect()
    found = describe(service, clients)
    revision = revisions.find(service, found["taskDefinition"], clients)
    if revision is None:
        raise UnknownRevisionError(service, found["taskDefinition"])
    if work.options.dry_run:
        return tell(revision, words, found)
    write = work.report.say if work.options.json else _to_stdout
    with work.report.stage(service.name, "run"):
        ended = one_off.execute(one_off.Command(revision, words, timeout, write), found, clients, work.report)
    return Outcome(
        {
            "ok": ended.exit_code == 0,
            "service": service.name,
            "revision": revision.name,
            "version": revision.version,
            "task": ended.task,
            "exit_code": ended.exit_code,
        },
        (f"{service.name:<9} '{mask(command)}' ended with exit code {ended.exit_code} in {revision.label}",),
        ended.exit_code,
    )


def tell(revision: Registered, words: Sequence[str], found: ServiceTypeDef) -> Outcome:
    """Say what would be run, and in what: image, revision and network are those of the service."""
    name, command = revision.service.name, mask(shlex.join(words))
    network = found.get("networkConfiguration", {}).get("awsvpcConfiguration")
    subnets, groups = (network["subnets"], network.get("securityGroups", [])) if network else ([], [])
    return Outcome(
        {
            "dry_run": True,
            "service": name,
            "command": command,
            "revision": revision.name,
            "version": revision.version,
            "image": revision.image,
            "subnets": [*subnets],
            "security_groups": [*groups],
        },
        (
            f"{name:<9} would run '{command}' in {revision.label}",
            f"{'':<9} image {revision.image}",
            f"{'':<9} network {', '.join([*subnets, *groups]) or 'the default one'}",
        ),
    )


def _to_stdout(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
