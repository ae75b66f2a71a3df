"""Where the wait for ECS went, and which setting would shorten the longest part of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tasks.release.wait_advice import advice, attribute, until_verdict
from tasks.release.wait_phases import Moments, Phase, moments, phases
from tests.support.account import Account, AccountClients
from tests.support.models import (
    BEGAN,
    OWN,
    as_service,
    deployment,
    ecs_deployment,
    ecs_event,
    ecs_service,
    revision,
    rollout,
    running,
)

if TYPE_CHECKING:
    from datetime import datetime

GROUP = {"loadBalancers": [{"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-2:1:targetgroup/a/0123"}]}
EVENTS = [
    ecs_event(6, "(service a) has reached a steady state.", 100),
    ecs_event(5, "(service a) (deployment ecs-svc/2) deployment completed.", 99),
    ecs_event(4, "(service a) has stopped 1 running tasks: (task old).", 70),
    ecs_event(3, "(service a) has begun draining connections on 1 tasks.", 65),
    ecs_event(2, "(service a) registered 1 targets in (target-group x)", 40),
    ecs_event(1, "(service a) has started 1 tasks: (task new).", 3),
    ecs_event(0, "(service a) has reached a steady state.", -50),
]
DONE = ecs_service(ecs_deployment(7), events=EVENTS, **GROUP)


def at(seconds: float) -> datetime:
    """Return a time, in seconds after the update."""
    return BEGAN + timedelta(seconds=seconds)


def task(number: int = 7, **seconds: float) -> dict[str, object]:
    """Return a running task with its times, in seconds after the update."""
    return {
        "taskArn": f"task-{number}-{sum(seconds.values())}",
        "taskDefinitionArn": ecs_deployment(number)["taskDefinition"],
        **{name: at(value).timestamp() for name, value in seconds.items()},
    }


TASK = task(pullStartedAt=12, pullStoppedAt=30, startedAt=35)


def clients(*tasks: dict[str, object], **account: object) -> AccountClients:
    """Return clients of an account that runs these tasks."""
    return AccountClients(Account(revisions={4: "0.1.4", 7: "0.1.5"}, tasks=[*tasks], **account))  # type: ignore[arg-type]


def told(found: Moments | None) -> dict[str, float]:
    """Return the phases by name."""
    assert found is not None
    return {phase.name: phase.seconds for phase in phases(found)}


def test_each_part_of_the_wait_is_told_by_ecs_own_times() -> None:
    assert told(moments(rollout(), as_service(DONE), clients(TASK))) == {
        "provisioning": 12,
        "image pull": 18,
        "container start": 5,
        "health checks": 30,
        "draining": 34,
    }


def test_the_parts_are_the_whole() -> None:
    found = moments(rollout(), as_service(DONE), clients(TASK))
    assert found is not None
    assert sum(phase.seconds for phase in phases(found)) == 99


def test_of_several_tasks_the_one_that_started_last_was_waited_for() -> None:
    slow = task(pullStartedAt=12, pullStoppedAt=50, startedAt=60)
    old = task(4, pullStartedAt=-90, pullStoppedAt=-80, startedAt=95)
    found = told(moments(rollout(), as_service(DONE), clients(TASK, slow, old)))
    assert (found["image pull"], found["container start"], found["health checks"]) == (38, 10, 5)


def test_events_alone_tell_what_they_can() -> None:
    found = moments(rollout(), as_service(DONE), clients(denied={"ecs:ListTasks"}))
    assert told(found) == {
        "provisioning + image pull + container start": 40,
        "health checks": 25,
        "draining": 34,
    }


def test_a_first_deploy_drains_nothing() -> None:
    first = ecs_service(ecs_deployment(7), events=[EVENTS[1], EVENTS[4]], **GROUP)
    assert list(told(moments(rollout(), as_service(first), clients(TASK)))) == [
        "provisioning",
        "image pull",
        "container start",
        "health checks",
    ]


def test_events_of_an_earlier_deployment_do_not_count() -> None:
    early = [ecs_event(1, "(service a) has begun draining connections on 1 tasks.", -20), EVENTS[1]]
    found = moments(rollout(), as_service(ecs_service(ecs_deployment(7), events=early)), clients(TASK))
    assert told(found)["health checks"] == 64


def test_where_no_event_tells_the_end_it_is_the_deployments_last_change() -> None:
    quiet = ecs_service(ecs_deployment(7, updatedAt=at(50)), events=[])
    assert told(moments(rollout(), as_service(quiet), clients(TASK)))["health checks"] == 15


def test_a_deployment_that_ecs_forgot_is_not_guessed_at() -> None:
    gone = as_service(ecs_service(ecs_deployment(8, "ecs-svc/9")))
    assert moments(rollout(), gone, clients(TASK)) is None


def test_a_deployment_that_had_completed_before_took_no_wait() -> None:
    followed = replace(deployment(), adopted=True)
    assert attribute(followed, as_service(DONE), clients(TASK)) is None


CONTAINER = {"name": "spryte-backend", "healthCheck": {"command": ["CMD", "x"], "interval": 7}, "stopTimeout": 45}
DEFINITION = {7: {"containerDefinitions": [CONTAINER]}}
ADVICE = {
    ("provisioning",): "no setting of the task shortens it",
    ("provisioning", "image pull", "container start"): "ecs:ListTasks and ecs:DescribeTasks",
    ("image pull",): "the image's size (50 MB unpacked): fewer layers and packages in backend/Dockerfile",
    ("container start",): "dependsOn in the template",
    ("health checks",): "the target group's HealthCheckIntervalSeconds x HealthyThresholdCount (10 s x 2), then "
    "healthCheck.interval (7 s) in the template",
    (
        "draining",
    ): "the target group's deregistration_delay.timeout_seconds (300 s), then stopTimeout (45 s) where "
    "SIGTERM is ignored",
}


@pytest.mark.parametrize("names", ADVICE)
def test_the_setting_that_would_shorten_a_part_is_named_with_its_value(names: tuple[str, ...]) -> None:
    found = advice(Phase(names, 9), revision(7), as_service(DONE), clients(definitions=DEFINITION))
    assert found.startswith(ADVICE[names])


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("health checks", "the target group's HealthCheckIntervalSeconds x HealthyThresholdCount, then"),
        ("draining", "the target group's deregistration_delay.timeout_seconds, then"),
    ],
)
def test_a_value_that_may_not_be_asked_for_is_left_out(name: str, setting: str) -> None:
    denied = {
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetGroupAttributes",
    }
    asked = clients(definitions=DEFINITION, denied=denied)
    assert advice(Phase((name,), 9), revision(7), as_service(DONE), asked).startswith(setting)


@pytest.mark.parametrize(
    ("name", "setting"), [("health checks", "healthCheck.interval (7 s)"), ("draining", "stopTimeout (45 s)")]
)
def test_a_service_without_a_load_balancer_has_only_the_task_to_wait_for(name: str, setting: str) -> None:
    bare = as_service(ecs_service(ecs_deployment(7)))
    found = advice(Phase((name,), 9), revision(7), bare, clients(definitions=DEFINITION))
    assert found.startswith(setting)
    assert "target group" not in found


def test_the_longest_part_is_the_one_with_a_setting() -> None:
    found = attribute(deployment(), as_service(DONE), clients(TASK, definitions=DEFINITION))
    assert found is not None
    assert (found.longest.name, found.seconds) == ("draining", 99)
    assert "deregistration_delay" in found.setting


def test_one_that_an_earlier_run_began_and_that_completed_now_is_told_from_its_own_beginning() -> None:
    came_up = replace(deployment(running(7, rolloutState="IN_PROGRESS")), adopted=True)
    found = attribute(came_up, as_service(DONE), clients(TASK, definitions=DEFINITION))
    assert found is not None
    assert (found.seconds, found.phases[0].seconds) == (99, 12)


LAST = {**task(createdAt=40, pullStartedAt=50, pullStoppedAt=80, startedAt=82, stoppedAt=83.5), "startedBy": OWN}


@pytest.mark.parametrize(
    ("ended", "parts"),
    [
        (LAST, "provisioning 10.0 s, image pull 30.0 s, container start 2.0 s, running 1.5 s"),
        (
            task(createdAt=40, pullStartedAt=50, stoppedAt=200),
            "provisioning 10.0 s, image pull + container start 150.0 s",
        ),
        (task(createdAt=40, stoppedAt=60), "provisioning + image pull + container start 20.0 s"),
    ],
    ids=["it crashed", "it could not be pulled", "it was never prepared"],
)
def test_a_failed_deploy_says_where_the_time_of_its_last_task_went(ended: dict[str, object], parts: str) -> None:
    first = task(createdAt=1, pullStartedAt=2, pullStoppedAt=3, startedAt=4, stoppedAt=5)
    of_another_try = {**task(createdAt=1, stoppedAt=999), "startedBy": "ecs-svc/0"}
    told = until_verdict(rollout(), 164, clients(first, ended, of_another_try))
    assert told == f"164.0 s until the verdict; of its last task: {parts}"


def test_a_role_that_may_ask_is_not_told_to_ask_where_no_task_tells() -> None:
    assert until_verdict(rollout(), 4.1, clients()) == "4.1 s until the verdict"


def test_a_role_that_may_not_ask_for_tasks_is_told_what_would_tell() -> None:
    told = until_verdict(rollout(), 164, clients(denied={"ecs:ListTasks"}))
    assert told == (
        "164.0 s until the verdict; ecs:ListTasks and ecs:DescribeTasks (aws/iam/diagnose-policy.json) would tell "
        "where they went"
    )


def test_where_pull_and_start_cannot_be_told_apart_the_image_s_size_is_still_named() -> None:
    names = ("provisioning", "image pull", "container start")
    found = advice(Phase(names, 40), revision(7), as_service(DONE), clients())
    assert found.endswith("would tell these apart; the image is 50 MB unpacked")
