"""Going back: what is shown before, what is proved after, and what is said when it does not work."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from tasks.errors import StoppedByUserError
from tasks.operate.previous import UnknownVersionError, Wish
from tasks.operate.rollback import go, go_all, plan
from tasks.release.rollout import RolloutFailedError
from tasks.release.service_state import NeverDeployedError, NothingRunsError
from tasks.release.smoke import NotServingError
from tasks.sdk_errors import AccessDeniedError
from tests.support.account import Account, AccountClients, verified
from tests.support.fakes import Recorder
from tests.support.models import BACKEND, ecs_deployment
from tests.support.web import Page, serving, version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.documents import Json
    from tests.support.web import Site

VERSIONS = {4: "0.1.4", 5: "0.1.5", 6: "0.1.6"}


@pytest.fixture
def site() -> Iterator[Site]:
    """The service's address, where version 0.1.5 answers."""
    with serving(lambda _: version("0.1.5")) as served:
        yield served


def account(**fields: dict[int, str]) -> Account:
    """Return an account that runs revision 6, which was deployed over 5."""
    tags = verified(4, 5, 6, over={5: 4, 6: 5})
    return Account(fields.get("revisions", VERSIONS), [ecs_deployment(6, "ecs-svc/1")], tags)


def test_the_way_and_the_differences_are_found_without_changing_anything() -> None:
    found, report = account(), Recorder()

    way = plan(BACKEND, Wish(), AccountClients(found), report)

    assert "spryte-backend:6 (version 0.1.6) -> spryte-backend:5 (version 0.1.5)" in report.text
    assert way.changes == ("containerDefinitions.spryte-backend.environment.APP_VERSION: 0.1.6 -> 0.1.5",)
    assert way.goal.number == 5
    assert {operation for operation, _ in found.asked} == {
        "ecs:DescribeServices", "ecs:DescribeTaskDefinition", "ecr:BatchGetImage",
    }  # fmt: skip


def test_it_is_done_when_the_version_was_proved(site: Site) -> None:
    found, report = account(), Recorder()
    clients = AccountClients(found, site.url)

    assert go(plan(BACKEND, Wish(), clients, report), clients, report, 60) == "0.1.5"

    (update,) = found.requests("ecs:UpdateService")
    assert str(update["taskDefinition"]).endswith("spryte-backend:5")
    assert "desiredCount" not in update
    assert site.paths == ["/api/health"] * 3
    assert [timing.stage for timing in report.timings] == ["compare", "update", "rollout", "verify"]


def test_what_runs_already_is_only_proved(site: Site) -> None:
    found, report = account(), Recorder()
    found.deployments = [ecs_deployment(5, "ecs-svc/1")]
    clients = AccountClients(found, site.url)

    assert go(plan(BACKEND, Wish(version="0.1.5"), clients, report), clients, report, 60) == "0.1.5"

    assert found.requests("ecs:UpdateService") == []
    assert "runs already; nothing to update" in report.text


def test_a_named_revision_is_recorded_once_it_was_proved(site: Site) -> None:
    found, report = account(), Recorder()
    found.tags = set()
    clients = AccountClients(found, site.url)

    go(plan(BACKEND, Wish(number=5), clients, report), clients, report, 60)

    assert found.tags == verified(5) | {"left-spryte-backend-6"}


def test_a_revision_without_a_version_is_refused() -> None:
    found = account(revisions={**VERSIONS, 3: ""})
    with pytest.raises(UnknownVersionError, match="spryte-backend:3 was not registered by this tool") as caught:
        plan(BACKEND, Wish(number=3), AccountClients(found), Recorder())
    assert caught.value.exit_code == 3
    assert "--task-definition spryte-backend:3" in caught.value.fix


def test_unless_it_runs_already_then_it_is_seen_to_answer_and_not_recorded() -> None:
    found, report = account(revisions={**VERSIONS, 3: ""}), Recorder()
    found.deployments = [ecs_deployment(3, "ecs-svc/1")]
    pages = [Page(503), Page(200)]
    with serving(lambda asked: pages[min(asked, 1)]) as site:
        clients = AccountClients(found, site.url)
        assert go(plan(BACKEND, Wish(number=3), clients, report), clients, report, 60) == ""
    assert "has no version that could be proved" in report.text
    assert found.requests("ecr:PutImage") == []


def test_another_version_that_answers_is_no_success() -> None:
    found, report = account(), Recorder()
    with serving(lambda _: version("0.1.6")) as site:
        clients = AccountClients(found, site.url)
        with pytest.raises(NotServingError) as caught:
            go(plan(BACKEND, Wish(), clients, report), clients, report, 60)
    assert caught.value.exit_code == 9
    assert "inv rollback --service=backend --revision=6" in caught.value.evidence[-1]


def test_a_rollback_that_does_not_come_up_says_what_runs() -> None:
    found, report = account(), Recorder()
    clients = AccountClients(found)
    way = plan(BACKEND, Wish(), clients, report)
    found.updated = [ecs_deployment(5, "ecs-svc/9", runningCount=0, rolloutState="FAILED"),
                     ecs_deployment(6, "ecs-svc/1", status="ACTIVE")]  # fmt: skip

    with pytest.raises(RolloutFailedError) as caught:
        go(way, clients, report, 60)

    assert caught.value.exit_code == 7
    assert "version 0.1.5 (spryte-backend:5) did not come up" in str(caught.value)
    assert "spryte-backend:6 1 of 1 tasks" in caught.value.evidence[-1]


