"""What a failed deployment's own tasks say, as far as the role may ask."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tasks.operate.diagnose import evidence
from tests.support.models import BACKEND, BEGAN, arn, registered

if TYPE_CHECKING:
    from tests.support.fakes import StubbedClients

TASK = "arn:aws:ecs:us-east-2:727646509464:task/spryte-cluster/0123"
LOGS = {
    "logDriver": "awslogs",
    "options": {"awslogs-group": "/ecs/spryte-backend", "awslogs-stream-prefix": "ecs"},
}


def stopped(number: int = 7, task: str = TASK, minutes: int = 1, **container: object) -> dict[str, object]:
    """Return a stopped task of a revision."""
    return {
        "taskArn": task,
        "taskDefinitionArn": arn(number),
        "stoppedReason": "Essential container in task exited",
        "stoppedAt": BEGAN + timedelta(minutes=minutes),
        "containers": [{"name": "spryte-backend", **container}],
    }


def tasks_are(clients: StubbedClients, *tasks: dict[str, object]) -> None:
    """Let these tasks have stopped."""
    clients.ecs_stub.add_response("list_tasks", {"taskArns": [str(task["taskArn"]) for task in tasks]})
    if tasks:
        clients.ecs_stub.add_response("describe_tasks", {"tasks": list(tasks)})


def logs_are_kept(clients: StubbedClients) -> None:
    """Let the container write to CloudWatch Logs."""
    containers = [{"name": "spryte-backend", "logConfiguration": LOGS}]
    clients.ecs_stub.add_response(
        "describe_task_definition", registered(7, containerDefinitions=containers), {"taskDefinition": arn(7)}
    )


def test_a_stopped_task_tells_its_reason_its_exit_code_and_its_last_words(clients: StubbedClients) -> None:
    tasks_are(clients, stopped(exitCode=1))
    logs_are_kept(clients)
    clients.logs_stub.add_response(
        "get_log_events",
        {"events": [{"message": "Traceback\n"}, {"message": "KeyError: 'MONGODB_URI'"}]},
        {
            "logGroupName": "/ecs/spryte-backend",
            "logStreamName": "ecs/spryte-backend/0123",
            "limit": 10,
            "startFromHead": False,
        },
    )
    assert evidence(BACKEND, arn(7), clients) == (
        "task 0123 stopped: Essential container in task exited",
        "container spryte-backend ended with exit code 1",
        "log: Traceback",
        "log: KeyError: 'MONGODB_URI'",
    )


def test_a_container_that_never_started_tells_why(clients: StubbedClients) -> None:
    tasks_are(clients, stopped(reason="CannotPullContainerError: not found"))
    logs_are_kept(clients)
    clients.logs_stub.add_client_error("get_log_events", "ResourceNotFoundException", "no such stream")
    assert evidence(BACKEND, arn(7), clients)[1:] == (
        "container spryte-backend: CannotPullContainerError: not found",
        "it wrote nothing to /ecs/spryte-backend",
    )


def test_of_several_the_newest_of_the_revision_speaks(clients: StubbedClients) -> None:
    tasks_are(
        clients,
        stopped(task=f"{TASK}a", minutes=1),
        stopped(task=f"{TASK}b", minutes=3),
        stopped(4, f"{TASK}c", minutes=9),
    )
    clients.ecs_stub.add_response("describe_task_definition", registered(7))
    assert evidence(BACKEND, arn(7), clients) == ("task 0123b stopped: Essential container in task exited",)


def test_without_stopped_tasks_there_is_nothing_to_say(clients: StubbedClients) -> None:
    tasks_are(clients)
    assert evidence(BACKEND, arn(7), clients) == ()


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        (
            "AccessDeniedException",
            "x is not authorized to perform: ecs:ListTasks on y",
            "why its tasks stopped is not shown: the permission ecs:ListTasks is missing",
        ),
        ("ServerException", "try later", "why its tasks stopped could not be asked: AWS answered"),
    ],
)
def test_what_may_not_be_asked_is_told_and_never_hides_the_failure(
    clients: StubbedClients, code: str, message: str, told: str
) -> None:
    clients.ecs_stub.add_client_error("list_tasks", code, message)
    (line,) = evidence(BACKEND, arn(7), clients)
    assert line.startswith(told)
