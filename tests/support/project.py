"""A copy of this project in a git repository of its own, with a remote, and its command line."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tasks.documents import as_list, as_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks.documents import Json

HERE = Path(__file__).resolve().parents[2]
COMMAND_SECONDS = 540
# What belongs to the person or the CI run and must not reach a command under test.
PRIVATE = ("AWS_", "ECS_", "ECR_", "DEPLOY_", "LOCAL_PORT", "APP_URL", "GITHUB_", "INVOKE_")


@dataclass(frozen=True)
class Result:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Json]:
        """The one JSON document on stdout."""
        return cast("dict[str, Json]", json.loads(self.out))

    @property
    def services(self) -> list[dict[str, Json]]:
        """The services in that document."""
        return [as_object(each) for each in as_list(self.document["services"])]


@dataclass(frozen=True)
class Project:
    """The copy, and the environment in which its commands run."""

    root: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str, **environment: str) -> Result:
        """Run invoke in the copy."""
        command = [sys.executable, "-m", "invoke", "--search-root", str(self.root), *arguments]
        done = subprocess.run(
            command,
            cwd=self.root,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def succeed(self, *arguments: str, **environment: str) -> Result:
        """Run invoke and insist that it succeeds."""
        result = self.run(*arguments, **environment)
        assert result.code == 0, f"{' '.join(arguments)} exited with {result.code}:\n{result.out}\n{result.err}"
        return result

    def git(self, *arguments: str) -> str:
        """Run git in the copy."""
        return git(self.root, *arguments)

    @contextmanager
    def changed(self, name: str, text: str) -> Iterator[None]:
        """Have a file with another content, or a new file, for a while."""
        path = self.root / name
        before = path.read_text() if path.exists() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        try:
            yield
        finally:
            if before is None:
                path.unlink()
            else:
                path.write_text(before)


def make_project(folder: Path, **environment: str) -> Project:
    """Copy what git would take of this project into a repository with a pushed `main`."""
    root, remote = folder / "a project", folder / "remote.git"
    for name in git(HERE, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0"):
        if name and (HERE / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(HERE / name, root / name)
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "config", "user.name", "Test")
    git(root, "config", "user.email", "test@example.com")
    git(root, "remote", "add", "origin", str(remote))
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Start")
    git(root, "push", "--quiet", "--set-upstream", "origin", "main")
    return Project(root, {**clean_environment(), **environment})


def clean_environment() -> dict[str, str]:
    """Return the process environment without what would steer a command under test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PRIVATE)}
    return {**kept, "CI": "true", "AWS_EC2_METADATA_DISABLED": "true"}


def git(folder: Path, *arguments: str) -> str:
    """Run git and return what it printed."""
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


def free_port() -> int:
    """Return a loopback port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
