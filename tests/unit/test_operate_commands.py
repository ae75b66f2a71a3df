"""A command in a task of its own, a session in a running one, and what may be thrown away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tasks.command import Options, Work
from tasks.errors import UsageError
from tasks.operate import prune, run, shell
from tasks.release import one_off
from tasks.release.revisions import get
from tasks.release.service_state import describe
from tasks.sdk_errors import AccessDeniedError
from tasks.settings import load
from tests.support.account import Account, AccountClients, verified
from tests.support.fakes import Recorder
from tests.support.models import AWS, BACKEND, BEGAN, DIGEST, LOCAL, OTHER_DIGEST, REGISTRY, arn, ecs_deployment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.documents import Json

TASK = "arn:aws:ecs:us-east-2:727646509464:task/spryte-cluster/0123"
PRODUCTION = {"AWS_ACCOUNT_ID": "727646509464", "AWS_REGION": "us-east-2", "APP_URL": "https://spryte.example.com"}
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


def pruned(made: Account, keep: int, files: Path) -> prune.Old:
    """Return what may go."""
    return prune.look(BACKEND, keep, load(files, {}), AccountClients(made))


def old(running: int, newest: int = 12) -> Account:
    """Return an account with many revisions, of which one runs; each was deployed over the one before."""
    over = {number: number - 1 for number in range(2, running + 1)}
    return Account(
        {number: f"0.1.{number}" for number in range(1, newest + 1)},
        [ecs_deployment(running, "ecs-svc/1")],
        verified(*range(1, running + 1), over=over),
    )


def test_the_newest_stay_and_so_do_the_ways_back(files: Path) -> None:
    assert pruned(old(12), 2, files).revisions == (8, 7, 6, 5, 4, 3, 2, 1)


def test_what_runs_stays_with_its_ways_back_however_old_it_is(files: Path) -> None:
    assert pruned(old(5), 2, files).revisions == (10, 9, 8, 7, 6, 1)


def test_what_any_task_of_the_family_runs_stays(files: Path) -> None:
    made = old(12)
    made.tasks = [{"taskArn": TASK, "taskDefinitionArn": arn(1)}]
    assert 1 not in pruned(made, 2, files).revisions


def test_a_deployment_that_failed_keeps_its_revision_only_while_tasks_of_it_run(files: Path) -> None:
    made = old(12)
    made.deployments += [
        ecs_deployment(3, "a", status="ACTIVE", rolloutState="FAILED", runningCount=0),
        ecs_deployment(4, "b", status="ACTIVE", rolloutState="FAILED", runningCount=1),
    ]
    found = pruned(made, 2, files)
    assert 3 in found.revisions
    assert 4 not in found.revisions
    assert "spryte-backend:4 stays: it is in use" in found.kept


def test_what_this_tool_did_not_register_stays(files: Path) -> None:
    made = old(12)
    made.revisions[1] = ""
    found = pruned(made, 2, files)
    assert 1 not in found.revisions
    assert "spryte-backend:1 stays: it was not registered by this tool" in found.kept


def image(digest: str, days: int, *tags: str) -> dict[str, object]:
    """Return an image as ECR describes it."""
    at = (BEGAN - timedelta(days=days)).timestamp()
    return {"imageDigest": digest, "imageTags": [*tags], "imagePushedAt": at}


def test_old_images_go_but_none_that_a_kept_revision_runs_and_none_without_tags(files: Path) -> None:
    made, gone = old(12), f"sha256:{'e' * 64}"
    made.stored = [image(OTHER_DIGEST, 1, "new"), image(DIGEST, 8, "0.1.12"), image(gone, 9, "0.1.2")]
    made.stored.append({**image(f"sha256:{'f' * 64}", 9), "imageTags": []})
    assert [each.get("imageDigest") for each in pruned(made, 1, files).images] == [gone]


def test_images_of_a_shared_repository_stay(files: Path) -> None:
    made = old(12)
    made.stored = [image(OTHER_DIGEST, 1, "new"), image(f"sha256:{'e' * 64}", 9, "0.1.2")]
    settings = load(files, {"ECR_REPOSITORY_FRONTEND": "spryte-backend"})
    found = prune.look(BACKEND, 1, settings, AccountClients(made))
    assert found.images == ()
    assert "images stay: backend and frontend share spryte-backend" in found.kept


def asked(target: str, *, yes: bool = False) -> str:
    """Return what is told before something goes; raises UsageError where there is nobody to ask."""
    report = Recorder()
    try:
        prune.ask(Work(Options(target=target, yes=yes), report, PRODUCTION), [prune.Old(BACKEND, (7,), (), ())])
    except UsageError as error:
        return f"{report.text}{error}"
    return report.text


def test_what_would_go_is_shown_before_the_question_and_both_for_production_alone() -> None:
    assert "would deregister spryte-backend:7" in asked("aws")
    assert "This cannot be undone (production, 727646509464)." in asked("aws")
    assert asked("aws", yes=True) == ""
    assert asked("local") == ""


def test_revisions_go_before_images(files: Path) -> None:
    made = old(12)
    made.stored = [image(OTHER_DIGEST, 1, "new"), image(f"sha256:{'e' * 64}", 9, "0.1.2")]
    found = pruned(made, 2, files)
    found = replace(found, images=prune.look(BACKEND, 1, load(files, {}), AccountClients(made)).images)
    prune.remove(found, AccountClients(made), Recorder())
    changing = [name for name, _ in made.asked if "Deregister" in name or "Delete" in name]
    assert changing == ["ecs:DeregisterTaskDefinition"] * 8 + ["ecr:BatchDeleteImage"]


def crowded(*tags: str) -> dict[str, object]:
    """Return the image that runs, released 500 times under other versions."""
    return image(DIGEST, 1, *tags, *(f"1.0.{number}" for number in range(500)))


def test_an_image_with_many_tags_loses_the_marks_of_revisions_that_are_gone(files: Path) -> None:
    made = old(12)
    made.stored = [crowded(*made.tags, "failed-spryte-backend-3", "left-spryte-backend-12")]
    found = pruned(made, 2, files)
    gone = {
        "failed-spryte-backend-3",
        *(f"deployed-spryte-backend-{each}-over-{each - 1}" for each in range(2, 9)),
    }
    assert set(found.marks) == gone
    prune.remove(found, AccountClients(made), Recorder())
    (asked,) = made.requests("ecr:BatchDeleteImage")
    assert asked["imageIds"] == [{"imageTag": tag} for tag in sorted(gone)]


def test_an_image_with_few_tags_keeps_its_marks(files: Path) -> None:
    made = old(12)
    made.stored = [image(DIGEST, 1, "0.1.12", *made.tags)]
    assert pruned(made, 2, files).marks == ()


def test_an_image_that_bears_marks_alone_keeps_them_as_it_would_go_with_the_last(files: Path) -> None:
    made = old(12)
    made.stored = [image(DIGEST, 1, *(f"deployed-spryte-backend-1-over-{each}" for each in range(500)))]
    assert pruned(made, 2, files).marks == ()


@pytest.mark.parametrize("operation", ["ecs:ListTaskDefinitions", "ecs:ListTasks", "ecr:DescribeImages"])
def test_each_permission_that_pruning_needs_is_named(operation: str, files: Path) -> None:
    made = old(12)
    made.denied = {operation}
    with pytest.raises(AccessDeniedError, match=f"{operation} is missing"):
        pruned(made, 2, files)
