"""The tag whose push makes GitHub deploy: checked first, then created and pushed, all or none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.errors import NotReadyError
from tasks.git import Git, GitError
from tasks.release.git_tag import TagUsedError, make, plan
from tests.support.repository import RELEASE, identify, run_git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repository import Repository


def refused(repository: Repository, version: str = "0.1.5") -> NotReadyError:
    """Plan the backend's tag and return what is said against it; nothing may have been made."""
    before = repository.run("tag", "--list"), repository.remote_tags()
    with pytest.raises(NotReadyError) as caught:
        plan((repository.backend,), version, repository.git, RELEASE)
    assert (repository.run("tag", "--list"), repository.remote_tags()) == before
    assert caught.value.exit_code == 3
    return caught.value


def test_an_annotated_tag_is_made_and_pushed(repository: Repository) -> None:
    tags = plan((repository.backend,), "0.1.5", repository.git, RELEASE)
    assert repository.run("tag", "--list") == ""
    make(tags, repository.git, RELEASE)
    kind, subject = run_git(
        repository.remote, "for-each-ref", "--format=%(objecttype)|%(contents:subject)", "refs/tags/backend-v0.1.5"
    ).split("|")
    assert (kind, subject) == ("tag", "Backend deploy 0.1.5")
    assert run_git(repository.remote, "rev-parse", "backend-v0.1.5^{commit}") == repository.git.commit()


def test_both_services_get_a_tag_each(repository: Repository) -> None:
    tags = plan((repository.backend, repository.frontend), "0.1.5", repository.git, RELEASE)
    make(tags, repository.git, RELEASE)
    assert repository.remote_tags() == "backend-v0.1.5\nfrontend-v0.1.5"
    assert [tag.message for tag in tags] == ["Backend deploy 0.1.5", "Frontend deploy 0.1.5"]


@pytest.mark.parametrize("follow", ["false", "true"])
def test_no_other_tag_is_pushed(repository: Repository, follow: str) -> None:
    repository.run("config", "push.followTags", follow)
    repository.run("tag", "--annotate", "frontend-v9.9.9", "--message", "not to be deployed yet")
    repository.run("tag", "a-note")
    make(plan((repository.backend,), "0.1.5", repository.git, RELEASE), repository.git, RELEASE)
    assert repository.remote_tags() == "backend-v0.1.5"


def test_nothing_is_pushed_to_the_branch(repository: Repository) -> None:
    before = run_git(repository.remote, "rev-parse", "main")
    make(plan((repository.backend,), "0.1.5", repository.git, RELEASE), repository.git, RELEASE)
    assert run_git(repository.remote, "rev-parse", "main") == before


def test_the_commits_since_the_services_last_tag_are_listed(repository: Repository) -> None:
    for version in ("0.1.9", "0.1.10"):
        repository.commit(f"Before {version}")
        repository.run("tag", "--annotate", f"backend-v{version}", "--message", "x")
    repository.run("tag", "--annotate", "frontend-v0.2.0", "--message", "x")
    repository.commit("Say hello")
    repository.commit("Say goodbye")
    repository.run("push", "--quiet")
    (tag,) = plan((repository.backend,), "0.1.11", repository.git, RELEASE)
    assert tag.since == "backend-v0.1.10"
    assert [line.split(" ", 1)[1] for line in tag.commits] == ["Say goodbye", "Say hello"]


def test_before_the_first_tag_all_commits_are_listed(repository: Repository) -> None:
    (tag,) = plan((repository.backend,), "0.1.5", repository.git, RELEASE)
    assert tag.since == ""
    assert [line.split(" ", 1)[1] for line in tag.commits] == ["Start"]


def test_an_older_pushed_commit_may_be_tagged(repository: Repository) -> None:
    repository.commit("Second")
    repository.run("push", "--quiet")
    repository.run("reset", "--quiet", "--hard", "HEAD~1")
    assert len(plan((repository.backend,), "0.1.5", repository.git, RELEASE)) == 1


def test_a_commit_behind_what_others_pushed_is_not_called_unpushed(repository: Repository, tmp_path: Path) -> None:
    run_git(tmp_path, "clone", "--quiet", str(repository.remote), "colleague")
    identify(tmp_path / "colleague")
    run_git(tmp_path / "colleague", "commit", "--quiet", "--allow-empty", "--message", "Meanwhile")
    run_git(tmp_path / "colleague", "push", "--quiet")
    error = refused(repository)
    assert str(error) == "origin/main has commits that this clone does not know."
    assert error.fix == "Fetch them, then run the command again: git fetch origin main"
    repository.run("fetch", "--quiet", "origin", "main")
    assert len(plan((repository.backend,), "0.1.5", repository.git, RELEASE)) == 1


def test_a_tag_that_exists_here_is_never_reused(repository: Repository) -> None:
    repository.run("tag", "backend-v0.1.5")
    error = refused(repository)
    assert isinstance(error, TagUsedError)
    assert str(error) == "The tag backend-v0.1.5 exists already, in this clone."
    assert "choose the next version" in error.fix


