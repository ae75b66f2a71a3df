"""What git knows about the checkout. Every call is an argument list, no shell and no question on a terminal.

The questions with a name here leave the repository as it is. `Git.run` runs what it is given: by it
`release/git_tag.py` makes, pushes and deletes tags.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import NotReadyError


class GitError(NotReadyError):
    """Git is absent, refuses, or the folder is no usable checkout."""


@dataclass(frozen=True)
class Git:
    """The repository that holds `root`."""

    root: Path

    def run(self, *arguments: str, **environment: str) -> str:
        """Run git and return its output without the last newline.

        Raises:
            GitError: git is not installed, or answered with an error.
        """
        result = self._call(arguments, environment)
        if result.returncode != 0:
            raise GitError(
                f"git {' '.join(arguments[:2])} failed in {self.root}: {result.stderr.strip() or 'no reason'}",
                fix="Fix what git says, then run the command again.",
            )
        return result.stdout.rstrip("\n")

    def succeeds(self, *arguments: str) -> bool:
        """Return whether git answers the question with yes."""
        return self._call(arguments, {}).returncode == 0

    def commit(self) -> str:
        """Return the full hash of HEAD.

        Raises:
            GitError: there is no repository here, or it has no commit.
        """
        found = self._call(("rev-parse", "--git-dir"), {})
        if "dubious ownership" in found.stderr:
            raise GitError(
                f"git does not trust {self.root}: it belongs to another user.",
                fix=f"git config --global --add safe.directory '{self.root}'",
            )
        if found.returncode != 0:
            raise GitError(
                f"{self.root} is not in a git repository.",
                fix="Clone the project with git: images are tagged with the commit they were built from.",
            )
        if not self.succeeds("rev-parse", "--verify", "--quiet", "HEAD^{commit}"):
            raise GitError(f"The git repository of {self.root} has no commit yet.", fix="Commit first.")
        return self.run("rev-parse", "HEAD")

    def tree(self, folder: str) -> str:
        """Return the hash of a folder's content as it lies in the working tree, ignored files left out.

        Works on a copy of the index, so that what the person has staged stays as it is.
        """
        prefix = self.run("rev-parse", "--show-prefix")
        index = Path(self.run("rev-parse", "--path-format=absolute", "--git-path", "index"))
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(scratch) / "index"
            if index.exists():
                copy.write_bytes(index.read_bytes())
            self.run("add", "--all", "--", folder, GIT_INDEX_FILE=str(copy))
            return self.run("write-tree", f"--prefix={prefix}{folder}/", GIT_INDEX_FILE=str(copy))

    def changes(self, *paths: str) -> tuple[str, ...]:
        """Return the changed and untracked files, as `git status --short` lists them."""
        # the option, because status.showUntrackedFiles may hide what a build would take in
        listed = self.run("status", "--porcelain", "--untracked-files=normal", "--", *paths)
        return tuple(listed.splitlines())

    def branch(self) -> str:
        """Return the current branch, empty when HEAD is detached."""
        result = self._call(("symbolic-ref", "--quiet", "--short", "HEAD"), {})
        return result.stdout.strip()

    def is_shallow(self) -> bool:
        """Return whether the clone lacks history."""
        return self.run("rev-parse", "--is-shallow-repository") == "true"

    def _call(self, arguments: tuple[str, ...], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                ["git", "-C", str(self.root), *arguments],
                env={**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", **environment},
                capture_output=True,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except FileNotFoundError as error:
            raise GitError("git is not installed.", fix="Install git, then run the command again.") from error
