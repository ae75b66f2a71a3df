"""A command in a task of its own, and a session in a running one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks.operate import run, shell
from tasks.release import one_off
from tasks.release.revisions import get
from tasks.release.service_state import describe
from tasks.sdk_errors import AccessDeniedError
from tests.support.account import Account, AccountClients, verified
from tests.support.fakes import Recorder
from tests.support.models import AWS, BACKEND, BEGAN, DIGEST, LOCAL, REGISTRY, arn, ecs_deployment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.documents import Json

TASK = "arn:aws:ecs:us-east-2:727646509464:task/spryte-cluster/0123"
AT = int(BEGAN.timestamp() * 1000)
NETWORK = {
    "awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED"}
}


def ended(exit_code: int | None = 0, reason: str = "") -> dict[str, object]:
    """Return a task that stopped, with the exit code of the service's container."""
    container = {"name": "spryte-backend", **({} if exit_code is None else {"exitCode": exit_code})}
    return {"taskArn": TASK, "lastStatus": "STOPPED", "stoppedReason": reason, "containers": [container]}


def account(*tasks: dict[str, object]) -> Account:
    """Return an account whose revision 2 runs, with tasks of which the first is the one that RunTask starts."""
    made = Account({1: "0.1.1", 2: "0.1.2"}, [ecs_deployment(2, "ecs-svc/1")], verified(1, 2), tasks=[*tasks])
    made.settings = {"networkConfiguration": NETWORK, "launchType": "FARGATE"}
    return made


class Late(Account):
    """An account whose task is described one answer after the other, after none at first; the last one stays."""

    def __init__(self, answers: Sequence[dict[str, object] | None] = ()) -> None:
        super().__init__(**vars(account(ended())))
        self.answers = [None, *answers]

    def answer(self, operation: str, asked: dict[str, Json]) -> dict[str, object] | str:
        """Answer as AWS did."""
        answered = super().answer(operation, asked)
        if operation == "ecs:DescribeTasks":
            now = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            return {"tasks": [now] if now else []}
        return answered


def executed(made: Account, report: Recorder | None = None) -> tuple[one_off.Ended, list[str]]:
    """Run a command and return how it ended, and what it wrote."""
    clients, written = AccountClients(made), list[str]()
    command = one_off.Command(get(BACKEND, 2, clients), ("python3", "-V"), 90, written.append)
    return one_off.execute(command, describe(BACKEND, clients), clients, report or Recorder()), written


def test_a_command_runs_in_the_services_image_network_and_container() -> None:
    made = account(ended(3))

    found, _ = executed(made)

    (request,) = made.requests("ecs:RunTask")
    assert found == one_off.Ended("0123", 3)
    assert request["taskDefinition"] == arn(2)
    assert request["networkConfiguration"] == NETWORK
    assert request["launchType"] == "FARGATE"
    assert request["overrides"] == {
        "containerOverrides": [{"name": "spryte-backend", "command": ["python3", "-V"]}]
    }


def test_a_dry_run_tells_image_revision_network_and_command_and_starts_nothing() -> None:
    made = account(ended())
    clients = AccountClients(made)
    told = run.tell(get(BACKEND, 2, clients), ("migrate", "--token=hidden"), describe(BACKEND, clients))
    assert told.lines == (
        "backend   would run 'migrate --token=***' in spryte-backend:2 (version 0.1.2)",
        f"          image {REGISTRY}/spryte-backend@{DIGEST}",
        "          network subnet-1, sg-1",
    )
    assert told.document["subnets"] == ["subnet-1"]
    assert made.requests("ecs:RunTask") == []


def test_a_service_with_capacity_providers_hands_them_on() -> None:
    made = account(ended())
    made.settings["capacityProviderStrategy"] = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    executed(made)
    assert "launchType" not in made.requests("ecs:RunTask")[0]


def test_its_output_is_passed_on() -> None:
    made = account(ended())
    made.lines = [
        {"eventId": "1", "logStreamName": "ecs/spryte-backend/0123", "timestamp": AT, "message": "Python 3\n"},
        {"eventId": "2", "logStreamName": "ecs/spryte-backend/other", "timestamp": AT, "message": "no\n"},
    ]
    assert executed(made)[1] == ["Python 3"]


def test_output_that_may_not_be_read_is_said_once_and_the_command_still_runs() -> None:
    made, report = account(ended()), Recorder()
    made.denied = {"logs:FilterLogEvents"}
    assert executed(made, report)[0].exit_code == 0
    assert report.text.count("its output is not shown") == 1


def test_a_task_that_never_ran_the_command_says_why() -> None:
    with pytest.raises(one_off.NotStartedError, match="CannotPullContainerError") as caught:
        executed(account(ended(None, "CannotPullContainerError: not found")))
    assert caught.value.exit_code == 7


def test_a_task_that_ecs_does_not_describe_yet_is_waited_for() -> None:
    made = Late([ended(3)])
    assert executed(made)[0] == one_off.Ended("0123", 3)
    assert len(made.requests("ecs:DescribeTasks")) == 2


