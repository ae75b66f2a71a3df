"""tag: the annotated tag whose push makes GitHub deploy, on a clean, pushed release branch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import NotReadyError
from tasks.git import Git, GitError
from tasks.release.source import require_clean
from tasks.version_number import VERSION

if TYPE_CHECKING:
    from tasks.settings import Release, Service

SHOWN_COMMITS = 20


class TagUsedError(NotReadyError):
    """The tag exists, here or on the remote."""

    def __init__(self, name: str, place: str) -> None:
        super().__init__(
            f"The tag {name} exists already, {place}.",
            fix="Never reuse a tag: choose the next version (git tag -l lists those used).",
        )


@dataclass(frozen=True)
class NewTag:
    """A tag to be made: its name, its message, and the commits it brings since the service's last tag."""

    name: str
    message: str
    since: str
    commits: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """What it brings, for a person: the newest commits, and how many more there are."""
        more = len(self.commits) - SHOWN_COMMITS
        title = f"{self.name}: {len(self.commits)} commits since {self.since or 'the beginning'}"
        rest = [f"  and {more} more"] if more > 0 else []
        return (title, *(f"  {commit}" for commit in self.commits[:SHOWN_COMMITS]), *rest)


def plan(services: tuple[Service, ...], version: str, git: Git, release: Release) -> tuple[NewTag, ...]:
    """Check everything a tag needs and say what it would bring; changes nothing.

    Raises:
        GitError: no repository, shallow clone, detached HEAD, unreachable remote.
        NotReadyError: another branch, uncommitted changes, an unpushed commit.
        TagUsedError: the tag exists.
    """
    commit = git.commit()
    _require_branch(git, release)
    require_clean(git)
    names = [f"{service.name}-v{version}" for service in services]
    remote = _remote_references(git, release, names)
    for name in names:
        if git.succeeds("rev-parse", "--verify", "--quiet", f"refs/tags/{name}"):
            raise TagUsedError(name, "in this clone")
        if f"refs/tags/{name}" in remote:
            raise TagUsedError(name, f"on {release.remote}")
    pushed = remote.get(f"refs/heads/{release.branch}", "")
    if pushed and not git.succeeds("cat-file", "-e", pushed):
        raise GitError(
            f"{release.remote}/{release.branch} has commits that this clone does not know.",
            fix=f"Fetch them, then run the command again: git fetch {release.remote} {release.branch}",
        )
    if commit != pushed and not git.succeeds("merge-base", "--is-ancestor", commit, pushed or "none"):
        raise NotReadyError(
            f"The commit {commit[:12]} is not on {release.remote}/{release.branch}.",
            fix=f"Push it first: git push {release.remote} {release.branch}",
        )
    return tuple(_planned(service, name, git) for service, name in zip(services, names, strict=True))


def make(tags: tuple[NewTag, ...], git: Git, release: Release) -> None:
    """Create the tags and push exactly them, all or none; a failed push leaves no tag behind.

    Raises:
        GitError: git or the remote refused.
    """
    made: list[str] = []
    try:
        for tag in tags:
            git.run("tag", "--annotate", tag.name, "--message", tag.message)
            made.append(tag.name)
        # push.followTags would send other annotated tags along, and each deploys
        references = [f"refs/tags/{tag.name}" for tag in tags]
        git.run("push", "--atomic", "--no-follow-tags", release.remote, *references)
    except GitError:
        if made:
            git.run("tag", "--delete", *made)
        raise


def _require_branch(git: Git, release: Release) -> None:
    branch = git.branch()
    if not branch:
        raise GitError(
            "HEAD is detached: it is on no branch.", fix=f"Check the branch out: git switch {release.branch}"
        )
    if branch != release.branch:
        raise NotReadyError(
            f"This is the branch '{branch}'; releases are tagged on '{release.branch}'.",
            fix=f"Merge it, then: git switch {release.branch}",
        )
    if git.is_shallow():
        raise GitError(
            "This is a shallow clone; it lacks the history since the last tag.",
            fix="Fetch it: git fetch --unshallow",
        )


def _remote_references(git: Git, release: Release, names: list[str]) -> dict[str, str]:
    wanted = [f"refs/heads/{release.branch}", *(f"refs/tags/{name}" for name in names)]
    lines = git.run("ls-remote", release.remote, *wanted).splitlines()
    return {reference: commit for commit, _, reference in (line.partition("\t") for line in lines)}


def _planned(service: Service, name: str, git: Git) -> NewTag:
    version = name.removeprefix(f"{service.name}-v")
    tags = git.run("tag", "--list", f"{service.name}-v*", "--sort=-version:refname", "--merged").splitlines()
    ours = [tag for tag in tags if VERSION.fullmatch(tag.removeprefix(f"{service.name}-v"))]
    since = ours[0] if ours else ""
    span = f"{since}..HEAD" if since else "HEAD"
    log = git.run("log", "--oneline", "--no-decorate", span)
    return NewTag(name, f"{service.name.capitalize()} deploy {version}", since, tuple(log.splitlines()))
