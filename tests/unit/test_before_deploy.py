"""A command that is run in the new revision before the service is updated, such as a migration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import pytest
from botocore.config import Config

from tasks.errors import DeployError, NotReadyError
from tasks.release import before_deploy, one_off, together
from tasks.release.before_deploy import BeforeDeployError
from tasks.release.one_off import CommandTooLongError, NotStartedError, OneServiceError
from tasks.release.pipeline import DeployOptions
from tasks.sdk_errors import ThrottledError, UnreachableError
from tests.support.account import Account, AccountClients, RefusedError
from tests.support.fakes import session
from tests.support.models import BACKEND, BEGAN, arn, ecs_deployment, revision

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient
    from types_boto3_logs import CloudWatchLogsClient

    from tasks.documents import Json
    from tests.support.fakes import Recorder

TASK = "arn:aws:ecs:us-east-2:727646509464:task/spryte-cluster/0123"
AT = int(BEGAN.timestamp() * 1000)
MIGRATE = DeployOptions(60, force=False, roll_back=True, before_deploy=("python3", "-m", "spryte.migrate"))


def account(exit_code: int) -> Account:
    """Return an account that runs revision 4, where the command ends with an exit code."""
    ended: dict[str, object] = {
        "taskArn": TASK,
        "lastStatus": "STOPPED",
        "containers": [{"name": "spryte-backend", "exitCode": exit_code}],
    }
    lines: list[dict[str, object]] = [
        {
            "eventId": str(number),
            "logStreamName": "ecs/spryte-backend/0123",
            "timestamp": AT + number,
            "message": text,
        }
        for number, text in enumerate(("applying 0001", "duplicate key"))
    ]
    runs = [ecs_deployment(4, "ecs-svc/1")]
    return Account({4: "0.1.4", 7: "0.1.5"}, runs, tasks=[ended], lines=lines)


def test_it_runs_in_the_new_revision(report: Recorder) -> None:
    made = account(0)
    before_deploy.run(revision(7), AccountClients(made), report, MIGRATE)
    (request,) = made.requests("ecs:RunTask")
    assert request["taskDefinition"] == arn(7)
    assert request["overrides"] == {
        "containerOverrides": [{"name": "spryte-backend", "command": ["python3", "-m", "spryte.migrate"]}]
    }
    assert "applying 0001" in report.text


def test_when_it_fails_the_service_is_not_touched(report: Recorder) -> None:
    made = account(3)
    with pytest.raises(BeforeDeployError) as caught:
        together.bring_up([revision(7)], AccountClients(made), report, MIGRATE)
    assert str(caught.value) == (
        "'python3 -m spryte.migrate' ended with exit code 3 before the deploy. "
        "Nothing was deployed: spryte-backend:4 runs on."
    )
    assert caught.value.evidence == ("applying 0001", "duplicate key")
    assert caught.value.exit_code == 7
    assert made.requests("ecs:UpdateService") == []


def test_a_password_in_the_command_is_not_shown(report: Recorder) -> None:
    options = replace(MIGRATE, before_deploy=("migrate", "x://me:hidden@db.test"))
    with pytest.raises(BeforeDeployError, match=r"x://me:\*\*\*@db.test' ended"):
        before_deploy.run(revision(7), AccountClients(account(3)), report, options)


@pytest.mark.parametrize("fields", [{"containers": []}, {"lastStatus": "RUNNING"}])
def test_when_it_does_not_start_or_end_it_is_said_that_nothing_was_deployed(
    fields: dict[str, object], report: Recorder
) -> None:
    made = account(0)
    made.tasks[0] |= fields
    with pytest.raises((NotStartedError, CommandTooLongError)) as caught:
        before_deploy.run(revision(7), AccountClients(made), report, MIGRATE)
    assert caught.value.evidence == ("Nothing was deployed: spryte-backend:4 runs on.",)


def test_a_revision_that_runs_already_is_not_migrated_to_again(report: Recorder) -> None:
    made = account(0)
    before_deploy.run(revision(4), AccountClients(made), report, MIGRATE)
    assert made.requests("ecs:RunTask") == []
    assert "is not run again: spryte-backend:4 runs already" in report.text


def test_unless_it_is_forced(report: Recorder) -> None:
    made = account(0)
    before_deploy.run(revision(4), AccountClients(made), report, replace(MIGRATE, force=True))
    assert len(made.requests("ecs:RunTask")) == 1


def test_without_a_command_nothing_is_asked(report: Recorder) -> None:
    made = account(0)
    before_deploy.run(revision(7), AccountClients(made), report, replace(MIGRATE, before_deploy=()))
    assert made.asked == []


def test_it_is_a_command_of_one_service() -> None:
    before_deploy.require_one([BACKEND])
    with pytest.raises(OneServiceError):
        before_deploy.require_one([BACKEND, replace(BACKEND, name="frontend")])


@dataclass
class Faltering(Account):
    """An account that fails to answer questions about the task, or its log, for a number of times."""

    fails: int = 0
    code: str = ""
    about: str = "ecs:DescribeTasks"

    def answer(self, operation: str, asked: dict[str, Json]) -> dict[str, object] | str:
        """Fail, or answer."""
        if operation == self.about and self.fails:
            self.fails -= 1
            raise RefusedError(self.code, "x is not authorized to perform: ecs:DescribeTasks on y")
        return super().answer(operation, asked)


def faltering(code: str, fails: int, about: str = "ecs:DescribeTasks") -> Faltering:
    """Return such an account, where the command ends well."""
    sound = account(0)
    made = Faltering(sound.revisions, sound.deployments, tasks=sound.tasks, lines=sound.lines)
    made.fails, made.code, made.about = fails, code, about
    return made


@pytest.mark.parametrize("code", ["ThrottlingException", "RequestLimitExceeded"])
def test_throttling_is_waited_out_and_starts_no_second_task(report: Recorder, code: str) -> None:
    made = faltering(code, 12)  # more often than the SDK itself tries again
    before_deploy.run(revision(7), Impatient(made), report, MIGRATE)
    assert len(made.requests("ecs:RunTask")) == 1


def test_throttling_to_the_end_names_the_task_that_may_still_run(report: Recorder) -> None:
    with pytest.raises(ThrottledError) as caught:
        before_deploy.run(revision(7), Impatient(faltering("ThrottlingException", 10_000)), report, MIGRATE)
    may_still_run(caught.value)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ExpiredTokenException"])
def test_what_will_not_pass_names_the_task_that_may_still_run(report: Recorder, code: str) -> None:
    with pytest.raises(NotReadyError) as caught:
        before_deploy.run(revision(7), Impatient(faltering(code, 1)), report, MIGRATE)
    may_still_run(caught.value)


def test_an_error_of_the_server_passes_as_well() -> None:
    class Broken(Exception):  # noqa: N818 - as botocore's own
        response: ClassVar = {"ResponseMetadata": {"HTTPStatusCode": 503}}

    error = NotReadyError("AWS answered", fix="Wait.")
    error.__cause__ = Broken()
    assert one_off.passes(error)
    assert not one_off.passes(NotReadyError("AWS answered", fix="Wait."))
    assert one_off.passes(UnreachableError("No answer", fix="Wait."))


def test_a_log_that_cannot_be_read_ends_the_output_alone(report: Recorder) -> None:
    made = faltering("ThrottlingException", 10_000, "logs:FilterLogEvents")
    before_deploy.run(revision(7), Impatient(made), report, MIGRATE)
    assert "its output is not shown" in report.text


def may_still_run(error: DeployError) -> None:
    """Insist that the error names the task, and asks nobody to run the command again."""
    assert "The task 0123 may still run" in " ".join(error.evidence)
    assert "aws ecs describe-tasks --cluster spryte-cluster --tasks 0123" in error.fix
    assert "aws ecs stop-task --cluster spryte-cluster --task 0123" in error.fix


class Impatient(AccountClients):
    """Clients whose SDK asks once each time: what is tried here is our own patience."""

    @cached_property
    def ecs(self) -> ECSClient:
        """The container service."""
        made = session().client("ecs", config=Config(retries={"total_max_attempts": 1}))
        self._play(made.meta.events, "ecs")
        return made

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """The log."""
        made = session().client("logs", config=Config(retries={"total_max_attempts": 1}))
        self._play(made.meta.events, "logs")
        return made
