"""Registering: once for each content, and never without saying why not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from tasks.errors import RegisterError
from tasks.release.task_definition import Identity, described, load_template, register, render
from tasks.sdk_errors import AccessDeniedError
from tests.support.models import AWS, BACKEND, COMMIT, IMAGE, PUSHED, SOURCE, arn

if TYPE_CHECKING:
    from tests.support.fakes import Recorder, StubbedClients

FAMILY = {"taskDefinition": "spryte-backend"}


def rendered(version: str = "0.1.5", secrets: dict[str, str] | None = None) -> dict[str, object]:
    """Return what is to be registered for that version."""
    identity = Identity(PUSHED.reference, version, COMMIT, secrets or {})
    return cast("dict[str, object]", render(load_template(BACKEND, AWS), identity, AWS))


def exists(clients: StubbedClients, definition: dict[str, object], number: int = 6) -> None:
    """Let ECS know a revision, with what AWS adds to it."""
    added: dict[str, object] = {
        "taskDefinitionArn": arn(number),
        "revision": number,
        "status": "ACTIVE",
        "compatibilities": ["EC2", "FARGATE"],
        "requiresAttributes": [{"name": "com.amazonaws.ecs.capability.ecr-auth"}],
        "registeredBy": "arn:aws:sts::727646509464:assumed-role/SpryteGithubDeployRole/x",
        "volumes": [],
        "placementConstraints": [],
    }
    answer = {"taskDefinition": {**definition, **added}}
    clients.ecs_stub.add_response("describe_task_definition", answer, FAMILY)


def test_the_same_content_is_found_and_not_registered_again(clients: StubbedClients, report: Recorder) -> None:
    exists(clients, rendered())
    found = register(PUSHED, clients, report)
    assert (found.name, found.reused) == ("spryte-backend:6", True)
    assert "spryte-backend:6 has this content already" in report.text


def test_another_version_is_registered_as_it_was_rendered(clients: StubbedClients, report: Recorder) -> None:
    exists(clients, rendered("0.1.4"))
    answer = {"taskDefinition": {"taskDefinitionArn": arn(7)}}
    clients.ecs_stub.add_response("register_task_definition", answer, rendered())
    found = register(PUSHED, clients, report)
    assert (found.arn, found.reused) == (arn(7), False)
    assert "containerDefinitions.spryte-backend.environment.APP_VERSION: 0.1.4 -> 0.1.5" in found.changes
    assert "registered spryte-backend:7" in report.text


def test_the_first_revision_of_a_family_is_registered(clients: StubbedClients, report: Recorder) -> None:
    clients.ecs_stub.add_client_error(
        "describe_task_definition", "ClientException", "Unable to describe task definition."
    )
    answer = {"taskDefinition": {"taskDefinitionArn": arn(1)}}
    clients.ecs_stub.add_response("register_task_definition", answer, rendered())
    assert register(PUSHED, clients, report).name == "spryte-backend:1"


def test_the_complete_secrets_of_the_last_revision_are_kept(clients: StubbedClients, report: Recorder) -> None:
    secret = "arn:aws:secretsmanager:us-east-2:727646509464:secret:spryte/jwt-secret"
    with_complete = rendered("0.1.4", {secret: f"{secret}-AbC123"})
    exists(clients, with_complete)
    clients.ecs_stub.add_response(
        "register_task_definition",
        {"taskDefinition": {"taskDefinitionArn": arn(7)}},
        rendered("0.1.5", {secret: f"{secret}-AbC123"}),
    )
    assert register(PUSHED, clients, report).name == "spryte-backend:7"


@pytest.mark.parametrize("action", ["ecs:RegisterTaskDefinition", "iam:PassRole"])
def test_a_missing_permission_is_named(clients: StubbedClients, report: Recorder, action: str) -> None:
    exists(clients, rendered("0.1.4"))
    clients.ecs_stub.add_client_error(
        "register_task_definition",
        "AccessDeniedException",
        f"User: arn:aws:iam::1:user/x is not authorized to perform: {action} on resource: *",
    )
    with pytest.raises(AccessDeniedError) as caught:
        register(PUSHED, clients, report)
    assert caught.value.action == action
    assert str(caught.value) == (
        f"AWS refused while registering the task definition: the permission {action} is missing."
    )
    assert caught.value.fix == f"Allow {action} in the deploy role's policy."
    assert caught.value.exit_code == 3


def test_what_aws_refuses_is_told_in_its_words(clients: StubbedClients, report: Recorder) -> None:
    exists(clients, rendered("0.1.4"))
    clients.ecs_stub.add_client_error("register_task_definition", "ClientException", "Role is not valid")
    with pytest.raises(RegisterError, match="Role is not valid") as caught:
        register(PUSHED, clients, report)
    assert caught.value.exit_code == 6


def test_a_permission_missing_for_reading_is_no_missing_family(clients: StubbedClients) -> None:
    clients.ecs_stub.add_client_error(
        "describe_task_definition",
        "AccessDeniedException",
        "x is not authorized to perform: ecs:DescribeTaskDefinition",
    )
    with pytest.raises(AccessDeniedError, match="ecs:DescribeTaskDefinition"):
        described("spryte-backend", clients)


def test_a_dirty_tree_marks_the_commit_that_is_registered(clients: StubbedClients, report: Recorder) -> None:
    dirty = replace(PUSHED, image=replace(IMAGE, source=replace(SOURCE, dirty=True)))
    exists(clients, rendered())
    mark = f"{COMMIT}-dirty-89abcdef0123"
    identity = Identity(dirty.reference, "0.1.5", mark)
    expected = render(load_template(BACKEND, AWS), identity, AWS)
    clients.ecs_stub.add_response(
        "register_task_definition", {"taskDefinition": {"taskDefinitionArn": arn(7)}}, dict(expected)
    )
    assert not register(dirty, clients, report).reused
