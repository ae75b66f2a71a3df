"""What is about to be released, and what production must not run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.errors import NotReadyError, UsageError
from tasks.git import Git, GitError
from tasks.release.source import inspect, require_released_commit
from tests.support.repository import RELEASE, run_git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repository import Repository


def test_a_clean_checkout_is_released_as_its_commit(repository: Repository) -> None:
    source = inspect(repository.backend, "0.1.5")
    assert source.commit == source.tag == repository.run("rev-parse", "HEAD")
    assert source.tree == repository.run("rev-parse", "HEAD:backend")
    assert (source.version, source.dirty) == ("0.1.5", False)


def test_a_changed_folder_is_marked_with_its_content(repository: Repository) -> None:
    repository.write("backend/new.py", "new\n")
    source = inspect(repository.backend, "0.1.5")
    assert source.dirty
    assert source.tag == f"{source.commit}-dirty-{source.tree[:12]}"


def test_a_file_nobody_added_marks_it_even_where_git_status_hides_those(repository: Repository) -> None:
    repository.run("config", "status.showUntrackedFiles", "no")
    repository.write("backend/new.py", "new\n")
    assert inspect(repository.backend, "0.1.5").dirty


def test_a_change_elsewhere_does_not_mark_it(repository: Repository) -> None:
    repository.write("frontend/new.js", "new\n")
    assert not inspect(repository.backend, "0.1.5").dirty


def test_a_missing_folder_is_told_with_its_key(repository: Repository) -> None:
    with pytest.raises(UsageError) as caught:
        inspect(replace(repository.backend, folder="backned"), "0.1.5")
    assert str(caught.value) == "The folder backned/ of service 'backend' does not exist."
    assert "services.backend.folder in invoke.yaml" in caught.value.fix
    assert caught.value.exit_code == 2


def test_a_missing_dockerfile_is_told(repository: Repository) -> None:
    (repository.root / "backend/Dockerfile").unlink()
    with pytest.raises(UsageError, match=r"^backend/ has no Dockerfile\.$") as caught:
        inspect(repository.backend, "0.1.5")
    assert "Add backend/Dockerfile" in caught.value.fix


def test_a_pushed_and_clean_commit_may_be_released(repository: Repository) -> None:
    require_released_commit(repository.git, RELEASE)


def test_so_may_an_older_pushed_commit_and_a_detached_one_as_in_a_workflow(repository: Repository) -> None:
    first = repository.run("rev-parse", "HEAD")
    repository.commit("Second")
    repository.run("push", "--quiet")
    repository.run("checkout", "--quiet", "--detach", first)
    require_released_commit(repository.git, RELEASE)


def test_a_dirty_tree_is_refused_with_its_files(repository: Repository) -> None:
    repository.write("backend/Dockerfile", "FROM other\n")
    repository.write("notes.txt", "new\n")
    with pytest.raises(NotReadyError) as caught:
        require_released_commit(repository.git, RELEASE)
    assert str(caught.value) == "The working tree has 2 uncommitted changes."
    assert caught.value.evidence == (" M backend/Dockerfile", "?? notes.txt")
    assert caught.value.fix.startswith("Commit or stash them")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(("count", "last"), [(1, "?? file-1"), (8, "?? file-8"), (9, "and 1 more")])
def test_of_many_changes_the_first_are_listed(repository: Repository, count: int, last: str) -> None:
    for number in range(1, count + 1):
        repository.write(f"file-{number}", "new\n")
    with pytest.raises(NotReadyError) as caught:
        require_released_commit(repository.git, RELEASE)
    assert caught.value.evidence[-1] == last
    assert str(caught.value).endswith(f"{count} uncommitted change{'s' * (count > 1)}.")


def test_an_unpushed_commit_is_refused_with_how_to_push_it(repository: Repository) -> None:
    commit = repository.commit("Second")
    with pytest.raises(NotReadyError) as caught:
        require_released_commit(repository.git, RELEASE)
    assert str(caught.value) == f"The commit {commit[:12]} is not on origin/main."
    assert caught.value.fix == "Push it first: git push origin main"


def test_a_commit_that_is_only_on_another_branch_is_refused(repository: Repository) -> None:
    repository.run("switch", "--quiet", "--create", "feature")
    repository.commit("On the side")
    repository.run("push", "--quiet", "--set-upstream", "origin", "feature")
    with pytest.raises(NotReadyError, match=r"is not on origin/main\.$"):
        require_released_commit(repository.git, RELEASE)


def test_a_shallow_clone_is_refused_with_how_to_deepen_it(repository: Repository, tmp_path: Path) -> None:
    repository.commit("Second")
    repository.run("push", "--quiet")
    run_git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repository.remote}", "shallow")
    with pytest.raises(GitError, match="shallow clone") as caught:
        require_released_commit(Git(tmp_path / "shallow"), RELEASE)
    assert "git fetch --unshallow" in caught.value.fix


def test_a_release_branch_that_was_never_fetched_is_told(repository: Repository) -> None:
    with pytest.raises(GitError) as caught:
        require_released_commit(repository.git, replace(RELEASE, branch="production"))
    assert str(caught.value) == "The branch origin/production is not known here."
    assert caught.value.fix == "git fetch origin production"
