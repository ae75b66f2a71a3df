"""What people look at between deploys; a missing permission is named, and the rest is shown all the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tasks.operate import history, status
from tasks.operate.logs import SinceError, duration
from tasks.operate.table import age, table
from tasks.release.log_reader import NoLogError, Tail, log_of, read
from tasks.release.revisions import get, short
from tasks.sdk_errors import AccessDeniedError
from tests.support.account import Account, AccountClients, verified
from tests.support.models import BACKEND, BEGAN, arn, ecs_deployment
from tests.support.web import Page, serving, version

if TYPE_CHECKING:
    from tasks.operate.status import Row

VERSIONS = {1: "", 2: "0.1.2", 3: "0.1.3", 4: "0.1.4"}
TARGET_GROUP = {"loadBalancers": [{"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-2:1:targetgroup/x/1"}]}


def account(**fields: set[str]) -> Account:
    """Return an account whose revision 4 runs behind a load balancer."""
    made = Account(VERSIONS, [ecs_deployment(4, "ecs-svc/1")], verified(2, 4), settings=dict(TARGET_GROUP))
    made.settings |= {"runningCount": 1}
    made.denied = fields.get("denied", set())
    return made


def looked_at(found: Account, page: Page | None = None) -> Row:
    """Return the service's line of the table, where a page answers."""
    with serving(lambda _: page or version("0.1.4")) as site:
        return status.look(BACKEND, AccountClients(found, site.url))


def test_a_service_in_one_line() -> None:
    row = looked_at(account())

    assert status.lines([replace(row, url="http://x/api/health")], BEGAN + timedelta(hours=3)) == (
        "SERVICE  VERSION  COMMIT        REVISION          SINCE  TASKS  TARGETS      ROLLOUT    ANSWERS     URL",
        (
            "backend  0.1.4    cccccccccccc  spryte-backend:4  3 h    1/1    1/1 healthy  completed  200, 0.1.4  "
            "http://x/api/health"
        ),
    )
    assert row.url.endswith("/api/health")


def test_another_version_than_the_one_that_runs_stands_out() -> None:
    assert looked_at(account(), version("0.1.3")).answer == "200, 0.1.3 (not 0.1.4)"


def test_no_answer_says_why() -> None:
    assert status.look(BACKEND, AccountClients(account())).answer == "no connection"


def test_a_rollout_under_way_is_counted() -> None:
    found = account()
    found.deployments = [
        ecs_deployment(4, "b", rolloutState="IN_PROGRESS", runningCount=0, failedTasks=2),
        ecs_deployment(3, "a", status="ACTIVE"),
    ]
    assert looked_at(found).rollout == "in progress, 0 of 1, 2 failed, 1 old"


@pytest.mark.parametrize(("revision", "told"), [(4, "scaled to 0"), (1, "never deployed")])
def test_a_service_without_tasks_is_scaled_to_zero_or_was_never_deployed(revision: int, told: str) -> None:
    found = account()
    found.settings |= {"desiredCount": 0, "runningCount": 0}
    found.deployments = [ecs_deployment(revision, "a", desiredCount=0, runningCount=0)]
    assert looked_at(found).rollout == told


def test_targets_that_are_not_healthy_are_named() -> None:
    found = account()
    found.targets = ("healthy", "draining")
    assert looked_at(found).targets == "1/2 healthy (draining)"


def test_targets_that_may_not_be_asked_leave_the_rest_as_it_is() -> None:
    row = looked_at(account(denied={"elasticloadbalancing:DescribeTargetHealth"}))
    assert (row.targets, row.version) == ("not permitted", "0.1.4")
    assert "elasticloadbalancing:DescribeTargetHealth is missing" in row.problems[0]


def test_a_service_that_may_not_be_looked_at_still_shows_what_answers() -> None:
    row = looked_at(account(denied={"ecs:DescribeServices"}))
    assert row.answer == "200, 0.1.4"
    assert "ecs:DescribeServices is missing" in row.problems[0]


def test_a_definition_that_may_not_be_read_costs_the_version_only() -> None:
    row = looked_at(account(denied={"ecs:DescribeTaskDefinition"}))
    assert (row.version, row.revision, row.desired) == ("", "spryte-backend:4", 1)


