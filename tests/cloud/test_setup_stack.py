"""setup.stack against a real CloudFormation: shown first, then made, and never beside what is there already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tasks import change_set
from tasks.command import Work
from tasks.documents import as_list, as_object
from tasks.errors import StoppedByUserError
from tasks.setup import stack

if TYPE_CHECKING:
    from tests.support.bare import Bare


@dataclass(frozen=True)
class Refusing(Work):
    """Somebody who answers no."""

    def confirm(self, question: str) -> None:
        """Refuse."""
        raise StoppedByUserError(question, fix="Answer y.")


SERVICES = ["spryte-backend-service", "spryte-frontend-service"]


def test_a_complete_environment_is_made_and_a_second_run_changes_nothing(
    bare: Bare, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = stack.stack(bare.work())
    shown = capsys.readouterr().err

    found = bare.clients.ecs.describe_services(cluster="spryte-cluster", services=SERVICES)["services"]
    assert [(each["status"], each["desiredCount"]) for each in found] == [("ACTIVE", 0), ("ACTIVE", 0)]
    assert shown.index("Add BackendService") < shown.index("CREATE_COMPLETE")
    assert shown.count("CREATE_COMPLETE     BackendService\n") == 1
    assert str(as_object(outcome.document["outputs"])["AppUrl"]).startswith("http://spryte")
    told = [line.split()[4] for line in outcome.lines if "put-secret-value" in line]
    assert told == ["spryte/mongodb-uri", "spryte/openai-key"]  # and not the one that the stack makes up
    again = stack.stack(bare.work())
    assert again.document["changes"] == []
    assert "compared these, not the resources" in again.lines[-1]  # what was deleted by hand stays away


def test_no_value_of_the_rehearsal_becomes_a_secret_of_a_new_environment(bare: Bare) -> None:
    stack.stack(bare.work())

    found = bare.clients.secretsmanager.get_secret_value(SecretId="spryte/mongodb-uri")

    assert found["SecretString"] == "replace-me"


def test_a_dry_run_shows_every_resource_and_leaves_nothing_behind(bare: Bare) -> None:
    outcome = stack.stack(bare.work(dry_run=True))

    changes = as_list(outcome.document["changes"])
    assert {"Add Vpc", "Add BackendService", "Add TaskExecutionRole"} <= {str(each) for each in changes}
    left = bare.clients.cloudformation.list_stacks()["StackSummaries"]
    assert [each["StackName"] for each in left if each["StackStatus"] != "DELETE_COMPLETE"] == []
    assert bare.clients.ecs.list_clusters()["clusterArns"] == []


def test_an_answer_of_no_leaves_nothing_behind(bare: Bare) -> None:
    asked = bare.work()

    with pytest.raises(StoppedByUserError):
        stack.stack(Refusing(asked.options, asked.report, asked.environment, asked.root))

    left = bare.clients.cloudformation.list_stacks()["StackSummaries"]
    assert [each["StackName"] for each in left if each["StackStatus"] != "DELETE_COMPLETE"] == []


def test_an_environment_that_was_made_by_hand_is_refused_and_nothing_is_made_beside_it(bare: Bare) -> None:
    bare.clients.ecs.create_cluster(clusterName="spryte-cluster")
    bare.clients.ecr.create_repository(repositoryName="spryte-backend")
    bare.clients.secretsmanager.create_secret(Name="spryte/jwt-secret", SecretString="somebody's")
    bare.clients.logs.create_log_group(logGroupName="/ecs/spryte-frontend")
    bare.clients.iam.create_role(RoleName="ecsTaskRole", AssumeRolePolicyDocument=TASKS)

    with pytest.raises(stack.NamesTakenError, match="5 of the stack's names are taken") as raised:
        stack.stack(bare.work())

    assert raised.value.exit_code == 3
    assert raised.value.evidence == (
        "cluster spryte-cluster",
        "repository spryte-backend",
        "role ecsTaskRole",
        "secret spryte/jwt-secret",
        "log group /ecs/spryte-frontend",
    )
    assert change_set.find_stack("spryte", bare.clients) is None
    assert bare.clients.cloudformation.list_stacks()["StackSummaries"] == []


def test_an_existing_stack_is_changed_and_keeps_what_is_not_meant_to_change(bare: Bare) -> None:
    stack.stack(bare.work())
    bare.clients.secretsmanager.put_secret_value(SecretId="spryte/openai-key", SecretString="a person's own")

    certificate = "arn:aws:acm:us-east-2:727646509464:certificate/11111111-2222-3333-4444-555555555555"
    outcome = stack.stack(bare.work(), certificate=certificate, domain="spryte.example.com")

    assert outcome.document["kind"] == "UPDATE"
    assert as_object(outcome.document["outputs"])["AppUrl"] == "https://spryte.example.com"
    kept = bare.clients.secretsmanager.get_secret_value(SecretId="spryte/openai-key")["SecretString"]
    assert kept == "a person's own"
    assert stack.stack(bare.work(dry_run=True), domain="www.example.com").exit_code == 0  # its certificate stays


@pytest.mark.parametrize("given", [{"domain": "spryte.example.com"}, {"certificate": "arn:aws:acm:us-east-2:1:x"}])
def test_a_certificate_and_its_domain_come_together(bare: Bare, given: dict[str, str]) -> None:
    with pytest.raises(stack.UnpairedError, match="was given without"):
        stack.stack(bare.work(), **given)

    assert bare.clients.cloudformation.list_stacks()["StackSummaries"] == []


TASKS = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
    '"Principal":{"Service":"ecs-tasks.amazonaws.com"}}]}'
)
