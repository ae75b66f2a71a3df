"""The way back when a deployment failed: to the revision that ran before it, and proved."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.release.way_back import Back, left, restore
from tests.support.account import Account, AccountClients, verified
from tests.support.fakes import StubbedClients
from tests.support.models import (
    AWS,
    NEVER_DEPLOYED,
    arn,
    deployment,
    ecs_deployment,
    ecs_service,
)
from tests.support.models import running as runs
from tests.support.web import Page, serving, version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.release.deployment import Deployment
    from tests.support.fakes import Recorder

OURS = ecs_deployment(7, rolloutState="IN_PROGRESS", runningCount=0)
BACK = ecs_deployment(4, "ecs-svc/3")
AGAIN = Back("Version 0.1.4 serves again, proved over HTTP.", returned=True)


@pytest.fixture
def clients() -> Iterator[StubbedClients]:
    """Clients of a target whose load balancer answers with version 0.1.4."""
    with serving(lambda _: version("0.1.4")) as site:
        made = StubbedClients(replace(AWS, app_url=site.url))
        yield made
        made.assert_all_asked()


def expect_update(clients: StubbedClients, number: int, **fields: object) -> None:
    """Expect that the service is updated to that revision."""
    clients.ecs_stub.add_response(
        "update_service",
        {"service": ecs_service(BACK)},
        {
            "cluster": "spryte-cluster",
            "service": "spryte-backend-service",
            "taskDefinition": arn(number),
            **fields,
        },
    )


def test_it_leads_to_the_revision_before_and_not_to_the_one_less(
    clients: StubbedClients, report: Recorder
) -> None:
    clients.services_are(ecs_service(OURS))
    expect_update(clients, 4)
    clients.services_are(ecs_service(BACK))
    assert restore(deployment(number=7), clients, report) == AGAIN
    assert "returning to spryte-backend:4" in report.text


def test_where_ecs_rolled_back_itself_nothing_is_updated(clients: StubbedClients, report: Recorder) -> None:
    clients.services_are(ecs_service(BACK | {"rolloutState": "IN_PROGRESS"}), ecs_service(BACK))
    assert restore(deployment(), clients, report) == AGAIN


def test_after_a_first_deploy_it_leads_to_no_tasks(clients: StubbedClients, report: Recorder) -> None:
    clients.services_are(ecs_service(OURS))
    expect_update(clients, 1, desiredCount=0)
    told = restore(deployment(NEVER_DEPLOYED), clients, report).told
    assert told == "It was the service's first deploy: it is back at 0 tasks."


def test_a_deployment_that_somebody_started_meanwhile_is_left_alone(
    clients: StubbedClients, report: Recorder
) -> None:
    clients.services_are(ecs_service(ecs_deployment(9, "ecs-svc/9")))
    told = restore(deployment(), clients, report).told
    assert told == "Nothing was rolled back: spryte-backend:9 was deployed meanwhile."


def test_a_first_deploy_that_somebody_deployed_over_is_left_alone(
    clients: StubbedClients, report: Recorder
) -> None:
    clients.services_are(ecs_service(ecs_deployment(8, "ecs-svc/9")))
    told = restore(deployment(NEVER_DEPLOYED), clients, report).told
    assert told == "Nothing was rolled back: spryte-backend:8 was deployed meanwhile."


OUR_BACK = BACK | {"rolloutState": "IN_PROGRESS", "runningCount": 0}
ECS_BACK = ecs_deployment(4, "ecs-svc/10")


def test_ecs_that_goes_back_between_our_look_and_our_update_is_followed(
    clients: StubbedClients, report: Recorder
) -> None:
    clients.services_are(ecs_service(OURS))
    clients.ecs_stub.add_response("update_service", {"service": ecs_service(ECS_BACK)})
    clients.services_are(ecs_service(ECS_BACK))
    assert restore(deployment(), clients, report) == AGAIN


@pytest.mark.parametrize("ours", ["IN_PROGRESS", "FAILED", "COMPLETED", "gone"])
def test_ecs_that_takes_over_our_way_back_with_its_own_is_followed(
    clients: StubbedClients, report: Recorder, ours: str
) -> None:
    replaced = [] if ours == "gone" else [OUR_BACK | {"status": "ACTIVE", "rolloutState": ours}]
    taken = ecs_service(ECS_BACK, *replaced)
    clients.services_are(ecs_service(OURS))
    expect_update(clients, 4)
    clients.services_are(ecs_service(OUR_BACK), taken, taken, taken)
    assert restore(deployment(), clients, report) == AGAIN
    assert "following ECS's own deployment of spryte-backend:4, ecs-svc/10" in report.text


def test_another_revision_that_takes_over_our_way_back_is_not_followed(
    clients: StubbedClients, report: Recorder
) -> None:
    clients.services_are(ecs_service(OURS))
    expect_update(clients, 4)
    clients.services_are(ecs_service(OUR_BACK), *[ecs_service(ecs_deployment(9, "ecs-svc/9"))] * 2)
    back = restore(deployment(), clients, report)
    assert back.failed
    assert "another deployment took over, of spryte-backend:9" in back.told


def test_ecss_own_way_back_that_fails_as_well_ends_it(clients: StubbedClients, report: Recorder) -> None:
    gave_up = ecs_service(ECS_BACK | {"rolloutState": "FAILED", "runningCount": 0})
    clients.services_are(ecs_service(OURS))
    expect_update(clients, 4)
    clients.services_are(ecs_service(OUR_BACK), *[gave_up] * 2)
    back = restore(deployment(), clients, report)
    assert back.failed
    assert back.told.startswith("The way back to spryte-backend:4 failed too: ")


def adopted(tags: set[str]) -> tuple[Deployment, AccountClients]:
    """Return a deployment that was picked up when nothing else ran any more, and the account with these tags."""
    account = Account({4: "0.1.4", 6: "0.1.6", 7: "0.1.5"}, [ecs_deployment(7)], tags)
    return replace(deployment(runs(7, "0.1.5")), adopted=True), AccountClients(account)


def test_a_deployment_that_was_picked_up_goes_back_to_what_its_first_run_recorded(report: Recorder) -> None:
    failed, clients = adopted(verified(4, 6, over={7: 4}))
    with serving(lambda _: version("0.1.4")) as site:
        clients.target = replace(AWS, app_url=site.url)
        assert restore(failed, clients, report) == AGAIN
    (update,) = clients.account.requests("ecs:UpdateService")
    assert update["taskDefinition"] == arn(4)


def test_one_of_which_nothing_is_recorded_stays_and_says_how_to_find_the_way(report: Recorder) -> None:
    failed, clients = adopted(verified(4, 6))
    back = restore(failed, clients, report)
    assert back.failed
    assert "what ran before it is not recorded: it stays" in back.told
    assert "./inv history --service=backend" in back.told
    assert "./inv rollback --service=backend --revision=NUMBER" in back.told
    assert clients.account.requests("ecs:UpdateService") == []


def test_a_revision_without_a_version_runs_again_though_nothing_can_prove_it(
    clients: StubbedClients, report: Recorder
) -> None:
    clients.services_are(ecs_service(OURS))
    expect_update(clients, 4)
    clients.services_are(ecs_service(BACK))
    told = restore(deployment(runs(4, "")), clients, report).told
    assert told == "spryte-backend:4 runs again and answers 200; it has no version that could be proved over HTTP."


def test_a_way_back_that_aws_refuses_is_told_and_not_raised(clients: StubbedClients, report: Recorder) -> None:
    clients.services_are(ecs_service(OURS))
    clients.ecs_stub.add_client_error(
        "update_service", "AccessDeniedException", "x is not authorized to perform: ecs:UpdateService on y"
    )
    back = restore(deployment(), clients, report)
    assert back.failed
    assert back.told.startswith("The way back to spryte-backend:4 failed too: AWS refused")
    assert "Allow ecs:UpdateService" in back.told


def test_a_way_back_that_takes_too_long_is_told_and_not_raised(clients: StubbedClients, report: Recorder) -> None:
    clients.services_are(ecs_service(OURS))
    expect_update(clients, 4)
    clients.services_are(*[ecs_service(BACK | {"runningCount": 0})] * 3)
    told = restore(deployment(), clients, report, 3).told
    assert "failed too: spryte-backend-service: spryte-backend:4 did not finish within 3 s." in told


def test_a_way_back_that_does_not_serve_is_told_and_not_raised(report: Recorder) -> None:
    with serving(lambda _: Page(502)) as site:
        clients = StubbedClients(replace(AWS, app_url=site.url))
        clients.services_are(ecs_service(BACK), ecs_service(BACK))
        told = restore(deployment(), clients, report).told
    assert told.startswith("The way back to spryte-backend:4 failed too: backend: http://127.0.0.1")
    assert "502" in told


def test_what_ecs_itself_went_back_to_is_told_although_nothing_was_to_be_rolled_back(
    clients: StubbedClients,
) -> None:
    clients.services_are(ecs_service(BACK))
    assert left(deployment(), clients) == (
        "Nothing was rolled back here, as asked, but ECS itself went back to spryte-backend:4, version 0.1.4: "
        "its circuit breaker does not ask."
    )


def test_what_stays_for_inspection_is_named(clients: StubbedClients) -> None:
    clients.services_are(ecs_service(OURS))
    assert left(deployment(), clients) == (
        "Nothing was rolled back, as asked: spryte-backend:7 stays; before it, spryte-backend:4 ran. "
        "To go back: ./inv rollback --service=backend --revision=4"
    )


def test_an_interruption_on_the_way_back_says_what_ecs_goes_on_with(report: Recorder) -> None:
    clients = Impatient(AWS)
    clients.services_are(ecs_service(OURS))
    expect_update(clients, 4)
    clients.services_are(ecs_service(BACK | {"runningCount": 0}))
    assert restore(deployment(), clients, report).told == (
        "Interrupted on the way back: ECS goes on bringing spryte-backend:4 up; nothing proved it yet. "
        "Look: ./inv status --service=backend"
    )


class Impatient(StubbedClients):
    """Clients of somebody who presses Ctrl-C instead of waiting."""

    def sleep(self, seconds: float) -> None:  # noqa: ARG002 - nobody waits
        """Do not."""
        raise KeyboardInterrupt
