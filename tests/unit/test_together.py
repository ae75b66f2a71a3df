"""Several services as one release: whatever ends it in the middle, it is said what serves now."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from tasks.errors import DeployError, SupersededError
from tasks.release import pipeline, together
from tasks.release.interruption import InterruptedMidwayError
from tasks.release.rollout import RolloutFailedError
from tasks.release.service_state import DeploymentInProgressError
from tasks.release.together import InterruptedReleaseError
from tasks.sdk_errors import AccessDeniedError, CredentialsError
from tests.support.account import RefusedError, verified
from tests.support.models import AWS, BACKEND, arn, ecs_deployment, revision
from tests.support.recorded import Recorded
from tests.support.web import serving, version
from tests.unit.test_diagnosis_midway import OPTIONS, Failing, Watching

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.documents import Json
    from tasks.release.task_definition import Revision
    from tests.support.fakes import Recorder
    from tests.support.web import Site

FRONTEND = replace(BACKEND, name="frontend", ecs_service="spryte-frontend-service")
COMES_UP = ecs_deployment(8, "ecs-svc/8", rolloutState="IN_PROGRESS", runningCount=0)
STAYS = (
    "backend stays at version 0.1.5 (spryte-backend:7), verified; before it spryte-backend:4 ran, version 0.1.4. "
    "To go back: ./inv rollback --service=backend --revision=4"
)
WENT_BACK = "backend goes back too: Version 0.1.4 serves again, proved over HTTP."


@dataclass
class Two(Recorded):
    """Backend and frontend at revision 4; the frontend's update is refused, or ends with `after`."""

    revisions: dict[int, str] = field(default_factory=lambda: {4: "0.1.4", 7: "0.1.5", 8: "0.1.5", 9: "0.1.9"})
    frontend: list[dict[str, object]] = field(default_factory=lambda: [ecs_deployment(4, "ecs-svc/f")])
    after: list[dict[str, object]] = field(default_factory=list)
    refused: tuple[str, str] = ("", "")

    def answer(self, operation: str, asked: dict[str, Json]) -> dict[str, object] | str:
        """Answer for the service that is asked about."""
        if "spryte-frontend-service" not in (asked.get("service"), *list_of(asked.get("services"))):
            if operation == "ecs:UpdateService":
                number = int(str(asked["taskDefinition"]).rpartition(":")[2])
                self.updated = [ecs_deployment(number, f"ecs-svc/{number}")]
            return super().answer(operation, asked)
        if operation == self.refused[0]:
            raise RefusedError(self.refused[1], f"User: x is not authorized to perform: {operation} on y")
        backend, self.deployments = self.deployments, self.frontend
        try:
            if operation == "ecs:UpdateService":
                self.frontend = self.updated = self.after
            return super().answer(operation, asked)
        finally:
            self.deployments = backend


class Both(Watching):
    """Clients of both, and of somebody who may press Ctrl-C once the frontend is waited for, or a tag is put."""

    def __init__(self, account: Two, url: str) -> None:
        super().__init__(replace(AWS, app_url=url))
        account.deployments = [ecs_deployment(4, "ecs-svc/1")]
        self.account = account

    def sleep(self, seconds: float) -> None:
        """Move the clock, or be interrupted."""
        frontend = getattr(self.account, "after", [])
        if self.interrupts and frontend and frontend is getattr(self.account, "frontend", None):
            raise KeyboardInterrupt
        self.slept += seconds


def list_of(value: Json) -> list[Json]:
    """Return a list where there is one."""
    return value if isinstance(value, list) else []


def frontend(number: int) -> Revision:
    """Return a revision of the frontend."""
    made = revision(number)
    image = made.pushed.image
    source = replace(image.source, service=FRONTEND)
    return replace(made, pushed=replace(made.pushed, image=replace(image, source=source)))


@pytest.fixture
def site() -> Iterator[Site]:
    """The page: the backend is proved, then proved again at its old version."""
    with serving(lambda asked: version("0.1.5" if asked < 3 else "0.1.4")) as served:
        yield served


def ended(clients: Both, report: Recorder, options: pipeline.DeployOptions = OPTIONS) -> DeployError:
    """Return how a release of both ends."""
    with pytest.raises(DeployError) as caught:
        together.bring_up([revision(7), frontend(8)], clients, report, options)
    return caught.value


def backend_runs(clients: Both) -> object:
    """Return the revision that the backend was last updated to."""
    updates = clients.played.requests("ecs:UpdateService")
    return [each["taskDefinition"] for each in updates if each["service"] == BACKEND.ecs_service][-1]


def test_a_frontend_that_was_superseded_takes_the_backend_back(site: Site, report: Recorder) -> None:
    error = ended(Both(Two(after=[ecs_deployment(9, "ecs-svc/9")]), site.url), report)
    assert isinstance(error, SupersededError)
    assert error.evidence[-1] == WENT_BACK


