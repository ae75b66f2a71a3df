"""run: one command in what a service runs; its log streamed, its exit code returned."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tasks.masking import mask
from tasks.release import one_off, revisions
from tasks.release.revisions import UnknownRevisionError
from tasks.release.service_state import describe
from tasks.report import Outcome

if TYPE_CHECKING:
    from tasks.command import Work


def run(work: Work, *, command: str) -> Outcome:
    """Run a command in the revision the service runs; the exit code becomes this command's own."""
    if len(work.services) != 1:
        raise one_off.OneServiceError
    words, timeout, service = one_off.split(command), work.timeout, work.services[0]
    if work.settings.target.is_production:
        work.confirm(f"This runs '{mask(command)}' in production ({service.name}). Go on?")
    clients = work.connect()
    found = describe(service, clients)
    revision = revisions.find(service, found["taskDefinition"], clients)
    if revision is None:
        raise UnknownRevisionError(service, found["taskDefinition"])
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


def _to_stdout(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