def failed(found: Account, site_url: str, *deployments: dict[str, object]) -> RolloutFailedError:
    """Return how a rollback to revision 5 fails, after which ECS has these deployments."""
    clients, report = AccountClients(found, site_url), Recorder()
    way = plan(BACKEND, Wish(), clients, report)
    found.later = [*deployments]
    with pytest.raises(RolloutFailedError) as caught:
        go(way, clients, report, 60)
    return caught.value


def test_where_ecs_went_back_by_itself_that_is_proved_and_no_way_there_is_suggested() -> None:
    gave_up = ecs_deployment(5, "ecs-svc/9", status="ACTIVE", runningCount=0, rolloutState="FAILED")
    with serving(lambda _: version("0.1.6")) as site:
        error = failed(account(), site.url, gave_up, ecs_deployment(6, "ecs-svc/10"))
        assert site.paths[-3:] == ["/api/health"] * 3
    assert error.evidence[-1] == (
        "ECS itself returned to spryte-backend:6. Version 0.1.6 serves again, proved over HTTP."
    )


def test_where_what_ecs_went_back_to_does_not_serve_either_that_is_said(site: Site) -> None:
    gave_up = ecs_deployment(5, "ecs-svc/9", status="ACTIVE", runningCount=0, rolloutState="FAILED")
    error = failed(account(), site.url, gave_up, ecs_deployment(6, "ecs-svc/10"))
    assert error.evidence[-1].startswith(
        "ECS itself returned to spryte-backend:6. The way back to spryte-backend:6 failed too: "
    )
    assert error.exit_code == 12


def test_a_service_that_was_never_deployed_is_refused_without_starting_it() -> None:
    found = Account({1: ""}, [ecs_deployment(1, "ecs-svc/1", desiredCount=0, runningCount=0)])
    found.settings = {"desiredCount": 0}
    with pytest.raises(NeverDeployedError, match="was never deployed") as caught:
        plan(BACKEND, Wish(), AccountClients(found), Recorder())
    assert "./inv deploy --service=backend" in caught.value.fix


def test_a_service_scaled_to_zero_is_refused() -> None:
    found = account()
    found.settings = {"desiredCount": 0}
    with pytest.raises(NothingRunsError):
        plan(BACKEND, Wish(), AccountClients(found), Recorder())


class Impatient(AccountClients):
    """Clients of somebody who presses Ctrl-C while waiting."""

    def sleep(self, seconds: float) -> None:
        """Stop instead."""
        raise KeyboardInterrupt(seconds)


def test_an_interrupted_rollback_says_what_goes_on_and_how_to_follow_it() -> None:
    found, report = account(), Recorder()
    clients = Impatient(found)
    way = plan(BACKEND, Wish(), clients, report)
    found.updated = [ecs_deployment(5, "ecs-svc/9", runningCount=0, rolloutState="IN_PROGRESS")]

    with pytest.raises(StoppedByUserError) as caught:
        go(way, clients, report, 60)

    assert str(caught.value) == (
        "Interrupted. spryte-backend-service is on its way to spryte-backend:5 (version 0.1.5); "
        "ECS goes on with it."
    )
    assert "inv rollback --service=backend --revision=5" in caught.value.fix


def test_an_interrupted_wait_for_what_ecs_returned_to_still_tells_why_the_rollback_failed() -> None:
    gave_up = ecs_deployment(5, "ecs-svc/9", status="ACTIVE", runningCount=0, rolloutState="FAILED")
    comes_up = ecs_deployment(6, "ecs-svc/10", runningCount=0, rolloutState="IN_PROGRESS")
    found = account()
    clients = Impatient(found)
    way = plan(BACKEND, Wish(), clients, Recorder())
    found.later = [gave_up, comes_up]
    with pytest.raises(RolloutFailedError) as caught:
        go(way, clients, Recorder(), 60)
    assert "Interrupted on the way back: ECS goes on bringing spryte-backend:6 up" in caught.value.evidence[-1]


@dataclass
class Turning(Account):
    """An account of which the second update is denied."""

    def answer(self, operation: str, asked: dict[str, Json]) -> dict[str, object] | str:
        """Deny it."""
        if operation == "ecs:UpdateService" and self.requests(operation):
            self.denied = {operation}
        return super().answer(operation, asked)


def test_of_several_services_it_is_said_where_each_stands_when_one_cannot_go_back(site: Site) -> None:
    report = Recorder()
    tags = verified(4, 5, 6, over={5: 4, 6: 5})
    clients = AccountClients(Turning(VERSIONS, [ecs_deployment(6, "ecs-svc/1")], tags), site.url)
    way = plan(BACKEND, Wish(), clients, report)
    ways = [
        replace(way, state=replace(way.state, service=replace(BACKEND, name=name)))
        for name in ("frontend", "backend", "worker")
    ]
    with pytest.raises(AccessDeniedError, match="ecs:UpdateService is missing") as caught:
        go_all(ways, clients, report, 60)
    assert caught.value.evidence == (
        (
            "frontend stays at spryte-backend:5 (version 0.1.5), proved; before it spryte-backend:6 ran. "
            "Back to where it was: ./inv rollback --service=frontend --revision=6"
        ),
        (
            "worker was not touched: it runs spryte-backend:6. "
            "To roll it back too: ./inv rollback --service=worker --revision=5"
        ),
    )
