"""Waiting for a deployment: at once, quietly, and never longer than told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.errors import SupersededError
from tasks.release.rollout import RolloutFailedError, TookTooLongError, wait
from tasks.release.rollout_judge import Cause
from tasks.release.service_state import ServiceMissingError
from tasks.sdk_errors import AccessDeniedError
from tests.support.models import ecs_deployment, ecs_event, ecs_service, rollout

if TYPE_CHECKING:
    from tests.support.fakes import Recorder, StubbedClients

OLD = ecs_deployment(4, "ecs-svc/1", status="ACTIVE")
STARTING = ecs_deployment(7, rolloutState="IN_PROGRESS", runningCount=0, pendingCount=1)
RUNNING = ecs_deployment(7, rolloutState="IN_PROGRESS")
DONE = ecs_deployment(7)


def test_the_first_look_is_at_once(clients: StubbedClients, report: Recorder) -> None:
    clients.services_are(ecs_service(DONE))
    wait(rollout(), clients, report, 600)
    assert clients.naps == []
    assert report.text == "1 of 1 running\n"


def test_it_looks_again_until_the_deployment_is_done(clients: StubbedClients, report: Recorder) -> None:
    clients.services_are(ecs_service(STARTING, OLD), ecs_service(RUNNING, OLD), ecs_service(DONE))
    wait(rollout(), clients, report, 600)
    assert report.text.splitlines() == [
        "0 of 1 running, 1 starting",
        "1 of 1 running; waiting for health checks; 1 old serving until then",
        "1 of 1 running",
    ]


def test_the_pauses_grow_from_one_second_to_three(clients: StubbedClients, report: Recorder) -> None:
    clients.services_are(*[ecs_service(STARTING, OLD)] * 20, ecs_service(DONE))
    wait(rollout(), clients, report, 600)
    assert clients.naps[0] == 1
    assert clients.naps == sorted(clients.naps)
    assert clients.naps[-1] == 3


def test_only_what_changed_is_shown(clients: StubbedClients, report: Recorder) -> None:
    clients.services_are(*[ecs_service(STARTING, OLD)] * 5, ecs_service(DONE))
    wait(rollout(), clients, report, 600)
    assert report.text.splitlines() == ["0 of 1 running, 1 starting", "1 of 1 running"]


def test_events_are_shown_once_and_oldest_first(clients: StubbedClients, report: Recorder) -> None:
    one, two = ecs_event(1, "has started 1 tasks"), ecs_event(2, "registered 1 targets", 2)
    clients.services_are(
        ecs_service(STARTING, OLD, events=[one]), ecs_service(DONE, events=[two, one]),
    )  # fmt: skip
    wait(rollout(), clients, report, 600)
    assert [line for line in report.text.splitlines() if "running" not in line] == [
        "has started 1 tasks",
        "registered 1 targets",
    ]


def test_events_from_before_the_deployment_are_not_shown(clients: StubbedClients, report: Recorder) -> None:
    clients.services_are(ecs_service(DONE, events=[ecs_event(1, "of yesterday", -86_400)]))
    wait(rollout(), clients, report, 600)
    assert "of yesterday" not in report.text


def test_nor_are_they_when_ecs_no_longer_lists_the_deployment(clients: StubbedClients, report: Recorder) -> None:
    yesterday, now = ecs_event(1, "of yesterday", -86_400), ecs_event(2, "rolling back", 5)
    clients.services_are(
        ecs_service(STARTING, OLD, events=[yesterday]),
        ecs_service(ecs_deployment(4, "ecs-svc/3"), events=[now, yesterday]),
    )
    with pytest.raises(RolloutFailedError):
        wait(rollout(), clients, report, 600)
    assert "of yesterday" not in report.text
    assert "rolling back" in report.text


def test_a_failed_deployment_ends_with_the_reason_and_the_last_events(
    clients: StubbedClients, report: Recorder
) -> None:
    failed = ecs_deployment(7, rolloutState="FAILED", rolloutStateReason="tasks failed to start.", runningCount=0)
    events = [ecs_event(number, f"event {number}", number) for number in range(9, 0, -1)]
    clients.services_are(ecs_service(STARTING, OLD), ecs_service(failed, OLD, events=events))
    with pytest.raises(RolloutFailedError) as caught:
        wait(rollout(), clients, report, 600)
    assert str(caught.value) == (
        "spryte-backend-service: version 0.1.5 (spryte-backend:7) did not come up: tasks failed to start."
    )
    assert caught.value.evidence == tuple(f"event {number}" for number in range(4, 10))
    assert caught.value.exit_code == 7


def test_a_deploy_that_ecs_rolled_back_is_no_success(clients: StubbedClients, report: Recorder) -> None:
    clients.services_are(ecs_service(STARTING, OLD), ecs_service(ecs_deployment(4, "ecs-svc/3")))
    with pytest.raises(RolloutFailedError, match=r"ECS rolled back to spryte-backend:4\.$"):
        wait(rollout(), clients, report, 600)


def test_an_answer_from_before_the_update_is_no_failure(clients: StubbedClients, report: Recorder) -> None:
    stale = ecs_service(ecs_deployment(4, "ecs-svc/1"))
    clients.services_are(stale, stale, ecs_service(STARTING, OLD), ecs_service(DONE))
    wait(rollout(), clients, report, 600)
    clients.assert_all_asked()
    assert report.text.splitlines()[0] == "the deployment is not listed yet"


def test_a_deployment_that_ecs_never_lists_is_given_up_after_half_a_minute(
    clients: StubbedClients, report: Recorder
) -> None:
    clients.services_are(*[ecs_service(ecs_deployment(4, "ecs-svc/3"))] * 15)
    with pytest.raises(RolloutFailedError, match=r"ECS rolled back to spryte-backend:4\.$"):
        wait(rollout(), clients, report, 600)
    assert 25 < clients.now < 35


def test_when_only_old_tasks_drain_at_the_limit_it_serves(clients: StubbedClients, report: Recorder) -> None:
    draining = ecs_event(1, "(service a) has begun draining connections on 1 tasks.")
    clients.services_are(*[ecs_service(RUNNING, {**OLD, "desiredCount": 0}, events=[draining])] * 5)
    wait(rollout(), clients, report, 5)
    assert clients.now <= 5
    assert "5 s are over: spryte-backend:7 is serving; waiting for 1 old to drain" in report.text


def test_tasks_that_run_and_end_again_and_again_fail_it_where_no_circuit_breaker_is_on(
    clients: StubbedClients, report: Recorder
) -> None:
    up, down = ecs_service(RUNNING, OLD), ecs_service(STARTING, OLD)
    clients.services_are(down, up, down, up, down, up, down)
    with pytest.raises(RolloutFailedError, match="3 tasks ended after they had begun to run"):
        wait(rollout(), clients, report, 600)
    clients.assert_all_asked()


def test_a_service_that_is_scaled_down_meanwhile_loses_no_tasks(clients: StubbedClients, report: Recorder) -> None:
    counts = (4, 3, 2, 1)
    fewer = [ecs_service({**RUNNING, "runningCount": each, "desiredCount": each}, OLD) for each in counts]
    clients.services_are(*fewer, ecs_service(DONE))
    wait(rollout(), clients, report, 600)


def test_a_deployment_that_took_over_is_told(clients: StubbedClients, report: Recorder) -> None:
    clients.services_are(ecs_service(STARTING, OLD), ecs_service(ecs_deployment(8, "ecs-svc/3"), STARTING | OLD))
    with pytest.raises(SupersededError, match=r"another deployment took over, of spryte-backend:8") as caught:
        wait(rollout(), clients, report, 600)
    assert caught.value.exit_code == 10


def test_the_time_limit_ends_it(clients: StubbedClients, report: Recorder) -> None:
    stuck = ecs_service(STARTING, OLD, events=[ecs_event(1, "has started 1 tasks")])
    clients.services_are(*[stuck] * 5)
    with pytest.raises(TookTooLongError) as caught:
        wait(rollout(), clients, report, 5)
    assert clients.now <= 5
    assert str(caught.value) == "spryte-backend-service: spryte-backend:7 did not finish within 5 s."
    assert caught.value.evidence == ("has started 1 tasks",)
    assert "--timeout=SECONDS" in caught.value.fix
    assert caught.value.exit_code == 8


def test_a_time_limit_of_nothing_still_looks_once(clients: StubbedClients, report: Recorder) -> None:
    clients.services_are(ecs_service(DONE))
    wait(rollout(), clients, report, 0)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"services": [], "failures": [{"reason": "MISSING"}]}, "there is no such service."),
        ({"services": [{"status": "INACTIVE"}]}, "the service is INACTIVE."),
        ({"services": [{"status": "DRAINING"}]}, "the service is DRAINING."),
    ],
)
def test_a_service_that_was_deleted_meanwhile_is_told(
    clients: StubbedClients, report: Recorder, answer: dict[str, object], told: str
) -> None:
    clients.services_are(ecs_service(STARTING, OLD))
    clients.ecs_stub.add_response("describe_services", answer)
    with pytest.raises(ServiceMissingError) as caught:
        wait(rollout(), clients, report, 600)
    assert str(caught.value) == f"spryte-cluster/spryte-backend-service (727646509464, us-east-2): {told}"
    assert "no stack yet: ./inv setup.stack --target=aws" in caught.value.fix
    assert "aws ecs create-service" in caught.value.fix
    assert caught.value.exit_code == 3


def test_a_cluster_that_was_deleted_meanwhile_is_told(clients: StubbedClients, report: Recorder) -> None:
    clients.ecs_stub.add_client_error("describe_services", "ClusterNotFoundException", "Cluster not found.")
    with pytest.raises(ServiceMissingError, match="there is no cluster 'spryte-cluster'"):
        wait(rollout(), clients, report, 600)


def test_a_missing_permission_ends_it_at_once(clients: StubbedClients, report: Recorder) -> None:
    clients.ecs_stub.add_client_error(
        "describe_services", "AccessDeniedException", "x is not authorized to perform: ecs:DescribeServices on y"
    )
    with pytest.raises(AccessDeniedError, match="the permission ecs:DescribeServices is missing"):
        wait(rollout(), clients, report, 600)
    assert clients.naps == []


def test_why_tasks_fail_is_said_once_a_reason_as_soon_as_one_more_did(
    clients: StubbedClients, report: Recorder
) -> None:
    asked: list[float] = []
    causes = [None, Cause("it crashes."), Cause("it crashes."), Cause("it crashes."), Cause("no secret.")]

    def why() -> Cause | None:
        asked.append(clients.now)
        return causes[min(len(asked), len(causes)) - 1]

    once, twice = ({**STARTING, "failedTasks": failed} for failed in (1, 2))
    looks = [STARTING, *[once] * 6, *[twice] * 2]
    clients.services_are(*[ecs_service(each, OLD) for each in looks], ecs_service(DONE))
    wait(replace(rollout(), ask_why=why), clients, report, 600)
    said = [line for line in report.text.splitlines() if line.startswith("cause")]
    assert said == ["cause so far: it crashes.", "cause so far: no secret."]
    assert len(asked) == 5  # ECS lists a stopped task a little later than it counts it: three looks each time
    assert asked[0] == 1


def test_a_cause_that_cannot_heal_ends_the_wait_at_the_second_task(
    clients: StubbedClients, report: Recorder
) -> None:
    twice = {**STARTING, "failedTasks": 2}
    clients.services_are(ecs_service(STARTING, OLD), ecs_service(twice, OLD))
    watched = replace(rollout(), ask_why=lambda: Cause("no such secret.", tasks=2, heals=False))
    with pytest.raises(RolloutFailedError, match="2 tasks in a row failed for the same reason"):
        wait(watched, clients, report, 600)
    assert clients.now == 1
