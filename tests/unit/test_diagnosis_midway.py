"""A deploy that cannot go on watching says what ECS goes on with; a release goes back as a whole."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import pytest
from botocore.config import Config

from tasks.release import pipeline, together
from tasks.release.interruption import InterruptedMidwayError
from tasks.release.rollout import RolloutFailedError
from tasks.release.service_state import ForeignControllerError
from tasks.sdk_errors import AccessDeniedError, CredentialsError, ThrottledError
from tests.support.account import AccountClients, RefusedError
from tests.support.fakes import session
from tests.support.models import AWS, arn, ecs_deployment, revision
from tests.support.recorded import Recorded
from tests.support.web import serving, version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_ecs import ECSClient

    from tasks.documents import Json
    from tasks.settings import Target
    from tests.support.fakes import Recorder
    from tests.support.web import Site

__all__ = ["Watching", "revision"]
OPTIONS = pipeline.DeployOptions(timeout=60, force=False, roll_back=True)


class Refusing(Recorded):
    """An account that refuses to describe the service, from the moment of the update on, for a number of times."""

    refusals: int = 0
    code: str = "ExpiredTokenException"

    def answer(self, operation: str, asked: dict[str, Json]) -> dict[str, object] | str:
        """Refuse, or answer."""
        if operation == "ecs:DescribeServices" and self.requests("ecs:UpdateService") and self.refusals:
            self.refusals -= 1
            raise RefusedError(self.code, "User: x is not authorized to perform: ecs:DescribeServices on y")
        return super().answer(operation, asked)


class Watching(AccountClients):
    """Clients of a service that runs revision 4; the update ends with the given revision as PRIMARY."""

    def __init__(self, target: Target, ends_with: int = 7, **refusing: object) -> None:
        account = Refusing(deployments=[ecs_deployment(4, "ecs-svc/1")])
        ours = ecs_deployment(7, rolloutState="IN_PROGRESS", runningCount=0)
        account.updated = [ours]
        account.later = [ecs_deployment(7)]
        if ends_with != 7:
            account.later = [ecs_deployment(ends_with, "ecs-svc/9"), {**ours, "status": "ACTIVE"}]
        for name, value in refusing.items():
            setattr(account, name, value)
        super().__init__(account, target.app_url)
        self.interrupts = False

    @cached_property
    def played(self) -> Recorded:
        """The account behind these clients."""
        assert isinstance(self.account, Recorded)
        return self.account

    @cached_property
    def ecs(self) -> ECSClient:
        """The container service, asked once each time: what is tried here is our own patience."""
        made = session().client("ecs", config=Config(retries={"total_max_attempts": 1}))
        self._play(made.meta.events, "ecs")
        return made

    def sleep(self, seconds: float) -> None:
        """Move the clock, or be interrupted."""
        if self.interrupts:
            raise KeyboardInterrupt
        super().sleep(seconds)


@pytest.fixture
def site() -> Iterator[Site]:
    """The service's address; the version asked for answers."""
    with serving(lambda _: version("0.1.5")) as served:
        yield served


def clients_of(site: Site, **refusing: object) -> Watching:
    """Return clients of a service whose update goes well."""
    return Watching(replace(AWS, app_url=site.url), **refusing)  # type: ignore[arg-type]


def test_credentials_that_expire_midway_say_what_ecs_goes_on_with(site: Site, report: Recorder) -> None:
    with pytest.raises(CredentialsError, match="no longer accepted \\(ExpiredTokenException\\)") as caught:
        pipeline.deploy(revision(7), clients_of(site, refusals=1), report, OPTIONS)
    assert caught.value.evidence[0] == (
        "spryte-backend-service: ECS goes on bringing up spryte-backend:7, version 0.1.5; before it "
        "spryte-backend:4 ran, version 0.1.4. Nothing was rolled back."
    )
    assert "inv rollback --service=backend --revision=4" in caught.value.evidence[1]
    assert caught.value.exit_code == 3


def test_a_permission_that_is_taken_away_ends_it_at_once(site: Site, report: Recorder) -> None:
    clients = clients_of(site, refusals=1, code="AccessDeniedException")
    with pytest.raises(AccessDeniedError, match="ecs:DescribeServices is missing"):
        pipeline.deploy(revision(7), clients, report, OPTIONS)
    assert clients.slept == 0


