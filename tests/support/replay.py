"""A whole deploy over a recorded account that moves as ECS does, and a real site that answers as it then runs."""

from __future__ import annotations

import copy
import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from botocore.config import Config

from tasks.errors import DeployError
from tasks.http import HttpClient
from tasks.release import pipeline
from tasks.release.smoke import VERSION_HEADER
from tasks.release.task_definition import load_template
from tests.support.account import RefusedError
from tests.support.fakes import session
from tests.support.models import BACKEND, IMAGE, PUSHED, arn, ecs_deployment
from tests.support.recorded import Recorded, RecordedClients
from tests.support.web import Page, Site, serving, version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from types_boto3_ecs import ECSClient

    from tasks.documents import Json
    from tasks.release.registry import PushedImage
    from tasks.report import Report
    from tasks.settings import Service

OPTIONS = pipeline.DeployOptions(timeout=20, force=False, roll_back=True)
BREAKER = "ECS deployment circuit breaker: tasks failed to start."
FAILED = ecs_deployment(7, rolloutState="FAILED", rolloutStateReason=BREAKER, runningCount=0, failedTasks=3)
# What one look at the service shows, or why there is no answer. The last one stays.
Look = list[dict[str, object]] | RefusedError | KeyboardInterrupt


def coming_up(failed: int = 0) -> Look:
    """Return the look at revision 7 while it starts over revision 4, after a number of its tasks failed."""
    own = ecs_deployment(7, rolloutState="IN_PROGRESS", runningCount=0, pendingCount=1, failedTasks=failed)
    return [own, ecs_deployment(4, "ecs-svc/1", status="ACTIVE")]


def taken_back(state: str) -> Look:
    """Return the look after the circuit breaker's rollback to revision 4, in that state."""
    gone = {**FAILED, "status": "ACTIVE", "desiredCount": 0}
    return [ecs_deployment(4, "ecs-svc/3", rolloutState=state), gone]


GIVEN_UP: tuple[Look, ...] = (
    coming_up(),
    coming_up(),
    coming_up(1),
    coming_up(2),
    taken_back("IN_PROGRESS"),
    taken_back("COMPLETED"),
)
LEFT_FAILED: tuple[Look, ...] = (
    coming_up(),
    coming_up(2),
    [FAILED, ecs_deployment(4, "ecs-svc/1", status="ACTIVE")],
)
# AWS soon stops listing a deployment that it has taken back
FORGOTTEN: tuple[Look, ...] = (coming_up(), coming_up(), [ecs_deployment(4, "ecs-svc/3")])
UP: tuple[Look, ...] = (coming_up(), coming_up(), [ecs_deployment(7)])
BACK: tuple[Look, ...] = (
    [
        ecs_deployment(4, "ecs-svc/4", rolloutState="IN_PROGRESS", runningCount=0),
        ecs_deployment(7, status="ACTIVE"),
    ],
    [ecs_deployment(4, "ecs-svc/4")],
)