def test_the_revisions_newest_first_with_what_became_of_them() -> None:
    found, notes = history.look(BACKEND, 10, AccountClients(account()))
    assert [(each.revision.number, each.revision.version, each.state) for each in found] == [
        (4, "0.1.4", "runs, verified"),
        (3, "0.1.3", "not verified"),
        (2, "0.1.2", "verified"),
        (1, "", "registered elsewhere"),
    ]
    assert notes == ()


def test_a_failed_and_a_deregistered_revision_are_called_so() -> None:
    made = account()
    made.deployments.append(ecs_deployment(3, "c", status="ACTIVE", rolloutState="FAILED"))
    made.inactive = {2}
    found, _ = history.look(BACKEND, 3, AccountClients(made))
    assert [each.state for each in found] == ["runs, verified", "failed", "deregistered, verified"]


def test_revisions_whose_tasks_failed_are_called_so_unless_they_run() -> None:
    made = account()
    made.tasks = [
        {"taskArn": "a", "taskDefinitionArn": arn(3), "stopCode": "EssentialContainerExited"},
        {"taskArn": "b", "taskDefinitionArn": arn(4), "stopCode": "TaskFailedToStart"},
        {"taskArn": "c", "taskDefinitionArn": arn(2), "stopCode": "ServiceSchedulerInitiated"},
    ]
    found, _ = history.look(BACKEND, 3, AccountClients(made))
    assert [each.state for each in found] == ["runs, verified", "its tasks failed", "verified"]
    (asked,) = made.requests("ecs:ListTasks")
    assert (asked["serviceName"], asked["desiredStatus"]) == ("spryte-backend-service", "STOPPED")


def test_what_a_deploy_recorded_as_failed_stays_so_with_the_day() -> None:
    made = account()
    made.tags |= {"failed-spryte-backend-3", "failed-spryte-backend-3-on-20260110"}
    found, _ = history.look(BACKEND, 3, AccountClients(made))
    assert [each.state for each in found] == ["runs, verified", "failed on 2026-01-10", "verified"]


def test_one_that_failed_and_was_verified_another_time_tells_both() -> None:
    made = account()
    made.tags |= {"failed-spryte-backend-2", "failed-spryte-backend-2-on-20260105"}
    found, _ = history.look(BACKEND, 3, AccountClients(made))
    assert found[2].state == "failed on 2026-01-05, verified"


@pytest.mark.parametrize("kind", ["ELB", "container"])
def test_tasks_that_failed_their_health_checks_have_failed(kind: str) -> None:
    made = account()
    reason = f"Task failed {kind} health checks in (target-group x)"
    made.tasks = [{"taskArn": "a", "taskDefinitionArn": arn(3), "stoppedReason": reason,
                   "stopCode": "ServiceSchedulerInitiated"}]  # fmt: skip
    found, _ = history.look(BACKEND, 3, AccountClients(made))
    assert found[1].state == "its tasks failed"


def test_a_history_without_the_tasks_says_so_and_tells_the_rest() -> None:
    found, notes = history.look(BACKEND, 3, AccountClients(account(denied={"ecs:ListTasks"})))
    assert [each.state for each in found] == ["runs, verified", "not verified", "verified"]
    assert "which ones' tasks failed is not shown" in notes[0]
    assert "ecs:ListTasks is missing" in notes[0]


def test_a_commit_with_uncommitted_changes_says_so() -> None:
    assert short(f"{'c' * 40}-dirty-0123456789ab") == "cccccccccccc-dirty"
    assert short("c" * 40) == "cccccccccccc"
    assert short("") == ""


def test_only_as_many_as_were_wanted_are_read() -> None:
    made = account()
    assert len(history.look(BACKEND, 2, AccountClients(made))[0]) == 2
    assert len(made.requests("ecs:DescribeTaskDefinition")) == 2


