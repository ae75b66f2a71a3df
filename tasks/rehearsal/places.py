"""Where a rehearsal happens: a bare repository that stands for GitHub's, and the runner's folders."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import UsageError
from tasks.git import Git
from tasks.rehearsal.event import BRANCHES, TAGS, Head
from tasks.rehearsal.workflow import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.settings import Settings


class TagNameError(UsageError):
    """`--tag` is nothing that git would take for a tag's name."""

    def __init__(self, tag: str) -> None:
        what = f"git accepts no tag with the name '{tag}'." if tag else "No tag was given."
        super().__init__(
            what,
            fix="Give one, for example --tag=backend-v0.1.5. Without a tag: --from-branch=NAME, --fork, or "
            "a failure to practise, --failure=NAME.",
        )


@dataclass(frozen=True)
class Places:
    """The folders of one rehearsal, below the checkout's own `.local`, kept until the next one."""

    root: Path

    @property
    def github(self) -> Path:
        """The bare repository."""
        return self.root / "github.git"

    @property
    def files(self) -> Path:
        """The workflow files as they are at the commit that was pushed."""
        return self.root / "workflows"

    def workspace(self, name: str) -> Path:
        """The runner's checkout, where GitHub has it: in a folder twice named like the repository."""
        return self.root / "work" / name / name

    @property
    def temporary(self) -> Path:
        """What steps and the runner tell each other through, and the scripts."""
        return self.root / "temp"

    @property
    def event(self) -> Path:
        """The push, as JSON."""
        return self.temporary / "_github_workflow" / "event.json"

    @property
    def tools(self) -> Path:
        """The runner's tool cache: empty, because a rehearsal uses this machine's Python."""
        return self.root / "tools"

    def renew(self) -> None:
        """Empty the runner's folders: every job has a new machine."""
        shutil.rmtree(self.root / "work", ignore_errors=True)
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.event.parent.mkdir(parents=True)
        self.tools.mkdir(exist_ok=True)


def prepare(settings: Settings, tag: str) -> tuple[Places, str]:
    """Make the folders anew, and in them what GitHub would have after the push of a tag.

    A tag that does not exist yet is made there, on HEAD, and not in the checkout. GitHub's release branch is the
    one that was fetched last; in a repository without a remote it is the branch itself.

    Returns:
        The folders, and the commit that the tag names.

    Raises:
        TagNameError: git takes no such name.
        GitError: there is no repository, or no commit.
    """
    checkout = Git(settings.root)
    if not tag or not checkout.succeeds("check-ref-format", f"{TAGS}{tag}"):
        raise TagNameError(tag)
    head = checkout.commit()
    places = Places(settings.state.resolve() / "rehearsal")
    shutil.rmtree(places.root, ignore_errors=True)
    places.root.mkdir(parents=True)
    checkout.run("clone", "--quiet", "--bare", str(settings.root), str(places.github))
    github, release = Git(places.github), settings.release
    fetched = f"refs/remotes/{release.remote}/{release.branch}"
    if checkout.succeeds("rev-parse", "--verify", "--quiet", fetched):
        commit = checkout.run("rev-parse", fetched)
        github.run("fetch", "--quiet", str(settings.root), fetched)
        github.run("update-ref", f"{BRANCHES}{release.branch}", commit)
    if not github.succeeds("rev-parse", "--verify", "--quiet", f"{TAGS}{tag}"):
        github.run("update-ref", f"{TAGS}{tag}", head)
    commit = github.run("rev-parse", f"{TAGS}{tag}^{{commit}}")
    _write_workflows(github, commit, places)
    return places, commit


def unknown_tag(settings: Settings, tag: str) -> str:
    """Return what to say of a tag that this checkout does not know; empty where it knows it, or none is asked."""
    checkout = Git(settings.root)
    if not tag or checkout.succeeds("rev-parse", "--verify", "--quiet", f"{TAGS}{tag}"):
        return ""
    return (
        f"no tag {tag} in this checkout: HEAD ({checkout.commit()[:12]}) is played under its name; "
        "if it was pushed from elsewhere, get it with `git fetch --tags` and rehearse it again"
    )


def head(places: Places, commit: str) -> Head:
    """Return what a push says of its commit."""
    shown = Git(places.github).run("show", "--no-patch", "--format=%T%n%cn%n%ce%n%cI%n%B", commit)
    tree, name, email, time, message = shown.split("\n", 4)
    return Head(tree, name, email, time, message.strip())


def check_out(places: Places, ref: str, name: str, depth: int) -> Path:
    """Do what actions/checkout does: the ref's commit, with all branches and tags when `depth` is 0.

    Args:
        places: the folders.
        ref: `refs/tags/...` or `refs/heads/...`.
        name: the repository's name.
        depth: how many commits of history; 0 for all.
    """
    workspace = places.workspace(name)
    workspace.mkdir(parents=True)
    git, source = Git(workspace), places.github.as_uri()  # by its address: a path would ignore the depth
    git.run("init", "--quiet", "--initial-branch=main")
    git.run("remote", "add", "origin", source)
    if depth:
        git.run("fetch", "--quiet", "--no-tags", f"--depth={depth}", "origin", f"+{ref}:{ref}")
    else:
        every = f"+{BRANCHES}*:refs/remotes/origin/*", f"+{TAGS}*:{TAGS}*"
        git.run("fetch", "--quiet", "--no-tags", "origin", *every)
    commit = Git(places.github).run("rev-parse", f"{ref}^{{commit}}")
    git.run("checkout", "--quiet", "--force", "--detach", commit)
    return workspace


def _write_workflows(github: Git, commit: str, places: Places) -> None:
    (places.files / FOLDER).mkdir(parents=True)
    for name in github.run("ls-tree", "--name-only", commit, f"{FOLDER}/").splitlines():
        (places.files / name).write_text(github.run("show", f"{commit}:{name}"), encoding="utf-8")
