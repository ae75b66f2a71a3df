"""A small real project in a git repository of its own, with a bare remote, in a folder with a space."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.git import Git
from tasks.settings import Release
from tests.support.models import BACKEND

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.settings import Service

RELEASE = Release("origin", "main")


@dataclass(frozen=True)
class Repository:
    """The working copy at `root`, and the bare repository it pushes to."""

    root: Path
    remote: Path

    @property
    def git(self) -> Git:
        """The part under test, for this repository."""
        return Git(self.root)

    @property
    def backend(self) -> Service:
        """The backend, in this repository."""
        return replace(BACKEND, root=self.root)

    @property
    def frontend(self) -> Service:
        """The frontend, in this repository."""
        return replace(BACKEND, root=self.root, name="frontend", folder="frontend")

    def run(self, *arguments: str) -> str:
        """Run git in the working copy."""
        return run_git(self.root, *arguments)

    def write(self, name: str, text: str) -> None:
        """Write a file of the working copy."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def commit(self, message: str) -> str:
        """Commit everything and return the commit's hash."""
        self.run("add", "--all")
        self.run("commit", "--quiet", "--allow-empty", "--message", message)
        return self.run("rev-parse", "HEAD")

    def remote_tags(self) -> str:
        """Return the names of the remote's tags."""
        return run_git(self.remote, "tag", "--list")


def make_repository(folder: Path) -> Repository:
    """Make a project with a backend and a frontend, committed and pushed."""
    made = Repository(folder / "a project", folder / "remote.git")
    made.root.mkdir()
    run_git(folder, "init", "--quiet", "--template=", "--bare", "--initial-branch=main", str(made.remote))
    made.run("init", "--quiet", "--template=", "--initial-branch=main")
    identify(made.root)
    made.run("remote", "add", "origin", "../remote.git")  # relative, so that a copy of both is on its own
    for name in ("backend", "frontend"):
        made.write(f"{name}/Dockerfile", "FROM scratch\n")
    made.write(".gitignore", "*.pyc\n")
    made.commit("Start")
    made.run("push", "--quiet", "--set-upstream", "origin", "main")
    return made


def copy_repository(original: Repository, folder: Path) -> Repository:
    """Copy a project and its remote."""
    copied = Repository(folder / original.root.name, folder / original.remote.name)
    shutil.copytree(original.root, copied.root)
    shutil.copytree(original.remote, copied.remote)
    return copied


def identify(root: Path) -> None:
    """Give a repository an author, who signs nothing."""
    run_git(root, "config", "user.name", "Test")
    run_git(root, "config", "user.email", "test@example.com")
    run_git(root, "config", "tag.gpgSign", "false")


def run_git(folder: Path, *arguments: str) -> str:
    """Run git, with nobody's own configuration, and return what it printed."""
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env={**os.environ, **nobody},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