def test_throttling_is_waited_out(site: Site, report: Recorder) -> None:
    clients = clients_of(site, refusals=3, code="ThrottlingException")
    assert pipeline.deploy(revision(7), clients, report, OPTIONS).verified.version == "0.1.5"
    assert "AWS is throttling; asking again in 3 s" in report.text


def test_throttling_that_lasts_longer_than_the_limit_says_what_is_left(site: Site, report: Recorder) -> None:
    clients = clients_of(site, refusals=10_000, code="ThrottlingException")
    with pytest.raises(ThrottledError) as caught:
        pipeline.deploy(revision(7), clients, report, replace(OPTIONS, timeout=5))
    assert "Nothing was rolled back." in caught.value.evidence[0]


def test_an_interruption_says_what_is_left_and_how_to_go_on(site: Site, report: Recorder) -> None:
    clients = clients_of(site)
    clients.interrupts = True
    clients.played.later = [ecs_deployment(7, rolloutState="IN_PROGRESS", runningCount=0)]
    with pytest.raises(InterruptedMidwayError) as caught:
        pipeline.deploy(revision(7), clients, report, OPTIONS)
    assert str(caught.value).startswith("Interrupted. spryte-backend-service: ECS goes on bringing up")
    assert "inv status --service=backend" in caught.value.fix
    assert caught.value.exit_code == 130


def test_a_service_that_something_else_deploys_is_refused_before_the_update(site: Site, report: Recorder) -> None:
    clients = clients_of(site)
    clients.played.settings = {"deploymentController": {"type": "CODE_DEPLOY"}}
    with pytest.raises(ForeignControllerError, match="its deployment controller is CODE_DEPLOY") as caught:
        pipeline.deploy(revision(7), clients, report, OPTIONS)
    assert clients.played.requests("ecs:UpdateService") == []
    assert caught.value.exit_code == 3


def test_what_was_released_before_a_failing_service_goes_back_too(report: Recorder) -> None:
    with serving(lambda number: version("0.1.5" if number < 3 else "0.1.4")) as site:
        clients = Failing(replace(AWS, app_url=site.url))
        with pytest.raises(RolloutFailedError) as caught:
            together.bring_up([revision(7), revision(8)], clients, report, replace(OPTIONS, roll_back=True))
    assert caught.value.evidence[-1] == "backend goes back too: Version 0.1.4 serves again, proved over HTTP."
    assert [each["taskDefinition"] for each in clients.played.requests("ecs:UpdateService")][-1] == arn(4)


@pytest.mark.parametrize("options", [replace(OPTIONS, independent=True), replace(OPTIONS, roll_back=False)])
def test_unless_it_is_to_stay(report: Recorder, options: pipeline.DeployOptions) -> None:
    with serving(lambda _: version("0.1.5")) as site:
        clients = Failing(replace(AWS, app_url=site.url))
        with pytest.raises(RolloutFailedError) as caught:
            together.bring_up([revision(7), revision(8)], clients, report, options)
    assert caught.value.evidence[-1] == (
        "As asked, backend stays at version 0.1.5 (spryte-backend:7), verified; before it spryte-backend:4 ran, "
        "version 0.1.4. To go back: ./inv rollback --service=backend --revision=4"
    )


class Failing(Watching):
    """Clients of a service whose revision 7 comes up, and whose revision 8 fails."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.account = Second(revisions={4: "0.1.4", 7: "0.1.5", 8: "0.1.5"}, deployments=[ecs_deployment(4)])


class Second(Recorded):
    """The account of it."""

    def answer(self, operation: str, asked: dict[str, Json]) -> dict[str, object] | str:
        """Let each update but that to revision 8 go well."""
        if operation == "ecs:UpdateService":
            number = int(str(asked["taskDefinition"]).rpartition(":")[2])
            failed = [ecs_deployment(7, "ecs-svc/7"), ecs_deployment(8, "ecs-svc/8", rolloutState="FAILED")]
            failed[0]["status"] = "ACTIVE"
            self.updated = failed[::-1] if number == 8 else [ecs_deployment(number, f"ecs-svc/{number}")]
        return super().answer(operation, asked)
