"""Who is not given the deploy role, and which tags deploy nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.documents import as_list, as_object
from tasks.rehearsal.places import TagNameError
from tasks.rehearsal.rehearse import STRANGER
from tasks.rehearsal.wanted import Wanted
from tasks.rehearsal.workflow import NothingStartsError
from tasks.setup import policies
from tests.support.rehearsal import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.deployed import Deployed

CREDENTIALS = "Get credentials of the deploy role (OIDC)"
VERSION = "Read the version from the tag"
PUSH = "Push the image to ECR"
BUILD = "Build the image"
DEPLOY = ".github/workflows/deploy.yml"
NOT_AUTHORIZED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
PLAIN = "repo:siruscoder/spryte:ref:refs/tags"
IMMUTABLE = "repo:siruscoder@1001/spryte@2002:ref:refs/tags"


@pytest.fixture
def stage(deployed: Deployed) -> Stage:
    return Stage(deployed)


@pytest.fixture
def main(stage: Stage) -> Iterator[None]:
    """Let a test push to `main`, and take it back."""
    git = stage.deployed.project.git
    before = git("rev-parse", "HEAD")
    yield
    git("reset", "--quiet", "--hard", before)
    git("push", "--quiet", "--force", "origin", "HEAD:main")


def test_a_branch_is_refused_by_its_subject(stage: Stage) -> None:
    result = stage.deployed.project.run("rehearse", "--from-branch=main", "--json")

    assert result.code == 3
    assert (result.document["ok"], result.document["exit_code"], result.document["tag"]) == (False, 3, None)
    (job,) = [as_object(each) for each in as_list(result.document["jobs"])]
    assert [as_object(each)["name"] for each in as_list(job["steps"])] == [CREDENTIALS]
    assert NOT_AUTHORIZED in result.err
    assert "sub: sent    'repo:siruscoder/spryte:ref:refs/heads/main'" in result.err
    assert f"     allowed '{PLAIN}/backend-v*'" in result.err
    assert f"     allowed '{IMMUTABLE}/frontend-v*'" in result.err
    assert "aud: sent" not in result.err


def test_a_fork_is_refused_by_its_subject(stage: Stage) -> None:
    tag = stage.tag()

    result = stage.deployed.project.run("rehearse", f"--tag={tag}", "--fork")

    assert result.code == 3
    assert f"sub: sent    'repo:{STRANGER}/spryte:ref:refs/tags/{tag}'" in result.err
    assert f"{tag} of {STRANGER}/spryte is refused, as it should be: " in result.out


@pytest.mark.parametrize(
    "sender",
    [
        policies.Repository("siruscoder", "another"),
        policies.Repository("siruscoder-2", "spryte"),
        policies.Repository("SirusCoder", "spryte"),
    ],
)
def test_another_repository_is_refused(stage: Stage, sender: policies.Repository) -> None:
    rehearsal = stage.prepare(Wanted(stage.tag()))

    rehearsed = stage.perform(replace(rehearsal, event=replace(rehearsal.event, repository=sender)))

    assert (rehearsed.failure.name, rehearsed.failure.code) == (CREDENTIALS, 3)
    assert f"sub: sent    'repo:{sender.full_name}:ref:refs/tags/" in rehearsed.text
    assert f"on the role {policies.ROLE}." in rehearsed.failure.errors[-1]
    assert rehearsed.explains(f"repo:{sender.full_name}:ref:refs/tags/", policies.AUDIENCE)


def test_a_later_owner_of_the_same_names_is_refused(stage: Stage) -> None:
    """GitHub sends the immutable form alone for such a repository; the plain one would still be let in."""
    rehearsal = stage.prepare(Wanted(stage.tag()))
    event = replace(rehearsal.event, repository=replace(rehearsal.event.repository, owner_id="1002"))

    rehearsed = stage.perform(replace(rehearsal, event=event))

    assert rehearsed.failure.name == CREDENTIALS
    assert "sub: sent    'repo:siruscoder@1002/spryte@2002:ref:refs/tags/" in rehearsed.text


def test_an_environment_that_is_not_listed_is_refused(stage: Stage) -> None:
    result = stage.deployed.project.run("rehearse", f"--tag={stage.tag()}", "--environment=staging")

    assert result.code == 3
    assert "in the Environment 'staging' is refused, as it should be: Deploy Backend" in result.out
    assert f"step '{CREDENTIALS}'" in result.out
    assert "sub: sent    'repo:siruscoder/spryte:environment:staging'" in result.err
    assert "set DEPLOY_ENVIRONMENT=staging in .env" in result.err
    assert "aws/iam/trust-policy-environment.json" in result.err


def test_the_environment_that_is_listed_is_let_in_and_a_tag_beside_it_is_not(stage: Stage) -> None:
    tag = stage.tag()

    listed = stage.prepare(Wanted(tag), DEPLOY_ENVIRONMENT="production")
    with_it = stage.perform(replace(listed, world=replace(listed.world, credentials_only=True)))
    variables = {**listed.world.variables, "DEPLOY_ENVIRONMENT": ""}
    without = stage.perform(replace(listed, world=replace(listed.world, variables=variables)))

    assert with_it.steps == {CREDENTIALS: "ok"}
    assert "both forms are let in" in with_it.text
    assert without.failure.name == CREDENTIALS
    assert "     allowed 'repo:siruscoder/spryte:environment:production'" in without.text


@pytest.mark.parametrize("tag", ["backend-v1.2", "backendv1.2.3", "backend-v`id`", "v1.2.3", "-d"])
def test_a_tag_that_no_filter_means_starts_nothing(stage: Stage, tag: str) -> None:
    with pytest.raises(NothingStartsError) as caught:
        stage.prepare(Wanted(tag))

    assert str(caught.value) == f"GitHub would run nothing: no workflow is started by the tag '{tag}'."
    assert ".github/workflows/deploy-backend.yml: backend-v*.*.*" in caught.value.evidence
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("tag", ["backend-v1.2.3;curl x|sh", "", "backend-v1..2"])
def test_a_tag_that_git_would_not_take_is_refused(stage: Stage, tag: str) -> None:
    with pytest.raises(TagNameError) as caught:
        stage.prepare(Wanted(tag))

    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "tag", ["backend-v1.2.3-rc1", "backend-v1.2.3;curl|sh", "backend-v1.2.`id`", "backend-v01.2.3"]
)
def test_a_tag_that_is_no_version_fails_where_the_version_is_read(stage: Stage, tag: str) -> None:
    rehearsed = stage.play(tag)

    assert (rehearsed.failure.name, rehearsed.failure.code) == (VERSION, 1)
    assert len(rehearsed.failure.errors) == 1
    assert rehearsed.failure.errors[0].startswith(f"'{tag}' is not backend-vX.Y.Z")
    assert rehearsed.failure.summary.startswith(f"### Not a release tag\n\n    '{tag}' is not backend-vX.Y.Z")


def test_a_frontend_s_tag_on_the_backend_s_workflow_fails_where_the_version_is_read(stage: Stage) -> None:
    name = ".github/workflows/deploy-backend.yml"
    tag = stage.tag("frontend")
    stage.tag_with(name, lambda text: text.replace("- backend-v*", "- frontend-v*"), tag)

    rehearsed = stage.play(tag)

    assert [run.workflow for run in rehearsed.runs] == ["Deploy Backend", "Deploy Frontend"]
    assert rehearsed.failure.name == VERSION
    assert rehearsed.failure.errors[0].startswith(f"'{tag}' is not backend-vX.Y.Z")


@pytest.mark.usefixtures("main")
@pytest.mark.parametrize("changed", ["backend/spryte/moved.py", "beside-the-service.py"])
def test_a_tag_that_was_moved_after_it_was_deployed_is_refused(stage: Stage, changed: str) -> None:
    """Also where the service is the very same at both commits, so that both make one image."""
    project, tag = stage.deployed.project, stage.tag()
    was = project.git("rev-parse", "HEAD")
    assert stage.play(tag).runs[0].failure is None
    before = stage.deployed.state()
    (project.root / changed).write_text('"""Another content."""\n')
    project.git("add", "--all")
    stage.new_commit()
    project.git("tag", tag)
    now = project.git("rev-parse", "HEAD")

    rehearsed = stage.play(tag)

    assert (rehearsed.failure.name, rehearsed.failure.code) == (PUSH, 5)
    assert f"was released from commit {was[:12]}; this is commit {now[:12]}." in rehearsed.failure.errors[-1]
    assert stage.deployed.state() == before


def test_a_version_that_is_in_ecr_under_another_digest_is_refused(stage: Stage) -> None:
    ecr, tag = stage.deployed.clients.ecr, stage.tag()
    image = ecr.batch_get_image(repositoryName="spryte-backend", imageIds=[{"imageTag": "0.1.5"}])["images"][0]
    ecr.put_image(
        repositoryName="spryte-backend",
        imageManifest=image["imageManifest"] + "\n",
        imageManifestMediaType=image["imageManifestMediaType"],
        imageTag=tag.removeprefix("backend-v"),
    )

    rehearsed = stage.play(tag)

    assert (rehearsed.failure.name, rehearsed.failure.code) == (PUSH, 5)
    assert "is already in ECR as another image" in rehearsed.failure.errors[-1]


def test_a_tag_that_is_not_on_main_is_refused(stage: Stage) -> None:
    tag = stage.tag_with("README.md", lambda text: f"{text}\nOnly here.\n")

    rehearsed = stage.play(tag)

    # A build changes nothing for anybody, but it is the first step that knows the commit.
    assert (rehearsed.failure.name, rehearsed.failure.code) == (BUILD, 3)
    assert "is not on origin/main" in rehearsed.failure.errors[-1]


def test_a_checkout_without_history_cannot_tell_and_is_refused(stage: Stage) -> None:
    tag = stage.tag_with(DEPLOY, lambda text: text.replace("fetch-depth: 0", "fetch-depth: 1"))

    assert "This is a shallow clone" in stage.play(tag).failure.errors[-1]