def test_a_frontend_that_may_not_be_updated_takes_the_backend_back(site: Site, report: Recorder) -> None:
    clients = Both(Two(refused=("ecs:UpdateService", "AccessDeniedException")), site.url)
    error = ended(clients, report)
    assert isinstance(error, AccessDeniedError)
    assert error.evidence[-1] == WENT_BACK
    assert backend_runs(clients) == arn(4)


def test_a_frontend_that_is_busy_takes_the_backend_back(site: Site, report: Recorder) -> None:
    busy = [ecs_deployment(9, "ecs-svc/9", rolloutState="IN_PROGRESS")]
    error = ended(Both(Two(frontend=busy), site.url), report)
    assert isinstance(error, DeploymentInProgressError)
    assert error.evidence[-1] == WENT_BACK


@pytest.mark.parametrize("options", [replace(OPTIONS, independent=True), replace(OPTIONS, roll_back=False)])
def test_unless_it_was_asked_to_stay(site: Site, report: Recorder, options: pipeline.DeployOptions) -> None:
    clients = Both(Two(refused=("ecs:UpdateService", "AccessDeniedException")), site.url)
    assert ended(clients, report, options).evidence[-1] == f"As asked, {STAYS}"
    assert backend_runs(clients) == arn(7)


def test_what_was_taken_back_is_recorded_so_that_no_rollback_goes_there(site: Site, report: Recorder) -> None:
    clients = Both(Two(refused=("ecs:UpdateService", "AccessDeniedException")), site.url)
    ended(clients, report)
    assert "left-spryte-backend-7" in clients.account.tags


def test_an_interruption_at_the_frontend_says_where_the_backend_stays(site: Site, report: Recorder) -> None:
    clients = Both(Two(after=[COMES_UP, ecs_deployment(4, "ecs-svc/f", status="ACTIVE")]), site.url)
    clients.interrupts = True
    error = ended(clients, report)
    assert isinstance(error, InterruptedMidwayError)
    assert error.evidence[-1] == STAYS
    assert backend_runs(clients) == arn(7)


class Interrupted(Two):
    """Ctrl-C while what was verified is recorded."""

    def _put_image(self, asked: dict[str, Json]) -> dict[str, object]:
        if str(asked["imageTag"]).startswith("verified-"):
            raise KeyboardInterrupt
        return super()._put_image(asked)


def test_an_interruption_while_the_backend_is_recorded_says_where_it_stays(site: Site, report: Recorder) -> None:
    error = ended(Both(Interrupted(), site.url), report)
    assert isinstance(error, InterruptedReleaseError)
    assert error.exit_code == 130
    assert error.evidence == (STAYS,)


def test_where_aws_cannot_be_asked_any_more_it_is_said_where_the_backend_stays(
    site: Site, report: Recorder
) -> None:
    error = ended(Both(Two(refused=("ecs:UpdateService", "ExpiredTokenException")), site.url), report)
    assert isinstance(error, CredentialsError)
    assert error.evidence[-1] == STAYS


def test_where_ecs_goes_on_with_the_frontend_the_backend_is_not_taken_from_under_it(
    site: Site, report: Recorder
) -> None:
    clients = Both(Blind(after=[COMES_UP, ecs_deployment(4, "ecs-svc/f", status="ACTIVE")]), site.url)
    error = ended(clients, report)
    assert isinstance(error, AccessDeniedError)
    assert error.evidence[-1] == STAYS


class Blind(Two):
    """The permission to look at the frontend is taken away once its update was sent."""

    def answer(self, operation: str, asked: dict[str, Json]) -> dict[str, object] | str:
        """Answer, and refuse from then on."""
        answered = super().answer(operation, asked)
        if operation == "ecs:UpdateService" and asked["service"] == FRONTEND.ecs_service:
            self.refused = ("ecs:DescribeServices", "AccessDeniedException")
        return answered


def test_a_release_run_again_after_an_interruption_goes_back_as_a_whole(site: Site, report: Recorder) -> None:
    failed = [ecs_deployment(4, "ecs-svc/g"), {**COMES_UP, "status": "ACTIVE", "rolloutState": "FAILED"}]
    clients = Both(Two(after=failed), site.url)
    clients.account.deployments = [ecs_deployment(7, "ecs-svc/7")]
    clients.account.tags = verified(7, over={7: 4})
    error = ended(clients, report)
    assert isinstance(error, RolloutFailedError)
    assert error.evidence[-1].startswith("backend goes back too: ")
    assert backend_runs(clients) == arn(4)


def test_what_an_earlier_run_released_stays_where_nothing_tells_what_ran_before(report: Recorder) -> None:
    with serving(lambda _: version("0.1.5")) as site:
        clients = Failing(replace(AWS, app_url=site.url))
        clients.account.deployments = [ecs_deployment(7, "ecs-svc/7")]
        with pytest.raises(RolloutFailedError) as caught:
            together.bring_up([revision(7), revision(8)], clients, report, OPTIONS)
    assert caught.value.evidence[-1] == (
        "backend stays at spryte-backend:7: it ran that before this release, and over what it was "
        "deployed is not recorded. To take it back too: ./inv rollback --service=backend"
    )
