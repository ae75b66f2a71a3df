"""What a deploy says that is stopped midway: it depends on how far it had come, and is true."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ReadTimeoutError

from tasks.release import pipeline
from tasks.release.interruption import InterruptedMidwayError
from tasks.sdk_errors import AccessDeniedError, CredentialsError, UnreachableError
from tests.support.account import RefusedError
from tests.support.models import AWS, ecs_deployment, revision
from tests.support.recorded import Recorded
from tests.support.web import Page, serving, version
from tests.unit.test_diagnosis_midway import OPTIONS, Watching

if TYPE_CHECKING:
    from tasks.documents import Json
    from tests.support.fakes import Recorder

GOING = ecs_deployment(7, rolloutState="IN_PROGRESS", runningCount=0)
FAILED = [
    ecs_deployment(7, rolloutState="FAILED", runningCount=0),
    ecs_deployment(4, "ecs-svc/1", status="ACTIVE"),
]
WAY_BACK = "To go back: ./inv rollback --service=backend --revision=4"
PICKED_UP = "To go on: the same command again, it picks this deployment up."


@dataclass
class Stopping(Recorded):
    """An account at one of whose operations somebody presses Ctrl-C, or AWS does something else."""

    at: str = ""
    by: BaseException | None = None

    def answer(self, operation: str, asked: dict[str, Json]) -> dict[str, object] | str:
        """Answer, or be stopped once the update was asked for."""
        if (
            operation == self.at
            and self.by
            and (self.requests("ecs:UpdateService") or self.at.endswith("Service"))
        ):
            raise self.by
        return super().answer(operation, asked)


def stopped(account: Stopping, report: Recorder, page: Page) -> str:
    """Deploy revision 7, and return all that the error tells."""
    with serving(lambda _: page) as site:
        clients = Watching(replace(AWS, app_url=site.url))
        clients.account = account
        with pytest.raises(
            (InterruptedMidwayError, UnreachableError, AccessDeniedError, CredentialsError)
        ) as caught:
            pipeline.deploy(revision(7), clients, report, OPTIONS)
    return "\n".join((str(caught.value), *caught.value.evidence, caught.value.fix))


def account(at: str, by: BaseException | None = None, *later: dict[str, object]) -> Stopping:
    """Return an account whose service runs revision 4 and is updated to 7, which then is as told."""
    found = Stopping(at=at, by=by or KeyboardInterrupt(), deployments=[ecs_deployment(4, "ecs-svc/1")])
    found.updated, found.later = [GOING], [*later]
    return found


def test_while_the_update_is_sent_it_may_have_begun(report: Recorder) -> None:
    said = stopped(account("ecs:UpdateService"), report, version("0.1.4"))
    assert "the update to spryte-backend:7, version 0.1.5, was being sent, and may have begun" in said
    assert "before it spryte-backend:4 ran, version 0.1.4. Nothing was rolled back." in said
    assert "To go on: the same command again, it picks this deployment up where there is one." in said
    assert WAY_BACK in said


def test_an_answer_to_the_update_that_is_lost_leaves_the_same(report: Recorder) -> None:
    lost = ReadTimeoutError(endpoint_url="https://ecs.us-east-2.amazonaws.com")
    said = stopped(account("ecs:UpdateService", lost), report, version("0.1.4"))
    assert "was being sent, and may have begun" in said
    assert WAY_BACK in said


def test_an_update_that_is_refused_leaves_nothing_and_says_nothing_of_the_kind(report: Recorder) -> None:
    refused = RefusedError("AccessDeniedException", "x is not authorized to perform: ecs:UpdateService on y")
    said = stopped(account("ecs:UpdateService", refused), report, version("0.1.4"))
    assert "the permission ecs:UpdateService is missing" in said
    assert "may have begun" not in said


def test_while_a_failed_deployment_is_explained_nothing_comes_up_any_more(report: Recorder) -> None:
    said = stopped(account("ecs:ListTasks", None, *FAILED), report, version("0.1.4"))
    assert "spryte-backend:7, version 0.1.5, did not come up; ECS may go back by itself" in said
    assert "ECS goes on bringing up" not in said
    assert PICKED_UP not in said
    assert "To go on: fix the cause (./inv diagnose --service=backend), then deploy the next version." in said
    assert WAY_BACK in said


def test_while_it_is_proved_it_is_up_and_not_proved(report: Recorder) -> None:
    with serving(lambda _: Page(503)) as site:
        clients = Watching(replace(AWS, app_url=site.url))
        clients.interrupts = True
        with pytest.raises(InterruptedMidwayError) as caught:
            pipeline.deploy(revision(7), clients, report, OPTIONS)
    assert "spryte-backend:7, version 0.1.5, is up, and was not proved over HTTP; before it" in str(caught.value)
    assert "To go on: the same command again, it proves this deployment." in caught.value.fix
    assert WAY_BACK in caught.value.fix


def test_a_deployment_that_was_adopted_has_no_way_back_to_itself(report: Recorder) -> None:
    with serving(lambda _: Page(503)) as site:
        clients = Watching(replace(AWS, app_url=site.url))
        clients.interrupts = True
        clients.played.deployments = [ecs_deployment(7, "ecs-svc/7", rolloutState="IN_PROGRESS", runningCount=0)]
        with pytest.raises(InterruptedMidwayError) as caught:
            pipeline.deploy(revision(7), clients, report, OPTIONS)
    assert str(caught.value) == (
        "Interrupted. spryte-backend-service: ECS goes on bringing up spryte-backend:7, version 0.1.5. "
        "Nothing was rolled back."
    )
    assert PICKED_UP in caught.value.fix
    assert "To go back" not in caught.value.fix