def test_a_tag_that_exists_on_the_remote_is_never_reused(repository: Repository) -> None:
    repository.run("tag", "backend-v0.1.5")
    repository.run("push", "--quiet", "origin", "backend-v0.1.5")
    repository.run("tag", "--delete", "backend-v0.1.5")
    assert str(refused(repository)) == "The tag backend-v0.1.5 exists already, on origin."


def test_another_services_tag_of_that_version_is_no_obstacle(repository: Repository) -> None:
    repository.run("tag", "frontend-v0.1.5")
    assert len(plan((repository.backend,), "0.1.5", repository.git, RELEASE)) == 1


def test_of_two_services_none_is_tagged_when_one_cannot_be(repository: Repository) -> None:
    repository.run("tag", "frontend-v0.1.5")
    with pytest.raises(TagUsedError, match=r"frontend-v0\.1\.5"):
        plan((repository.backend, repository.frontend), "0.1.5", repository.git, RELEASE)
    assert repository.run("tag", "--list") == "frontend-v0.1.5"


def test_a_dirty_tree_is_refused_with_its_files(repository: Repository) -> None:
    repository.write("backend/new.py", "new\n")
    error = refused(repository)
    assert str(error) == "The working tree has 1 uncommitted change."
    assert error.evidence == ("?? backend/new.py",)


def test_an_unpushed_commit_is_refused(repository: Repository) -> None:
    commit = repository.commit("Second")
    error = refused(repository)
    assert str(error) == f"The commit {commit[:12]} is not on origin/main."
    assert error.fix == "Push it first: git push origin main"


def test_another_branch_is_refused(repository: Repository) -> None:
    repository.run("switch", "--quiet", "--create", "feature")
    error = refused(repository)
    assert str(error) == "This is the branch 'feature'; releases are tagged on 'main'."
    assert "git switch main" in error.fix


def test_a_detached_head_is_refused(repository: Repository) -> None:
    repository.run("switch", "--quiet", "--detach")
    assert str(refused(repository)) == "HEAD is detached: it is on no branch."


def test_a_shallow_clone_is_refused(repository: Repository, tmp_path: Path) -> None:
    repository.commit("Second")
    repository.run("push", "--quiet")
    run_git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repository.remote}", "shallow")
    with pytest.raises(GitError, match="shallow clone"):
        plan((repository.backend,), "0.1.5", Git(tmp_path / "shallow"), RELEASE)


def test_a_remote_that_cannot_be_reached_is_told(repository: Repository) -> None:
    repository.run("remote", "set-url", "origin", str(repository.remote.parent / "nowhere.git"))
    assert "git ls-remote origin failed" in str(refused(repository))


def test_a_remote_that_does_not_exist_is_told(repository: Repository) -> None:
    with pytest.raises(GitError, match="git ls-remote upstream failed"):
        plan((repository.backend,), "0.1.5", repository.git, replace(RELEASE, remote="upstream"))


@pytest.mark.parametrize("refusing", ["backend-v0.1.5", "frontend-v0.1.5"])
def test_a_push_that_the_remote_refuses_leaves_no_tag_behind(repository: Repository, refusing: str) -> None:
    hook = repository.remote / "hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\ncase $1 in */{refusing}) echo "protected tag" >&2; exit 1;; esac\n')
    hook.chmod(0o755)
    tags = plan((repository.backend, repository.frontend), "0.1.5", repository.git, RELEASE)
    with pytest.raises(GitError, match="protected tag"):
        make(tags, repository.git, RELEASE)
    assert repository.run("tag", "--list") == ""
    assert repository.remote_tags() == ""


def test_a_tag_that_appeared_since_the_check_is_not_deleted(repository: Repository) -> None:
    tags = plan((repository.backend, repository.frontend), "0.1.5", repository.git, RELEASE)
    repository.run("tag", "frontend-v0.1.5")
    with pytest.raises(GitError, match="already exists"):
        make(tags, repository.git, RELEASE)
    assert repository.run("tag", "--list") == "frontend-v0.1.5"


def test_only_the_newest_commits_are_shown_and_the_rest_is_counted(repository: Repository) -> None:
    for number in range(22):
        repository.commit(f"Change {number}")
    repository.run("push", "--quiet")
    (tag,) = plan((repository.backend,), "0.1.5", repository.git, RELEASE)
    assert tag.lines[0] == "backend-v0.1.5: 23 commits since the beginning"
    assert len(tag.lines) == 22
    assert tag.lines[-1] == "  and 3 more"


def test_a_tag_of_a_service_with_a_longer_name_is_not_this_services_last_one(repository: Repository) -> None:
    repository.run("tag", "--annotate", "backend-v2-v0.9.0", "--message", "x")
    (tag,) = plan((repository.backend,), "0.1.5", repository.git, RELEASE)
    assert tag.since == ""
