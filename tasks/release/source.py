"""What is about to be released: a commit, the content of one service's folder, and the version it bears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import NotReadyError, UsageError
from tasks.git import Git, GitError

if TYPE_CHECKING:
    from tasks.settings import Release, Service

SHOWN_CHANGES = 8
SHORT_COMMIT = 12


@dataclass(frozen=True)
class Source:
    """A service at a commit.

    `tree` is the hash of the folder's content: what the image depends on. `dirty` says that this content is
    not what the commit holds. `version` is `X.Y.Z`, or empty where only an image is wanted.
    """

    service: Service
    version: str
    commit: str
    tree: str
    dirty: bool

    @property
    def tag(self) -> str:
        """The image's tag: the full commit hash, marked where the content differs from it."""
        return f"{self.commit}-dirty-{self.tree[:SHORT_COMMIT]}" if self.dirty else self.commit

    @property
    def label(self) -> str:
        """What a person calls it."""
        return f"commit {self.commit[:SHORT_COMMIT]}" + (" with uncommitted changes" if self.dirty else "")


def inspect(service: Service, version: str) -> Source:
    """Look at the checkout.

    Raises:
        UsageError: the service's folder or its Dockerfile is not there.
        GitError: no git, no repository, no commit.
    """
    folder = service.root / service.folder
    if not folder.is_dir():
        raise UsageError(
            f"The folder {service.folder}/ of service '{service.name}' does not exist.",
            fix=f"Create it, or correct services.{service.name}.folder in invoke.yaml.",
        )
    if not (folder / "Dockerfile").is_file():
        raise UsageError(
            f"{service.folder}/ has no Dockerfile.",
            fix=f"Add {service.folder}/Dockerfile; docs/service-contract.md says what it must keep to.",
        )
    git = Git(service.root)
    commit = git.commit()
    return Source(
        service=service,
        version=version,
        commit=commit,
        tree=git.tree(service.folder),
        dirty=bool(git.changes(service.folder)),
    )


def require_released_commit(git: Git, release: Release) -> None:
    """Refuse what production must not run: changes nobody committed, commits nobody can fetch.

    Raises:
        GitError: shallow clone, or the remote branch is not known here.
        NotReadyError: the tree is dirty, or HEAD is not on the pushed branch.
    """
    git.commit()
    if git.is_shallow():
        raise GitError(
            "This is a shallow clone; it cannot tell whether the commit is on the release branch.",
            fix="Fetch the history: git fetch --unshallow (in a workflow: fetch-depth: 0).",
        )
    require_clean(git)
    pushed = f"{release.remote}/{release.branch}"
    if not git.succeeds("rev-parse", "--verify", "--quiet", f"refs/remotes/{pushed}"):
        raise GitError(
            f"The branch {pushed} is not known here.", fix=f"git fetch {release.remote} {release.branch}"
        )
    if not git.succeeds("merge-base", "--is-ancestor", "HEAD", f"refs/remotes/{pushed}"):
        raise NotReadyError(
            f"The commit {git.commit()[:12]} is not on {pushed}.",
            fix=f"Push it first: git push {release.remote} {release.branch}",
        )


def require_clean(git: Git) -> None:
    """Refuse a working tree with changes; raises `NotReadyError` that lists them."""
    changes = git.changes()
    if changes:
        more = len(changes) - SHOWN_CHANGES
        raise NotReadyError(
            f"The working tree has {len(changes)} uncommitted change{'s' if len(changes) > 1 else ''}.",
            fix="Commit or stash them: a production image must be made of a commit.",
            evidence=(*changes[:SHOWN_CHANGES], *([f"and {more} more"] if more > 0 else [])),
        )
