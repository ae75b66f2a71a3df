"""Deployments with a circuit breaker that fires late or never, replayed whole: the tool does not wait for it."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tasks.diagnosis.findings import Case, Findings, Task
from tasks.diagnosis.so_far import judged
from tasks.documents import as_list, as_object
from tests.support.catalogue_left import GIVEN_UP
from tests.support.models import BACKEND, BEGAN, OTHER_DIGEST, arn, ecs_deployment
from tests.support.replay import BACK, OPTIONS, Example, Look, coming_up, play

if TYPE_CHECKING:
    from tests.support.fakes import Recorder
    from tests.support.replay import Replayed

BREAKER: dict[str, object] = {
    "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
}
# As AWS showed it: the counter stands still, and FAILED never comes.
STALLED: tuple[Look, ...] = (coming_up(), coming_up(1), coming_up(1), coming_up(1), coming_up(2))
COUNTED: tuple[Look, ...] = (coming_up(), coming_up(1), coming_up(2), coming_up(3))
HEALS_NOT = (
    "a secret is missing",
    "a secret has no such key",
    "a secret may not be read",
    "the image is missing",
    "the image is for another processor",
    "the command is not in the image",
)
MAY_HEAL = ("it crashes", "the registry cannot be reached", "it listens elsewhere")
PROVED = "Version 0.1.4 serves again, proved over HTTP."


def stalling(what: str, looks: tuple[Look, ...]) -> Example:
    """Return an example of the catalogue whose circuit breaker never fires, after two of its tasks failed."""
    example = copy.deepcopy(GIVEN_UP[what])
    account = example.account
    (one,) = account.stopped
    account.stopped = [
        {
            **one,
            "taskArn": f"{one['taskArn']}{number}",
            "stoppedAt": (BEGAN + timedelta(minutes=number)).timestamp(),
        }
        for number in range(2)
    ]
    account.looks, account.settings = looks, {**account.settings, **BREAKER}
    return example


def updates(played: Replayed) -> list[object]:
    """Return the revisions that the service was updated to."""
    return [each["taskDefinition"] for each in played.account.requests("ecs:UpdateService")]


@pytest.mark.parametrize("what", HEALS_NOT)
def test_what_no_further_try_changes_ends_a_deploy_at_its_second_task_when(what: str, report: Recorder) -> None:
    example = stalling(what, STALLED)
    played = play(example, report)
    assert played.error is not None
    assert "did not come up: 2 tasks in a row failed for the same reason" in str(played.error)
    assert played.error.exit_code == 7
    assert example.cause in played.error.evidence[0]
    assert (
        f"cause so far: {played.error.evidence[0].removeprefix('cause: ').rpartition(' (docs')[0]}" in report.text
    )
    assert report.text.count("cause so far: ") == 1
    assert (played.error.evidence[-1], played.answers) == (PROVED, "0.1.4")
    assert updates(played) == [arn(7), arn(4)]


@pytest.mark.parametrize("what", MAY_HEAL)
def test_what_may_heal_is_told_at_once_and_waited_for_until_the_third_task_when(
    what: str, report: Recorder
) -> None:
    example = stalling(what, COUNTED)
    played = play(example, report)
    assert played.error is not None
    assert "did not come up: 3 tasks failed in a row." in str(played.error)
    assert (
        f"cause so far: {played.error.evidence[0].removeprefix('cause: ').rpartition(' (docs')[0]}" in report.text
    )
    assert (played.error.exit_code, played.error.evidence[-1], played.answers) == (7, PROVED, "0.1.4")


def test_a_counter_that_stands_still_ends_at_the_limit_with_the_cause_said_in_time(report: Recorder) -> None:
    played = play(stalling("it crashes", STALLED), report)
    assert played.error is not None
    assert played.error.exit_code == 8
    assert f"did not finish within {OPTIONS.timeout:.0f} s" in str(played.error)
    assert "cause so far: The container crashes at start with exit code 1" in report.text
    assert played.answers == "0.1.4"


def test_under_the_deploy_policy_alone_an_image_that_is_not_in_ecr_is_seen_too(report: Recorder) -> None:
    example = stalling("the image is missing", STALLED)
    example.account.denied = {"ecs:ListTasks", "ecs:DescribeTasks"}
    container = as_object(as_list(example.account.definitions[7]["containerDefinitions"])[0])
    container["image"] = f"{str(container['image']).partition('@')[0]}@{OTHER_DIGEST}"
    played = play(example, report)
    assert played.error is not None
    assert played.error.exit_code == 7
    assert "is not in the registry." in report.text


def test_a_breaker_that_fires_while_the_tool_goes_back_itself_is_joined(report: Recorder) -> None:
    """ECS has begun its own rollback by the time the tool looks: that one is followed, and none started."""
    at_once: Look = [
        ecs_deployment(4, "ecs-svc/3", rolloutState="IN_PROGRESS", runningCount=0),
        ecs_deployment(7, status="ACTIVE", rolloutState="FAILED", runningCount=0, failedTasks=3),
    ]
    example = stalling("it crashes", (coming_up(), coming_up(3), at_once, [ecs_deployment(4, "ecs-svc/3")]))
    played = play(example, report)
    assert played.error is not None
    assert (played.error.exit_code, played.error.evidence[-1], played.answers) == (7, PROVED, "0.1.4")
    assert updates(played) == [arn(7)]


def test_a_breaker_that_fires_after_the_tool_has_gone_back_changes_nothing(report: Recorder) -> None:
    """The update was first: ECS lists ours as failed beside the one that comes up again."""
    assert isinstance(BACK[0], list)
    assert [each["taskDefinition"] for each in BACK[0]] == [arn(4), arn(7)]
    played = play(stalling("it crashes", COUNTED), report)
    assert played.error is not None
    assert played.error.evidence[-1] == PROVED
    assert updates(played) == [arn(7), arn(4)]


def crashed(number: int, reason: str, code: int = 1) -> Task:
    """Return a task that ended."""
    return Task(f"task-{number}", arn(7), reason, "EssentialContainerExited", "spryte-backend", exit_code=code)


def test_only_tasks_in_a_row_and_with_the_same_words_are_counted() -> None:
    one, two, other = crashed(1, "exited"), crashed(2, "exited"), crashed(3, "exited", 2)
    case = Case(BACKEND, arn(7), "0.1.5")
    counts = [
        found.tasks if (found := judged(Findings(case, {}, stopped=stopped))) else None
        for stopped in ((one,), (one, two), (other, one, two), (one, other, two), ())
    ]
    assert counts == [1, 2, 1, 1, None]


def test_a_request_id_is_no_other_reason() -> None:
    said = "ResourceInitializationError: unable to retrieve secret: did not contain json key A, request id: {}-1"
    tasks = tuple(Task(str(number), arn(7), said.format(number * 1111), "TaskFailedToStart") for number in (1, 2))
    found = judged(Findings(Case(BACKEND, arn(7), "0.1.5"), {}, stopped=tasks))
    assert found is not None
    assert (found.tasks, found.heals) == (2, False)


def test_a_pull_that_failed_for_a_reason_nobody_knows_may_heal() -> None:
    said = "CannotPullContainerError: unexpected end of JSON input"
    tasks = (Task("1", arn(7), said, "TaskFailedToStart"), Task("2", arn(7), said, "TaskFailedToStart"))
    found = judged(Findings(Case(BACKEND, arn(7), "0.1.5"), {}, stopped=tasks))
    assert found is not None
    assert found.heals
