"""Failures that are no defect of a definition: each is brought about for real, and what it left is put right."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tasks.clients import Clients
from tasks.documents import DocumentError
from tasks.errors import DeployError, StoppedByUserError, SupersededError
from tasks.rehearsal.broken import register_broken
from tasks.rehearsal.defects import Broken, wrong_api
from tasks.release import pipeline, rollout, way_back
from tasks.release.api_check import ApiUnreachableError
from tasks.release.deployment import Change, Deployment, update
from tasks.release.service_state import NothingRunsError, describe, primary, running
from tasks.release.task_definition import load_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tasks.release.task_definition import Revision
    from tasks.report import Report
    from tasks.settings import Service, Target

AS_IT_IS = Broken("as it is", lambda _container, _definition: None)
OPTIONS = pipeline.DeployOptions(timeout=60.0, force=False, roll_back=True)


@dataclass(frozen=True)
class Situation:
    """How a failure is brought about, and the error that tells it; `provoke` raises it.

    `only` names the one service for which it has a meaning, and `because` says why; empty for any.
    """

    name: str
    provoke: Callable[[Service, Clients, Report], None]
    error: type[DeployError]
    only: str = ""
    because: str = ""


class Meddled(Clients):
    """Clients of a deploy; in its first wait something else happens."""

    def __init__(self, target: Target, meddle: Callable[[], object]) -> None:
        super().__init__(target)
        self._meddle: Callable[[], object] | None = meddle

    def sleep(self, seconds: float) -> None:
        """Wait, the first time after it happened."""
        meddle, self._meddle = self._meddle, None
        if meddle:
            meddle()
        super().sleep(seconds)


def scale_to_zero(service: Service, clients: Clients, report: Report) -> None:
    """Scale the service to 0 tasks, have a deploy refused for it, and scale it back.

    Raises:
        NothingRunsError: the refusal.
    """
    before = running(service, clients)
    with report.stage(service.name, "scale"):
        update(service, Change(before.arn, desired=0), clients)
        report.say(f"{service.ecs_service} is scaled to 0 tasks")
    try:
        pipeline.check_services((service,), clients, force=False)
    finally:
        with report.stage(service.name, "scale"):
            current = update(service, Change(before.arn, desired=before.desired), clients)
            back = rollout.Rollout(service, current.get("id", ""), before.arn, before.version, before.arn)
            rollout.wait(back, clients, report, OPTIONS.timeout)


def size_template_wrongly(service: Service, clients: Clients, _: Report) -> None:
    """Have a deploy read a copy of the service's template with a size that Fargate does not have.

    Raises:
        DocumentError: the refusal.
    """
    too_large = Broken("memory", lambda _container, definition: definition.update(cpu="256", memory="4096"))
    with _template_with(too_large, service) as changed:
        load_template(changed, clients.target)


def ask_nobody(service: Service, clients: Clients, report: Report) -> None:
    """Deploy a page whose template and definition name an API where nobody listens.

    Raises:
        ApiUnreachableError: how the deploy ends.
    """
    broken = Broken("api", wrong_api)
    with _template_with(broken, service) as changed:
        pipeline.deploy(register_broken(changed, broken, clients), clients, report, OPTIONS)


def overtake(service: Service, clients: Clients, report: Report) -> None:
    """Start a second deployment while the first one comes up, and return to what ran before both.

    Raises:
        SupersededError: the first one's end.
    """
    before = running(service, clients)
    first, second = (register_broken(service, AS_IT_IS, clients) for _ in range(2))
    meddled = Meddled(clients.target, lambda: update(service, Change(second.arn, force=True), clients))
    try:
        _deploy(first, meddled, report)
    finally:
        _return(Deployment(second, "", before, adopted=False), clients, report)


def interrupt(service: Service, clients: Clients, report: Report) -> None:
    """Press Ctrl-C while a deploy waits, and return to what ran before.

    Raises:
        StoppedByUserError: what the deploy says then.
    """
    before = running(service, clients)
    revision = register_broken(service, AS_IT_IS, clients)
    meddled = Meddled(clients.target, lambda: signal.raise_signal(signal.SIGINT))
    # a job that a shell put into the background ignores it
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        _deploy(revision, meddled, report)
    finally:
        signal.signal(signal.SIGINT, handler)
        _return(Deployment(revision, "", before, adopted=False), clients, report)


@contextmanager
def _template_with(broken: Broken, service: Service) -> Iterator[Service]:
    """Have the service with a copy of its template that has the defect."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / service.template
        copy.parent.mkdir(parents=True)
        definition = broken.apply(json.loads((service.root / service.template).read_text()), service)
        copy.write_text(json.dumps(definition, indent=2))
        yield replace(service, root=Path(folder))


def _deploy(revision: Revision, clients: Clients, report: Report) -> None:
    """Deploy, and show at once why that ended: the error itself is told when all is put right."""
    try:
        pipeline.deploy(revision, clients, report, OPTIONS)
    except DeployError as error:
        with report.stage(revision.pushed.image.source.service.name, "diagnose"):
            report.say(f"cause: {error}")
        raise


def _return(left: Deployment, clients: Clients, report: Report) -> None:
    current = primary(describe(left.service, clients)) or {}
    with report.stage(left.service.name, "way back"):
        report.say(way_back.restore(replace(left, id=current.get("id", "")), clients, report).told)


SITUATIONS = {
    each.name: each
    for each in (
        Situation("desired-count-zero", scale_to_zero, NothingRunsError),
        Situation("invalid-size", size_template_wrongly, DocumentError),
        Situation("api-unreachable", ask_nobody, ApiUnreachableError, "frontend", "only a page asks an API"),
        Situation("superseded", overtake, SupersededError),
        Situation("interrupted", interrupt, StoppedByUserError),
    )
}
