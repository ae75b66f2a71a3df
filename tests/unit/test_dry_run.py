"""What each stage would do, found out by asking only: it is what the stages then do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.documents import as_list, as_object
from tasks.release import dry_run
from tasks.release.image import reference_of
from tasks.release.pipeline import DeployOptions
from tasks.release.task_definition import Identity, load_template, render
from tests.support.account import Account, AccountClients
from tests.support.models import AWS, BACKEND, COMMIT, DIGEST, OTHER_DIGEST, REGISTRY, SOURCE, ecs_deployment

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.fakes import StubbedClients

REPOSITORY = f"{REGISTRY}/spryte-backend"
READING = {"ecr:BatchGetImage", "ecs:DescribeTaskDefinition", "ecs:DescribeServices"}
DEPLOY = DeployOptions(60, force=False, roll_back=True)
FORCE = replace(DEPLOY, force=True)
MIGRATE = replace(DEPLOY, before_deploy=("migrate", "--token=hidden"))


def told(clients: StubbedClients | AccountClients, steps: tuple[Callable[[dry_run.Way], list[str]], ...],
         options: DeployOptions | None = None) -> list[str]:  # fmt: skip
    """Return what is said of the steps asked for."""
    outcome = dry_run.tell((SOURCE,), clients, steps, options)
    assert outcome.document["dry_run"] is True
    (service,) = as_list(outcome.document["services"])
    return [str(line) for line in as_list(as_object(service)["would"])]


def deploying(account: Account, options: DeployOptions = DEPLOY) -> list[str]:
    """Return what is said of a deploy, for which nothing but questions was asked."""
    clients = AccountClients(account, AWS.app_url)
    lines = told(clients, dry_run.DEPLOY, options)
    assert {operation for operation, _ in account.asked} <= READING
    assert not clients.engine.api.built
    assert not clients.engine.api.pushed
    return lines


def older(state: str = "COMPLETED") -> Account:
    """Return an account that runs version 0.1.4, where nothing of 0.1.5 is in ECR."""
    return Account({4: "0.1.4"}, [ecs_deployment(4, "ecs-svc/1", rolloutState=state)])


def same(state: str = "COMPLETED") -> Account:
    """Return an account that runs what is to be deployed."""
    account = Account({4: "0.1.5"}, [ecs_deployment(4, "ecs-svc/1", rolloutState=state)], {COMMIT, "0.1.5"})
    identity = Identity(f"{REPOSITORY}@{DIGEST}", "0.1.5", COMMIT)
    account.definitions = {4: render(load_template(BACKEND, AWS), identity, AWS)}
    return account


def test_an_image_that_is_missing_would_be_built(clients: StubbedClients) -> None:
    reference = reference_of(SOURCE, AWS)
    assert told(clients, dry_run.BUILD) == [f"build backend/ as {reference} for linux/amd64"]
    clients.engine.has(reference)
    assert told(clients, dry_run.BUILD) == [f"reuse the image {reference}"]


@pytest.mark.parametrize(
    ("tags", "line"),
    [
        (set(), f"push {REPOSITORY} with the tags {COMMIT}, 0.1.5"),
        ({COMMIT}, f"push {REPOSITORY} with the tags 0.1.5"),
        ({COMMIT, "0.1.5"}, f"push nothing: {REPOSITORY} has it"),
    ],
)
def test_the_push_tells_which_tags_are_missing(tags: set[str], line: str) -> None:
    assert told(AccountClients(Account(tags=tags)), dry_run.PUSH)[-1] == line


@pytest.mark.parametrize("steps", [dry_run.PUSH, dry_run.REGISTER, dry_run.DEPLOY])
def test_a_version_that_is_taken_would_be_refused_before_anything_else(
    steps: tuple[Callable[[dry_run.Way], list[str]], ...]
) -> None:  # fmt: skip
    clients = AccountClients(Account(tags={"0.1.5"}, digests={"0.1.5": OTHER_DIGEST}))
    (line,) = told(clients, steps, DEPLOY)
    assert line.startswith("be refused: Version 0.1.5 of backend is already in ECR as another image (sha256:bbbb")


def test_the_whole_way_is_told_in_the_order_in_which_it_goes() -> None:
    lines = deploying(older())
    assert lines[2] == "register a revision of spryte-backend:"
    assert "  change containerDefinitions.spryte-backend.environment.APP_VERSION: 0.1.4 -> 0.1.5" in lines
    assert lines[-2:] == [
        "update spryte-backend-service from spryte-backend:4 (0.1.4)",
        "verify https://spryte.example.com/api/health for version 0.1.5",
    ]


def test_a_first_deploy_is_told_with_its_number_of_tasks() -> None:
    account = Account({1: ""}, [ecs_deployment(1, desiredCount=0, runningCount=0)], settings={"desiredCount": 0})
    assert deploying(account)[-2] == (
        "update spryte-backend-service from spryte-backend:1 (nothing); first deploy, 1 task"
    )


@pytest.mark.parametrize(
    ("state", "options", "line"),
    [
        ("COMPLETED", DEPLOY, "update nothing: spryte-backend:4 runs already"),
        ("IN_PROGRESS", DEPLOY, "update nothing: follow the deployment of spryte-backend:4 that is in progress"),
        ("FAILED", DEPLOY, "start a new deployment of spryte-backend:4: its last one failed"),
        ("COMPLETED", FORCE, "start a new deployment of spryte-backend:4: as --force asks"),
    ],
)
def test_what_runs_already_is_updated_only_where_a_deploy_would(
    state: str, options: DeployOptions, line: str
) -> None:
    assert deploying(same(state), options)[-2] == line


def test_a_forced_deploy_is_said_to_replace_the_one_in_progress() -> None:
    assert deploying(older("IN_PROGRESS"), FORCE)[-2].endswith("(0.1.4); its deployment in progress is replaced")


def test_a_migration_is_told_between_the_revision_and_the_update_without_its_secrets() -> None:
    lines = deploying(older(), MIGRATE)
    assert lines[-3] == "run 'migrate --token=***' in that revision"
    assert lines[-2].startswith("update ")


def test_a_migration_of_the_revision_that_runs_is_run_again_only_when_forced() -> None:
    lines = deploying(same(), MIGRATE)
    assert lines[-3] == "not run 'migrate --token=***' again: spryte-backend:4 runs already"
    assert deploying(same(), replace(MIGRATE, force=True))[-3] == "run 'migrate --token=***' in that revision"


def test_each_line_names_its_service(clients: StubbedClients) -> None:
    other = replace(SOURCE, service=replace(SOURCE.service, name="frontend", folder="frontend"))
    lines = dry_run.tell((SOURCE, other), clients, dry_run.BUILD).lines
    assert [line.split(" would ")[0].strip() for line in lines] == ["backend", "frontend"]
