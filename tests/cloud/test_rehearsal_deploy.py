"""A rehearsed tag ends green under the deploy role, and what it needs is what the policy allows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.documents import as_list, as_object
from tasks.rehearsal import permissions
from tasks.rehearsal.wanted import Wanted
from tasks.setup.statements import texts
from tests.support.project import HERE
from tests.support.rehearsal import EXPLAIN, Stage, go_between

if TYPE_CHECKING:
    from tests.support.deployed import Deployed

POLICY = "aws/iam/deploy-policy.json"


def actions(policy: str) -> list[str]:
    """Return the actions that a policy of ours allows."""
    statements = json.loads((HERE / policy).read_text())["Statement"]
    return sorted(action for each in statements for action in texts(each["Action"]))


ACTIONS = actions(POLICY)
EXPLAINING = set(actions("aws/iam/diagnose-policy.json"))
PUSH = "Push the image to ECR"
REGISTER = "Register the task definition"
DEPLOY = "Deploy to ECS service (wait-for-service-stability)"
STEPS = [
    "Check out the tag",
    "Read the version from the tag",
    "Check the configuration",
    "Set up Python with its package cache",
    "Get credentials of the deploy role (OIDC)",
    EXPLAIN,
    "Build the image",
    PUSH,
    REGISTER,
    DEPLOY,
    "Verify what answers",
]
STEP_OF = {
    "ecs:DescribeTaskDefinition": REGISTER,
    "ecs:RegisterTaskDefinition": REGISTER,
    "iam:PassRole": REGISTER,
    "ecs:DescribeServices": REGISTER,
    "ecs:UpdateService": DEPLOY,
}


@pytest.fixture
def stage(deployed: Deployed) -> Stage:
    return Stage(deployed)


def without(action: str) -> str:
    """Return the deploy policy without one of its actions."""
    document = json.loads((HERE / POLICY).read_text())
    kept = []
    for each in map(as_object, as_list(document["Statement"])):
        left = [name for name in texts(each["Action"]) if name != action]
        kept += [{**each, "Action": left}] if left else []
    return json.dumps({**document, "Statement": kept})


@pytest.mark.parametrize("service", ["backend", "frontend"])
def test_a_tag_of_each_service_ends_green_under_the_deploy_role(deployed: Deployed, service: str) -> None:
    version = deployed.next_version()
    tag = f"{service}-v{version}"

    result = deployed.project.run("rehearse", f"--tag={tag}", "--json")

    assert result.code == 0, result.err
    (job,) = [as_object(each) for each in as_list(result.document["jobs"])]
    steps = [as_object(each) for each in as_list(job["steps"])]
    assert [(each["name"], each["state"]) for each in steps] == [
        (name, "skipped" if name == EXPLAIN else "ok") for name in STEPS
    ]
    assert f"### deploy\n\n| | |\n|---|---|\n| service | **{service}** |\n| version | `{version}` |" in str(
        steps[STEPS.index(DEPLOY)]["summary"]
    )
    assert "environment.APP_VERSION: 0.1." in str(steps[STEPS.index(REGISTER)]["summary"])
    assert "both forms are let in: the role is assumed" in result.err
    deployed.project.succeed("verify", f"--service={service}", f"--version={version}")


def test_a_tag_that_does_not_exist_yet_is_not_made_by_rehearsing_it(stage: Stage) -> None:
    tag = stage.tag()

    stage.prepare(Wanted(tag))

    assert stage.deployed.project.git("tag", "--list", tag) == ""


def test_the_same_tag_again_is_a_success_that_changes_nothing(stage: Stage) -> None:
    tag = stage.tag()
    assert stage.play(tag).runs[0].failure is None
    before = stage.deployed.state()

    again = stage.play(tag)

    assert [name for name, state in again.steps.items() if state != "ok"] == [EXPLAIN]
    assert stage.deployed.state() == before


def test_a_tag_that_is_run_again_after_a_newer_one_is_refused_before_anything_changes(stage: Stage) -> None:
    older, newer = stage.tag(), stage.tag()
    for tag in (older, newer):
        assert stage.play(tag).runs[0].failure is None
    before = stage.deployed.state()

    again = stage.play(older)

    runs, wanted = (tag.removeprefix("backend-v") for tag in (newer, older))
    assert (again.failure.name, again.failure.code) == (REGISTER, 3)
    assert f"runs version {runs}, which is newer than {wanted}" in again.failure.errors[-1]
    assert f"./inv rollback --service=backend --to={wanted}" in again.text
    assert stage.deployed.state() == before


@pytest.mark.parametrize("action", ACTIONS)
def test_without_any_one_action_the_step_that_needs_it_fails_and_names_it(stage: Stage, action: str) -> None:
    tag = stage.new_commit()

    with stage.deployed.project.changed(POLICY, without(action)):
        rehearsed = stage.play(tag)

    assert (rehearsed.failure.name, rehearsed.failure.code) == (STEP_OF.get(action, PUSH), 3), rehearsed.text
    assert f"the permission {action} is missing" in rehearsed.failure.errors[-1]


def test_the_policy_allows_what_a_deploy_does_and_nothing_else(stage: Stage) -> None:
    project = stage.deployed.project
    before, upstream = project.git("rev-parse", "HEAD"), int(project.environment["LOCAL_PORT"])
    (project.root / "backend/spryte/another.py").write_text('"""Another layer to upload."""\n')
    project.git("add", "--all")
    tag = stage.new_commit()
    rehearsal = stage.prepare(Wanted(tag))
    try:
        with go_between(upstream) as between:
            target = replace(
                rehearsal.world.target,
                endpoint_url=f"http://127.0.0.1:{between.port}",
                registry=f"localhost:{between.port}",
            )
            rehearsed = stage.perform(replace(rehearsal, world=replace(rehearsal.world, target=target)))
    finally:
        project.git("reset", "--quiet", "--hard", before)
        project.git("push", "--quiet", "--force", "origin", "HEAD:main")
        project.succeed("deploy", "--service=backend", f"--version={stage.deployed.next_version()}")

    assert rehearsed.runs[0].failure is None, rehearsed.text
    # The roles are passed within RegisterTaskDefinition, which is no request of its own.
    # What the read-only policy adds is asked once, and a deploy goes on without it.
    assert (between.asked - EXPLAINING) | {permissions.PASSING, *permissions.READING} == set(ACTIONS)
    assert between.asked.isdisjoint(permissions.READING)
