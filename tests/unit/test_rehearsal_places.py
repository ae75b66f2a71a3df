"""What stands for GitHub's repository in a rehearsal, and the runner's checkout of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.errors import NotReadyError
from tasks.git import Git, GitError
from tasks.rehearsal import places, uses
from tasks.rehearsal.places import TagNameError
from tasks.release.source import require_released_commit
from tasks.settings import load
from tests.support.project import HERE
from tests.support.repository import RELEASE

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.settings import Settings
    from tests.support.repository import Repository

TAG = "backend-v0.1.5"
REF = f"refs/tags/{TAG}"


@pytest.fixture
def settings(repository: Repository) -> Settings:
    repository.write(".gitignore", ".local/\n")
    repository.write(".github/workflows/deploy.yml", "name: Deploy\n")
    repository.commit("Ignore")
    repository.run("push", "--quiet")
    return replace(load(HERE, {}), root=repository.root)


def check_out(settings: Settings, depth: int = 0) -> Path:
    found, _ = places.prepare(settings, TAG)
    return places.check_out(found, REF, "spryte", depth)


def test_a_tag_that_does_not_exist_yet_is_made_on_head_and_not_in_the_checkout(
    settings: Settings, repository: Repository
) -> None:
    found, commit = places.prepare(settings, TAG)

    assert commit == repository.run("rev-parse", "HEAD")
    assert Git(found.github).run("rev-parse", REF) == commit
    assert repository.run("tag", "--list") == ""
    assert repository.remote_tags() == ""
    assert (found.files / ".github/workflows/deploy.yml").read_text().strip() == "name: Deploy"


def test_a_tag_that_this_checkout_does_not_know_is_told_with_the_commit_that_is_played(
    settings: Settings, repository: Repository
) -> None:
    head = repository.run("rev-parse", "HEAD")

    assert places.unknown_tag(settings, TAG) == (
        f"no tag {TAG} in this checkout: HEAD ({head[:12]}) is played under its name; "
        "if it was pushed from elsewhere, get it with `git fetch --tags` and rehearse it again"
    )
    repository.run("tag", TAG)
    assert places.unknown_tag(settings, TAG) == ""
    assert places.unknown_tag(settings, "") == ""


def test_a_tag_that_exists_is_rehearsed_where_it_is(settings: Settings, repository: Repository) -> None:
    tagged = repository.run("rev-parse", "HEAD")
    repository.run("tag", "--annotate", TAG, "--message", "Backend deploy 0.1.5")
    repository.commit("Later")

    assert places.prepare(settings, TAG)[1] == tagged


def test_a_pushed_commit_is_checked_out_so_that_it_may_be_released(settings: Settings) -> None:
    workspace = check_out(settings)

    require_released_commit(Git(workspace), RELEASE)
    assert workspace.parts[-2:] == ("spryte", "spryte")
    assert (workspace / "backend/Dockerfile").is_file()


def test_what_is_not_committed_is_not_in_it(settings: Settings, repository: Repository) -> None:
    repository.write("backend/new.py", "new\n")

    assert not (check_out(settings) / "backend/new.py").exists()


def test_a_commit_that_was_not_pushed_is_not_on_main(settings: Settings, repository: Repository) -> None:
    repository.commit("Not pushed")

    with pytest.raises(NotReadyError, match="is not on origin/main"):
        require_released_commit(Git(check_out(settings)), RELEASE)


def test_in_a_repository_without_a_remote_the_branch_itself_counts(
    settings: Settings, repository: Repository
) -> None:
    repository.run("remote", "remove", "origin")
    repository.commit("Only here")

    require_released_commit(Git(check_out(settings)), RELEASE)


def test_without_all_of_the_history_the_checkout_is_shallow(settings: Settings, repository: Repository) -> None:
    repository.commit("Second")
    repository.run("push", "--quiet")

    workspace = check_out(settings, depth=1)

    assert Git(workspace).run("rev-list", "--count", "HEAD") == "1"
    with pytest.raises(GitError, match="shallow clone"):
        require_released_commit(Git(workspace), RELEASE)


@pytest.mark.parametrize(("text", "depth"), [("1", 1), ("2.9", 2), ("0", 0), ("-3", 0), ("all", 0), ("1e999", 0)])
def test_a_depth_is_read_as_the_action_reads_it(text: str, depth: int) -> None:
    """Whatever is no number of commits fetches all of them."""
    assert uses.depth(text) == depth


@pytest.mark.parametrize("tag", ["", "a tag", "a..b", "a~1", "backend-v1.2.3;curl x|sh", "a.lock"])
def test_what_git_takes_for_no_tag_is_refused(settings: Settings, tag: str) -> None:
    with pytest.raises(TagNameError):
        places.prepare(settings, tag)