def test_a_history_without_further_permissions_says_what_it_does_not_show() -> None:
    found, notes = history.look(
        BACKEND, 10, AccountClients(account(denied={"ecs:DescribeServices", "ecr:BatchGetImage"}))
    )
    assert len(found) == 4
    assert "ecs:DescribeServices is missing" in notes[0]
    assert "ecr:BatchGetImage is missing" in notes[1]


def line(number: int, task: str, seconds: int) -> dict[str, object]:
    """Return a line of a task as CloudWatch Logs gives it."""
    at = int((BEGAN + timedelta(seconds=seconds)).timestamp() * 1000)
    stream = f"ecs/spryte-backend/{task}"
    return {"eventId": str(number), "logStreamName": stream, "timestamp": at, "message": f"line {number}\n"}


def test_the_lines_of_all_tasks_of_the_container_and_no_others() -> None:
    made = account()
    made.lines = [line(1, "a", 1), {**line(2, "x", 2), "logStreamName": "ecs/sidecar/a"}, line(3, "b", 3)]
    clients = AccountClients(made)

    found = read(log_of(get(BACKEND, 4, clients)), BEGAN, clients)

    assert [(each.task, each.text) for each in found] == [("a", "line 1"), ("b", "line 3")]


def test_each_line_is_new_once_and_one_that_came_late_is_not_lost() -> None:
    made = account()
    clients = AccountClients(made)
    tail = Tail([log_of(get(BACKEND, 4, clients))], BEGAN, clients)
    made.lines = [line(1, "a", 1), line(2, "a", 9)]
    assert [each.id for each in tail.new()] == ["1", "2"]

    made.lines = [line(1, "a", 1), line(3, "b", 8), line(2, "a", 9), line(4, "a", 10)]

    assert [each.id for each in tail.new()] == ["3", "4"]
    assert tail.new() == []


def test_a_line_that_came_half_a_minute_late_is_not_lost() -> None:
    made = account()
    clients = AccountClients(made)
    tail = Tail([log_of(get(BACKEND, 4, clients))], BEGAN, clients)
    made.lines = [line(1, "a", 40)]
    assert [each.id for each in tail.new()] == ["1"]

    made.lines = [line(2, "b", 11), line(1, "a", 40)]

    assert [each.id for each in tail.new()] == ["2"]


def test_a_log_that_is_ahead_costs_another_no_line() -> None:
    made = account()
    clients = AccountClients(made)
    first = log_of(get(BACKEND, 4, clients))
    tail = Tail([first, replace(first, group="/ecs/other")], BEGAN, clients)
    made.lines = [{**line(1, "a", 300), "group": first.group}]
    assert [each.id for each in tail.new()] == ["1"]

    made.lines += [{**line(2, "b", 200), "group": "/ecs/other"}]

    assert [each.id for each in tail.new()] == ["2"]


def test_logs_that_may_not_be_read_name_the_permission() -> None:
    clients = AccountClients(account(denied={"logs:FilterLogEvents"}))
    with pytest.raises(AccessDeniedError, match="logs:FilterLogEvents is missing"):
        read(log_of(get(BACKEND, 4, clients)), BEGAN, clients)


def test_a_definition_that_logs_elsewhere_is_said_to() -> None:
    revision = get(BACKEND, 4, AccountClients(account()))
    other = type(revision)(BACKEND, 4, revision.arn, {"containerDefinitions": [{"name": "spryte-backend"}]})
    with pytest.raises(NoLogError, match="does not write to CloudWatch Logs"):
        log_of(other)


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86400)])
def test_durations_are_numbers_with_a_unit(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "10", "m", "0m", "-5m", "10 m", "1w", "10m5s", "99999999d"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(SinceError, match="is not a duration"):
        duration(text)


def test_columns_are_as_wide_as_their_longest_entry() -> None:
    assert table(("A", "LONG"), [("wide", "x"), ("y", "")]) == ("A     LONG", "wide  x", "y")


@pytest.mark.parametrize(
    ("seconds", "words"), [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (7300, "2 h"), (200_000, "2 d")]
)
def test_an_age_is_told_in_its_largest_unit(seconds: int, words: str) -> None:
    assert age(BEGAN, BEGAN + timedelta(seconds=seconds)) == words
    assert age(None, BEGAN) == "-"
