"""What each stage would do, found out by asking only: the stubs refuse every call that changes something."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.documents import as_list, as_object
from tasks.release import dry_run
from tasks.release.image import reference_of
from tests.support.models import AWS, COMMIT, DIGEST, OTHER_DIGEST, REGISTRY, SOURCE, ecs_deployment, ecs_service
from tests.support.models import registered as described

if TYPE_CHECKING:
    from tests.support.fakes import StubbedClients

REPOSITORY = f"{REGISTRY}/spryte-backend"


def told(clients: StubbedClients, last: int) -> list[str]:
    """Return what is said of the last stage asked for."""
    outcome = dry_run.tell((SOURCE,), clients, last)
    assert outcome.document["dry_run"] is True
    (service,) = as_list(outcome.document["services"])
    return [str(line) for line in as_list(as_object(service)["would"])]


def test_an_image_that_is_missing_would_be_built(clients: StubbedClients) -> None:
    reference = reference_of(SOURCE, AWS)
    assert told(clients, dry_run.BUILD) == [f"build backend/ as {reference} for linux/amd64"]
    clients.engine.has(reference)
    assert told(clients, dry_run.BUILD) == [f"reuse the image {reference}"]


@pytest.mark.parametrize(
    ("commit", "version", "line"),
    [
        ("", "", f"push {REPOSITORY} with the tags {COMMIT}, 0.1.5"),
        (DIGEST, "", f"push {REPOSITORY} with the tags 0.1.5"),
        (DIGEST, DIGEST, f"push nothing: {REPOSITORY} has it"),
        (DIGEST, OTHER_DIGEST, f"be refused: version 0.1.5 is already in ECR as {OTHER_DIGEST[:19]}"),
        ("", OTHER_DIGEST, f"be refused: version 0.1.5 is already in ECR as {OTHER_DIGEST[:19]}"),
    ],
)
def test_the_push_tells_which_tags_are_missing(
    clients: StubbedClients, commit: str, version: str, line: str
) -> None:
    clients.tags_are((COMMIT, commit), ("0.1.5", version))
    if version == DIGEST:
        clients.ecs_stub.add_response("describe_task_definition", described(1, "0.1.5"))
    assert told(clients, dry_run.PUSH)[-1] == line


def test_the_whole_way_is_told_without_changing_anything(clients: StubbedClients) -> None:
    clients.tags_are((COMMIT, ""), ("0.1.5", ""))
    clients.ecs_stub.add_response("describe_task_definition", described(4, "0.1.4"))
    clients.tags_are((COMMIT, ""))
    clients.services_are(ecs_service(ecs_deployment(4, "ecs-svc/1")))
    clients.ecs_stub.add_response("describe_task_definition", described(4, "0.1.4"))
    lines = told(clients, dry_run.DEPLOY)
    assert "register a revision of spryte-backend:" in lines
    change = "containerDefinitions.spryte-backend.environment.APP_VERSION: 0.1.4 -> 0.1.5"
    assert f"  change {change}" in lines
    assert lines[-2:] == [
        "update spryte-backend-service from spryte-backend:4 (0.1.4)",
        "verify https://spryte.example.com/api/health for version 0.1.5",
    ]
    assert not clients.engine.api.built
    assert not clients.engine.api.pushed


def test_what_runs_need_not_be_the_newest_revision_and_its_own_changes_are_told(clients: StubbedClients) -> None:
    """Revision 9 brought 512 CPU units and failed; revision 4 serves with 128, and the template has 256."""
    clients.tags_are((COMMIT, ""), ("0.1.5", ""))
    clients.ecs_stub.add_response("describe_task_definition", described(9, "0.1.5", cpu="512"))
    clients.tags_are((COMMIT, ""))
    clients.services_are(ecs_service(ecs_deployment(4, "ecs-svc/1")))
    clients.ecs_stub.add_response("describe_task_definition", described(4, "0.1.4", cpu="128"))
    lines = told(clients, dry_run.DEPLOY)
    update = lines.index(
        "update spryte-backend-service from spryte-backend:4 (0.1.4), which changes in what runs:"
    )
    assert "  change cpu: 512 -> 256" in lines[:update]
    assert "  change cpu: 128 -> 256" in lines[update:]
    assert lines[-1] == "verify https://spryte.example.com/api/health for version 0.1.5"


def test_a_command_before_the_deploy_comes_before_the_update(clients: StubbedClients) -> None:
    clients.tags_are((COMMIT, ""), ("0.1.5", ""))
    clients.ecs_stub.add_response("describe_task_definition", described(9, "0.1.5", cpu="512"))
    clients.tags_are((COMMIT, ""))
    clients.services_are(ecs_service(ecs_deployment(4, "ecs-svc/1")))
    clients.ecs_stub.add_response("describe_task_definition", described(4, "0.1.4", cpu="128"))
    outcome = dry_run.tell((SOURCE,), clients, dry_run.DEPLOY, ("flask", "db upgrade"))
    lines = [line.partition(" would ")[2] for line in outcome.lines]
    command = lines.index("run 'flask 'db upgrade'' in that revision")
    assert lines[command + 1].startswith("update spryte-backend-service")


def test_a_first_deploy_is_told_with_its_number_of_tasks(clients: StubbedClients) -> None:
    clients.tags_are((COMMIT, ""), ("0.1.5", ""))
    clients.ecs_stub.add_response("describe_task_definition", described(1))
    clients.tags_are((COMMIT, ""))
    clients.services_are(ecs_service(ecs_deployment(1, desiredCount=0, runningCount=0), desiredCount=0))
    clients.ecs_stub.add_response("describe_task_definition", described(1))
    assert told(clients, dry_run.DEPLOY)[-2] == (
        "update spryte-backend-service from spryte-backend:1 (nothing); first deploy, 1 task"
    )


def test_each_line_names_its_service(clients: StubbedClients) -> None:
    other = replace(SOURCE, service=replace(SOURCE.service, name="frontend", folder="frontend"))
    lines = dry_run.tell((SOURCE, other), clients, dry_run.BUILD).lines
    assert [line.split(" would ")[0].strip() for line in lines] == ["backend", "frontend"]
