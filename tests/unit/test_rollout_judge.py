"""Where a deployment stands: a table of what DescribeServices may answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from tasks.release.rollout_judge import NOTHING, Cause, Seen, State, Verdict, judge, trouble
from tasks.release.target_health import Target
from tests.support.models import BEGAN, as_service, ecs_deployment, ecs_event, ecs_service, rollout

OLD = ecs_deployment(4, "ecs-svc/1", status="ACTIVE")
GOING = {**OLD, "desiredCount": 0}
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
    "all tasks run while the last old one drains": Case(
        ecs_service(own(), GOING, events=[DRAINING]), "serving", "serving; waiting for 1 old to drain"
    ),
    "an old task drains while another old one is still wanted": Case(
        ecs_service(own(desiredCount=2, runningCount=2), OLD, events=[DRAINING]),
        "waiting",
        "waiting for health checks; 1 old serving until then",
    ),
    "no old task is wanted, but nothing drains yet": Case(
        ecs_service(own(), GOING), "waiting", "waiting for health checks; 1 old serving until then"
    ),
    "the old task was stopped before the new one was healthy": Case(
        ecs_service(own(), GOING, events=[DRAINING], deploymentConfiguration={"minimumHealthyPercent": 0}),
        "waiting",
        "waiting for health checks; 1 old serving until then",
    ),
    "a first deploy's own unhealthy task drains and was replaced": Case(
        ecs_service(own(), ecs_deployment(1, "ecs-svc/1", status="ACTIVE", desiredCount=0, runningCount=0),
                    events=[started(2), DRAINING, started(3)]),
        "waiting",
        "waiting for ECS to call it complete",
    ),
    "all tasks run while several old ones drain": Case(
        ecs_service(
            own(),
            {**GOING, "runningCount": 2},
            ecs_deployment(3, "ecs-svc/0", status="ACTIVE", desiredCount=0),
            events=[DRAINING],
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
    "two tasks failed": Case(
        ecs_service(own(runningCount=0, failedTasks=2), OLD), "waiting"
    ),
    "three tasks failed": Case(
        ecs_service(own(runningCount=0, failedTasks=3), OLD),
        "failed",
        "3 tasks failed in a row.",
    ),
    "three tasks failed and the circuit breaker is off": Case(
        ecs_service(own(runningCount=0, failedTasks=3), OLD, deploymentConfiguration=NO_BREAKER),
        "failed",
        "3 tasks failed in a row.",
    ),
    "three tasks were replaced, although each began to run": Case(
        ecs_service(own(runningCount=0), OLD, events=[started(2, 2), started(3), started(4)]),
        "failed",
        "3 tasks had to be replaced.",
    ),
    "two of two tasks were replaced once": Case(
        ecs_service(own(desiredCount=2), OLD, events=[started(2, 2), started(3), started(4)]), "waiting"
    ),
    "three tasks were replaced before the deployment began": Case(
        ecs_service(own(runningCount=0), OLD, events=[{**started(2, 4), "createdAt": BEGAN - timedelta(hours=1)}]),
        "waiting",
    ),
    "three tasks were replaced and a circuit breaker has not decided yet": Case(
        ecs_service(own(runningCount=0), OLD, events=[started(2, 4)], deploymentConfiguration=BREAKER),
        "failed",
        "3 tasks had to be replaced.",
    ),
    "tasks were replaced long after it was completed": Case(
        ecs_service(own(rolloutState="COMPLETED", runningCount=0), events=[started(2, 4), UNABLE]), "waiting"
    ),
    "ECS says itself that it cannot start tasks": Case(
        ecs_service(own(runningCount=0), OLD, events=[UNABLE]),
        "failed",
        "ECS is unable to consistently start tasks.",
    ),
    "many tasks failed and a circuit breaker has not decided yet": Case(
        ecs_service(own(runningCount=0, failedTasks=9), OLD, deploymentConfiguration=BREAKER),
        "failed",
        "9 tasks failed in a row.",
    ),
    "two tasks failed and a circuit breaker may decide": Case(
        ecs_service(own(runningCount=0, failedTasks=2), OLD, deploymentConfiguration=BREAKER), "waiting"
    ),
}  # fmt: skip


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


DRAINS = as_service(ecs_service(own(), GOING, events=[DRAINING]))


@pytest.mark.parametrize(
    ("targets", "state"),
    [
        (None, "serving"),
        (("healthy",), "serving"),
        (("healthy", "draining"), "serving"),
        (("initial", "draining"), "waiting"),
        (("healthy", "unhealthy"), "waiting"),
        (("draining",), "waiting"),
        ((), "waiting"),
    ],
)
def test_it_serves_only_with_every_new_target_healthy_where_they_may_be_asked(
    targets: tuple[str, ...] | None, state: str
) -> None:
    seen = Seen(targets=None if targets is None else tuple(map(Target, targets)))
    assert judge(DRAINS, rollout(), seen).state == state


def test_where_the_balancer_says_so_it_serves_although_ecs_may_stop_old_tasks_early() -> None:
    early: dict[str, object] = {"deploymentConfiguration": {"minimumHealthyPercent": 0}}
    service = as_service(ecs_service(own(), GOING, events=[DRAINING], **early))
    assert judge(service, rollout(), Seen(targets=(Target("healthy"),))).state == "serving"


def test_a_task_that_was_seen_to_end_may_be_the_one_that_drains() -> None:
    assert judge(DRAINS, rollout(), Seen(ended=1, ran=1)).state == "waiting"


FOREVER = Cause("The image is not in the registry.", tasks=2, heals=False)


def failing(failed: int) -> dict[str, object]:
    """Return the service while so many of our tasks failed and the circuit breaker has not decided."""
    return ecs_service(own(runningCount=0, failedTasks=failed), OLD, deploymentConfiguration=BREAKER)


@pytest.mark.parametrize(
    ("cause", "failed", "state"),
    [
        (FOREVER, 2, "failed"),
        (FOREVER, 1, "waiting"),
        (Cause(FOREVER.told, tasks=1, heals=False), 2, "waiting"),
        (Cause(FOREVER.told, tasks=5, heals=False), 1, "waiting"),
        (Cause(FOREVER.told, tasks=None, heals=False), 2, "failed"),
        (Cause(FOREVER.told, tasks=None, heals=False), 1, "waiting"),
        (Cause("The container crashes at start.", tasks=2), 2, "waiting"),
    ],
    ids=[
        "twice in a row",
        "once",
        "another reason before",
        "the others are an earlier deployment's",
        "twice, and tasks may not be listed",
        "once, and tasks may not be listed",
        "it may heal",
    ],
)
def test_what_no_further_try_changes_ends_it_at_the_second_task(cause: Cause, failed: int, state: str) -> None:
    verdict = judge(as_service(failing(failed)), rollout(), Seen(cause=cause))
    assert verdict.state == state
    if state == "failed":
        assert verdict.reason == "2 tasks in a row failed for the same reason, which does not go away by itself."


@pytest.mark.parametrize(
    ("desired", "failed", "state"),
    [(1, 2, "waiting"), (1, 3, "failed"), (6, 3, "failed"), (7, 3, "waiting"), (7, 4, "failed"),
     (50, 24, "waiting"), (50, 25, "failed"), (1000, 199, "waiting"), (1000, 200, "failed")],
)  # fmt: skip
def test_a_large_service_may_lose_as_many_tasks_as_ecs_itself_lets_it_lose(
    desired: int, failed: int, state: str
) -> None:
    ours = own(desiredCount=desired, runningCount=0, failedTasks=failed)
    assert judge(as_service(ecs_service(ours, OLD)), rollout()).state == state


def test_a_deployment_whose_tasks_all_run_by_now_is_not_failed_for_the_first_ones() -> None:
    running = ecs_service(own(failedTasks=2), OLD)
    assert judge(as_service(running), rollout(), Seen(cause=FOREVER)).state == "waiting"


TROUBLES = {
    "nothing": (ecs_service(own(runningCount=0), OLD, events=[started(1)]), 0),
    "two tasks counted as failed": (failing(2), 2),
    "a task that cannot be placed": (
        ecs_service(own(runningCount=0), OLD, events=[ecs_event(1, "was unable to place a task because")]),
        1,
    ),
    "a task that was replaced": (ecs_service(own(), OLD, events=[started(1), started(2)]), 1),
    "an event of an earlier deployment": (
        ecs_service(own(), OLD, events=[{**UNABLE, "createdAt": BEGAN - timedelta(hours=1)}]),
        0,
    ),
    "a deployment that is not listed": (ecs_service(), 0),
}


@pytest.mark.parametrize("what", TROUBLES)
def test_each_sign_of_a_failed_task_is_reason_to_ask_why(what: str) -> None:
    service, number = TROUBLES[what]
    assert trouble(as_service(service), rollout(), NOTHING) == number