def test_a_task_that_ecs_never_describes_may_run_all_the_same() -> None:
    with pytest.raises(one_off.LostTaskError) as caught:
        executed(Late())
    assert str(caught.value) == (
        "ECS started the task 0123 and has not described it for 60 s: it may run all the same, or have run."
    )
    assert "aws ecs describe-tasks --cluster spryte-cluster --tasks 0123" in caught.value.fix
    assert caught.value.exit_code == 8


def test_a_task_that_ecs_forgot_may_have_run() -> None:
    with pytest.raises(one_off.LostTaskError, match="it may run all the same, or have run"):
        executed(Late([{**ended(), "lastStatus": "RUNNING"}, None]))


def test_no_task_at_all_is_said() -> None:
    with pytest.raises(one_off.NotStartedError, match="ECS started no task"):
        executed(account())


def test_a_command_that_does_not_end_is_given_up_and_left() -> None:
    with pytest.raises(one_off.CommandTooLongError) as caught:
        executed(account({**ended(), "lastStatus": "RUNNING"}))
    assert caught.value.exit_code == 8
    assert "aws ecs stop-task --cluster spryte-cluster --task 0123" in caught.value.fix


def test_the_permission_to_run_a_task_is_named() -> None:
    made = account(ended())
    made.denied = {"ecs:RunTask"}
    with pytest.raises(AccessDeniedError, match="ecs:RunTask is missing"):
        executed(made)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("true", ("true",)),
        ("python3 -c 'a b; c'", ("python3", "-c", "a b; c")),
        ("sh -c 'a && b > c'", ("sh", "-c", "a && b > c")),
        ('a "&&" \\; --url=http://x/?a=1&b=2', ("a", "&&", ";", "--url=http://x/?a=1&b=2")),
        ("a --sql='b ; c' d", ("a", "--sql=b ; c", "d")),
    ],
)
def test_a_command_is_split_into_words_and_never_given_to_a_shell(command: str, words: tuple[str, ...]) -> None:
    assert one_off.split(command) == words


@pytest.mark.parametrize("command", ["", "  ", "'open"])
def test_a_command_without_words_is_refused(command: str) -> None:
    with pytest.raises(one_off.CommandError):
        one_off.split(command)


@pytest.mark.parametrize(
    ("command", "operator"),
    [
        ("a && b", "&&"), ("a; b", "a;"), ("a | b", "|"), ("a || b", "||"), ("a > b", ">"), ("a < b", "<"),
        ("a &", "&"), ("a 2>&1", "2>&1"), ("a 'b c'; d", ";"), ("a >b", ">b"),
    ],
)  # fmt: skip
def test_what_only_a_shell_would_understand_is_refused(command: str, operator: str) -> None:
    with pytest.raises(one_off.ShellOperatorError, match="no shell is involved") as caught:
        one_off.split(command)
    assert str(caught.value).startswith(f"'{operator}' in ")
    assert caught.value.exit_code == 2
    assert "sh -c '...'" in caught.value.fix


@pytest.mark.parametrize(
    "reason",
    [
        'CannotStartContainerError: exec: "migrate": executable file not found in $PATH: unknown',
        'ResourceInitializationError: 409 Conflict ("The container name "/x" is already in use by container")',
    ],
)
def test_a_command_that_is_not_in_the_image_is_explained(reason: str) -> None:
    with pytest.raises(one_off.NotStartedError) as caught:
        executed(account(ended(None, reason)))
    assert "may not be in the image" in caught.value.fix
    assert "sh -c '...'" in caught.value.fix


def test_a_session_is_the_aws_clis() -> None:
    words = shell.arguments_for(BACKEND, "0123", "/bin/sh", AWS)
    assert words[:3] == ("aws", "ecs", "execute-command")
    assert "--endpoint-url" not in words
    assert words[-3:] == ("--interactive", "--command", "/bin/sh")
    assert "--endpoint-url" in shell.arguments_for(BACKEND, "0123", "/bin/sh", LOCAL)


def test_a_session_needs_exec_to_be_on() -> None:
    with pytest.raises(shell.ExecIsOffError, match="ECS Exec is off") as caught:
        shell.newest_task(BACKEND, AccountClients(account()))
    assert "--enable-execute-command" in caught.value.fix


def test_a_session_needs_a_task_that_was_started_with_it() -> None:
    made = account({"taskArn": TASK, "lastStatus": "RUNNING", "enableExecuteCommand": False})
    made.settings["enableExecuteCommand"] = True
    with pytest.raises(shell.ExecIsOffError, match="none of its 1 tasks was started with"):
        shell.newest_task(BACKEND, AccountClients(made))


def test_the_newest_of_them_is_entered() -> None:
    able = {"lastStatus": "RUNNING", "enableExecuteCommand": True}
    made = account(
        {**able, "taskArn": f"{TASK}a", "startedAt": 10}, {**able, "taskArn": f"{TASK}b", "startedAt": 20}
    )
    made.settings["enableExecuteCommand"] = True
    assert shell.newest_task(BACKEND, AccountClients(made)) == "0123b"
