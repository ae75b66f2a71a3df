"""What git knows about a checkout, from real repositories."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tasks.git import Git, GitError
from tests.support.repository import identify, make_repository, run_git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.repository import Repository


def test_a_folder_outside_any_repository_is_told(tmp_path: Path) -> None:
    with pytest.raises(GitError) as caught:
        Git(tmp_path).commit()
    assert str(caught.value) == f"{tmp_path} is not in a git repository."
    assert "Clone the project" in caught.value.fix
    assert caught.value.exit_code == 3


def test_a_repository_without_a_commit_is_told(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "--quiet")
    with pytest.raises(GitError, match=r"has no commit yet\.$"):
        Git(tmp_path).commit()


def test_git_that_is_not_installed_is_told(repository: Repository) -> None:
    with pytest.raises(GitError, match=r"^git is not installed\.$") as caught:
        repository.git.run("status", PATH="/nonexistent")
    assert "Install git" in caught.value.fix


def test_what_git_refuses_is_told_in_its_words(repository: Repository) -> None:
    with pytest.raises(GitError) as caught:
        repository.git.run("checkout", "nowhere")
    assert str(caught.value).startswith(f"git checkout nowhere failed in {repository.root}: error: pathspec")


def test_the_commit_is_the_full_hash_of_head(repository: Repository) -> None:
    assert repository.git.commit() == repository.run("rev-parse", "HEAD")
    assert len(repository.git.commit()) == 40


def test_the_branch_is_named_and_a_detached_head_has_none(repository: Repository) -> None:
    assert repository.git.branch() == "main"
    repository.run("switch", "--quiet", "--detach")
    assert repository.git.branch() == ""


def test_a_shallow_clone_is_known_as_one(repository: Repository, tmp_path: Path) -> None:
    repository.commit("Second")
    repository.run("push", "--quiet")
    run_git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repository.remote}", "shallow")
    assert Git(tmp_path / "shallow").is_shallow()
    assert not repository.git.is_shallow()


def test_the_same_content_has_the_same_hash_wherever_it_lies(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = make_repository(tmp_path / "other")
    other.commit("Another history")
    assert other.git.tree("backend") == repository.git.tree("backend")


def test_the_hash_of_a_clean_folder_is_the_commits_own(repository: Repository) -> None:
    assert repository.git.tree("backend") == repository.run("rev-parse", "HEAD:backend")


CHANGES: dict[str, Callable[[Path], object]] = {
    "an edited file": lambda folder: (folder / "Dockerfile").write_text("FROM other\n"),
    "an untracked file": lambda folder: (folder / "new.py").write_text("new\n"),
    "a deleted file": lambda folder: (folder / "kept.txt").unlink(),
    "a renamed file": lambda folder: (folder / "kept.txt").rename(folder / "renamed.txt"),
    "a file made executable": lambda folder: (folder / "kept.txt").chmod(0o755),
    "an untracked file with a space": lambda folder: (folder / "a file.txt").write_text("new\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_hash_changes_with(repository: Repository, change: str) -> None:
    repository.write("backend/kept.txt", "kept\n")
    repository.commit("Add a file")
    before = repository.git.tree("backend")
    CHANGES[change](repository.root / "backend")
    assert repository.git.tree("backend") != before


@pytest.mark.parametrize("path", ["backend/generated.pyc", "frontend/new.txt", "README.md"])
def test_the_hash_does_not_change_with(repository: Repository, path: str) -> None:
    before = repository.git.tree("backend")
    repository.write(path, "new\n")
    assert repository.git.tree("backend") == before


def test_hashing_leaves_the_index_as_the_person_left_it(repository: Repository) -> None:
    repository.write("backend/staged.txt", "staged\n")
    repository.run("add", "backend/staged.txt")
    repository.write("backend/unstaged.txt", "unstaged\n")
    index = repository.root / ".git/index"
    before = index.read_bytes()
    repository.git.tree("backend")
    assert index.read_bytes() == before
    assert repository.run("diff", "--cached", "--name-only") == "backend/staged.txt"


def test_hashing_works_without_an_index(repository: Repository) -> None:
    before = repository.git.tree("backend")
    (repository.root / ".git/index").unlink()
    assert repository.git.tree("backend") == before


def test_a_project_may_lie_in_a_folder_of_a_larger_repository(tmp_path: Path, repository: Repository) -> None:
    larger = tmp_path / "larger"
    shutil.copytree(repository.root, larger / "the project", ignore=shutil.ignore_patterns(".git"))
    run_git(larger, "init", "--quiet")
    identify(larger)
    run_git(larger, "add", "--all")
    run_git(larger, "commit", "--quiet", "--message", "Start")
    assert Git(larger / "the project").tree("backend") == repository.git.tree("backend")


def test_changes_are_listed_with_those_nobody_added(repository: Repository) -> None:
    repository.write("backend/Dockerfile", "FROM other\n")
    repository.write("frontend/new.txt", "new\n")
    repository.write("backend/x.pyc", "ignored\n")
    assert repository.git.changes() == (" M backend/Dockerfile", "?? frontend/new.txt")
    assert repository.git.changes("frontend") == ("?? frontend/new.txt",)


def test_changes_are_listed_however_the_person_likes_git_status(repository: Repository) -> None:
    repository.run("config", "status.showUntrackedFiles", "no")
    repository.write("backend/new.txt", "new\n")
    assert repository.git.changes("backend") == ("?? backend/new.txt",)
