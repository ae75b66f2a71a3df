"""What may be thrown away: nothing that runs, and nothing that a rollback needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tasks.command import Options, Work
from tasks.errors import UsageError
from tasks.operate import prune
from tasks.sdk_errors import AccessDeniedError
from tasks.settings import load
from tests.support.account import Account, AccountClients, verified
from tests.support.fakes import Recorder
from tests.support.models import BACKEND, BEGAN, DIGEST, OTHER_DIGEST, arn, ecs_deployment

if TYPE_CHECKING:
    from pathlib import Path


PRODUCTION = {"AWS_ACCOUNT_ID": "727646509464", "AWS_REGION": "us-east-2", "APP_URL": "https://spryte.example.com"}


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
    made.tasks = [
        {"taskArn": "arn:aws:ecs:us-east-2:727646509464:task/spryte-cluster/0123", "taskDefinitionArn": arn(1)}
    ]
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
