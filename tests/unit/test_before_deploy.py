"""A command that is run in the new revision before the service is updated, such as a migration."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.release import before_deploy, together
from tasks.release.before_deploy import BeforeDeployError
from tasks.release.one_off import CommandTooLongError, NotStartedError, OneServiceError
from tasks.release.pipeline import DeployOptions
from tests.support.account import Account, AccountClients
from tests.support.models import BACKEND, BEGAN, arn, ecs_deployment, revision

if TYPE_CHECKING:
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
