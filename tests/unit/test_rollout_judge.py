"""Where a deployment stands: a table of what DescribeServices may answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from tasks.release.rollout import State, Verdict, judge
from tests.support.models import BEGAN, as_service, ecs_deployment, ecs_event, ecs_service, rollout

OLD = ecs_deployment(4, "ecs-svc/1", status="ACTIVE")
BREAKER: dict[str, object] = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
NO_BREAKER: dict[str, object] = {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}
DRAINING = ecs_event(1, "(service a) has begun draining connections on 1 tasks.")
UNABLE = ecs_event(5, "(service a) is unable to consistently start tasks successfully. For more information, see")
ROLLED_BACK = ecs_deployment(4, "ecs-svc/3", rolloutState="IN_PROGRESS")


@dataclass(frozen=True)
class Case:
    """An answer of ECS and what it means for the deployment of revision 7 after revision 4."""

    service: dict[str, object]
    state: State
    reason: str = ""


def own(**fields: object) -> dict[str, object]:
    """Return our own deployment, on its way."""
    return {**ecs_deployment(7, rolloutState="IN_PROGRESS"), **fields}


def started(number: int, tasks: int = 1) -> dict[str, object]:
    """Return the event of so many tasks that started."""
    return ecs_event(number, f"(service a) has started {tasks} tasks: (task {number}).", number)


CASES = {
    "it has just begun": Case(ecs_service(own(runningCount=0, pendingCount=1), OLD), "waiting"),
    "it has begun and ECS counts nothing yet": Case(ecs_service(own(runningCount=0), OLD), "waiting"),
    "one of two tasks runs": Case(ecs_service(own(desiredCount=2), OLD), "waiting"),
    "all tasks run and are not yet healthy": Case(
        ecs_service(own(), OLD), "waiting", "waiting for health checks; 1 old serving until then"
    ),
    "all tasks run while an old one drains": Case(
        ecs_service(own(), OLD, events=[DRAINING]), "serving", "serving; waiting for 1 old to drain"
    ),
    "all tasks run while several old ones drain": Case(
        ecs_service(
            own(), {**OLD, "runningCount": 2}, ecs_deployment(3, "ecs-svc/0", status="ACTIVE"), events=[DRAINING]
        ),
        "serving",
        "serving; waiting for 3 old to drain",
    ),
    "all tasks run and an older deployment drained": Case(
        ecs_service(own(), OLD, events=[{**DRAINING, "createdAt": BEGAN - timedelta(hours=1)}]),
        "waiting",
        "waiting for health checks; 1 old serving until then",
    ),
    "all tasks run and nothing drains but ECS has not said so": Case(
        ecs_service(own()), "waiting", "waiting for ECS to call it complete"
    ),
    "all tasks run and ECS no longer counts the old one that drains": Case(
        ecs_service(own(), events=[DRAINING]), "serving", "serving; waiting for ECS to call it complete"
    ),
    "one of its own tasks failed and is drained": Case(
        ecs_service(own(failedTasks=1), OLD, events=[DRAINING], deploymentConfiguration=BREAKER),
        "waiting",
        "waiting for health checks; 1 old serving until then",
    ),
    "ECS says it is completed": Case(ecs_service(own(rolloutState="COMPLETED")), "done"),
    "it is completed while the old one is still listed": Case(
        ecs_service(own(rolloutState="COMPLETED"), {**OLD, "runningCount": 0}), "done"
    ),
    "it is completed but a task was lost since": Case(
        ecs_service(own(rolloutState="COMPLETED", runningCount=0)), "waiting"
    ),
    "ECS says it failed and why": Case(
        ecs_service(own(rolloutState="FAILED", rolloutStateReason="tasks failed to start."), OLD),
        "failed",
        "tasks failed to start.",
    ),
    "ECS says it failed and not why": Case(
        ecs_service(own(rolloutState="FAILED"), OLD), "failed", "ECS marked the deployment FAILED."
    ),
    "ECS says it failed though its tasks run": Case(
        ecs_service(own(rolloutState="FAILED"), OLD), "failed", "ECS marked the deployment FAILED."
    ),
    "ECS rolled back and no longer lists it": Case(
        ecs_service(ROLLED_BACK), "failed", "ECS rolled back to spryte-backend:4."
    ),
    "ECS rolled back and still lists it": Case(
        ecs_service(
            ROLLED_BACK,
            own(status="ACTIVE", rolloutState="FAILED", rolloutStateReason="circuit breaker: 3 failed"),
        ),
        "failed",
        "circuit breaker: 3 failed",
    ),
    "the way back of ECS is done already": Case(
        ecs_service({**ROLLED_BACK, "rolloutState": "COMPLETED"}), "failed", "ECS rolled back to spryte-backend:4."
    ),
    "somebody deployed another revision": Case(
        ecs_service(ecs_deployment(8, "ecs-svc/3"), own(status="ACTIVE", rolloutState="COMPLETED")),
        "superseded",
        "another deployment took over, of spryte-backend:8.",
    ),
    "somebody deployed another revision and ours is gone": Case(
        ecs_service(ecs_deployment(8, "ecs-svc/3")),
        "superseded",
        "another deployment took over, of spryte-backend:8.",
    ),
    "it failed and another revision runs since": Case(
        ecs_service(
            ecs_deployment(8, "ecs-svc/3"),
            own(status="ACTIVE", rolloutState="FAILED", rolloutStateReason="tasks failed to start."),
        ),
        "failed",
        "tasks failed to start.",
    ),
    "somebody started the same revision anew": Case(
        ecs_service(ecs_deployment(7, "ecs-svc/3")),
        "superseded",
        "another deployment took over, of spryte-backend:7.",
    ),
    "nothing is deployed at all": Case(ecs_service(), "superseded", "another deployment took over, of nothing."),
    "two tasks failed without a circuit breaker": Case(
        ecs_service(own(runningCount=0, failedTasks=2), OLD), "waiting"
    ),
    "three tasks failed without a circuit breaker": Case(
        ecs_service(own(runningCount=0, failedTasks=3), OLD),
        "failed",
        "3 tasks failed in a row; no circuit breaker is on.",
    ),
    "three tasks failed and the circuit breaker is off": Case(
        ecs_service(own(runningCount=0, failedTasks=3), OLD, deploymentConfiguration=NO_BREAKER),
        "failed",
        "3 tasks failed in a row; no circuit breaker is on.",
    ),
    "three tasks were replaced without a circuit breaker, although each began to run": Case(
        ecs_service(own(runningCount=0), OLD, events=[started(2, 2), started(3), started(4)]),
        "failed",
        "3 tasks had to be replaced; no circuit breaker is on.",
    ),
    "two of two tasks were replaced once without a circuit breaker": Case(
        ecs_service(own(desiredCount=2), OLD, events=[started(2, 2), started(3), started(4)]), "waiting"
    ),
    "three tasks were replaced before the deployment began": Case(
        ecs_service(own(runningCount=0), OLD, events=[{**started(2, 4), "createdAt": BEGAN - timedelta(hours=1)}]),
        "waiting",
    ),
    "three tasks were replaced but the circuit breaker decides": Case(
        ecs_service(own(runningCount=0), OLD, events=[started(2, 4)], deploymentConfiguration=BREAKER), "waiting"
    ),
    "tasks were replaced long after it was completed": Case(
        ecs_service(own(rolloutState="COMPLETED", runningCount=0), events=[started(2, 4), UNABLE]), "waiting"
    ),
    "ECS says itself that it cannot start tasks": Case(
        ecs_service(own(runningCount=0), OLD, events=[UNABLE]),
        "failed",
        "ECS is unable to consistently start tasks; no circuit breaker is on.",
    ),
    "many tasks failed but the circuit breaker decides": Case(
        ecs_service(own(runningCount=0, failedTasks=9), OLD, deploymentConfiguration=BREAKER), "waiting"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_it_means_when(name: str) -> None:
    case = CASES[name]
    assert judge(as_service(case.service), rollout()) == Verdict(case.state, case.reason)


def test_a_forced_deployment_of_the_same_revision_that_failed_is_not_called_superseded() -> None:
    answer = ecs_service(ecs_deployment(4, "ecs-svc/3"), ecs_deployment(4, status="ACTIVE", rolloutState="FAILED"))
    assert judge(as_service(answer), rollout(4, before=4)).state == "failed"


def test_the_way_back_is_done_when_the_revision_before_runs() -> None:
    assert judge(as_service(ecs_service(ecs_deployment(4))), rollout(4, before=4)).state == "done"


@pytest.mark.parametrize("state", ["COMPLETED", "IN_PROGRESS", "FAILED"])
@pytest.mark.parametrize("status", ["ACTIVE", "INACTIVE"])
def test_it_is_never_done_while_another_revision_is_primary(state: str, status: str) -> None:
    for number in (3, 4, 8):
        answer = ecs_service(ecs_deployment(number, "ecs-svc/9"), own(status=status, rolloutState=state))
        assert judge(as_service(answer), rollout()).state in ("failed", "superseded")