@dataclass
class Moving(Recorded):
    """Revision 4 with version 0.1.4 runs; each look after an update shows the next of what `looks` tells.

    `page` is what revision 7 answers instead of its version, `refused` the message with which an operation is
    refused.
    """

    revisions: dict[int, str] = field(default_factory=lambda: {4: "0.1.4"})
    deployments: list[dict[str, object]] = field(default_factory=lambda: [ecs_deployment(4, "ecs-svc/1")])
    looks: tuple[Look, ...] = GIVEN_UP
    page: Page | None = None
    refused: dict[str, str] = field(default_factory=dict)
    ahead: list[Look] = field(default_factory=list)

    def answer(self, operation: str, asked: dict[str, Json]) -> dict[str, object] | str:
        """Answer as AWS did, and move on; raises `RefusedError` and `KeyboardInterrupt`."""
        if operation in self.refused:
            raise RefusedError("AccessDeniedException", self.refused[operation])
        if operation == "ecs:RegisterTaskDefinition":
            self.revisions[7] = "0.1.5"
            return super().answer("ecs:DescribeTaskDefinition", {"taskDefinition": arn(7)})
        if operation == "ecs:UpdateService":
            self.ahead = [*(self.looks if str(asked["taskDefinition"]) == arn(7) else BACK)]
            self.updated = self._look()
        if operation == "ecs:DescribeServices" and self.ahead:
            self.deployments = self._look()
        return super().answer(operation, asked)

    def answering(self) -> Page:
        """Return what the load balancer answers: the version of the newest tasks that run, 503 without any."""
        runs = [str(each["taskDefinition"]) for each in self.deployments if each["runningCount"]]
        if not runs:
            return Page(503)
        if runs[0] == arn(7) and self.page:
            return self.page
        return version(self.revisions[int(runs[0].rpartition(":")[2])])

    def _look(self) -> list[dict[str, object]]:
        look = self.ahead.pop(0) if len(self.ahead) > 1 else self.ahead[0]
        if isinstance(look, list):
            return look
        raise look


class ReplayClients(RecordedClients):
    """Clients of it that ask once each time: what is tried is our own patience, not the SDK's."""

    @cached_property
    def ecs(self) -> ECSClient:
        """The container service."""
        made = session().client("ecs", config=Config(retries={"total_max_attempts": 1}))
        self._play(made.meta.events, "ecs")
        return made


@dataclass(frozen=True)
class Example:
    """A recorded account, and what a deploy has to make of it: failure, cause, next step, exit code.

    `change` is done to the template before; `answers` is the version that answers afterwards, empty for none.
    """

    account: Moving = field(repr=False)
    name: str
    cause: str
    next_step: str
    code: int = 7
    answers: str = "0.1.4"
    change: Callable[[dict[str, Json]], None] | None = None
    service: Service = BACKEND


@dataclass(frozen=True)
class Replayed:
    """How a deploy ended, what the account was asked for, and the version that answered a GET afterwards."""

    error: DeployError | None
    account: Moving
    answers: str


@contextmanager
def replaying(example: Example, made: type[ReplayClients] = ReplayClients) -> Iterator[tuple[ReplayClients, Site]]:
    """Have clients of a copy of the example's account, and its site."""
    account = copy.deepcopy(example.account)
    with serving(lambda _: account.answering()) as site:
        yield made(account, site.url), site


def play(example: Example, report: Report, made: type[ReplayClients] = ReplayClients) -> Replayed:
    """Deploy version 0.1.5 over 0.1.4, and ask what answers then."""
    error = None
    with replaying(example, made) as (clients, site), TemporaryDirectory() as folder:
        try:
            deploy(_pushed(example, Path(folder)), clients, report)
        except DeployError as caught:
            error = caught
        answers = HttpClient().get(f"{site.url}{example.service.health_path}").headers.get(VERSION_HEADER, "")
        assert isinstance(clients.account, Moving)
        return Replayed(error, clients.account, answers)


def deploy(pushed: PushedImage, clients: ReplayClients, report: Report) -> None:
    """Do what `inv deploy` does once the image is pushed, and the checks before; raises `DeployError`."""
    service = pushed.image.source.service
    load_template(service, clients.target)
    pipeline.check_services((service,), clients, force=False)
    pipeline.deploy(pipeline.register(pushed, clients, report), clients, report, OPTIONS)


def _pushed(example: Example, folder: Path) -> PushedImage:
    if example.change is None:
        return _of(example.service)
    shutil.copytree(example.service.root / "aws", folder / "aws")
    template = folder / example.service.template
    definition = json.loads(template.read_text())
    example.change(definition)
    template.write_text(json.dumps(definition, indent=1))
    return _of(replace(example.service, root=folder))


def _of(service: Service) -> PushedImage:
    return replace(PUSHED, image=replace(IMAGE, source=replace(IMAGE.source, service=service)))
