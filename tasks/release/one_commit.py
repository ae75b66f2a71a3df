"""A version belongs to one commit: what was released from another one is refused, even as the very same image.

An image is named by its content, so two commits can make one image, and ECR alone cannot tell which of them a
version was released from. The registered revisions can: each names its version and commit (APP_VERSION,
APP_COMMIT). Where a version is in ECR already, these are read: the family's newest revision, then those recorded
as verified (`tasks/release/record.py`) that run the version's image. Most often the first one settles it; else one
question to ECR finds the others among a hundred, so that nobody reads them all. DescribeTaskDefinition and
BatchGetImage are in the deploy policy.

Nothing is refused on a guess. It passes when any of these revisions has the version from this very commit (run
again, or deployed again after a rollback), and when none tells a commit: the version was pushed and never
deployed, its revision never came up and is not the newest, or it was registered by hand. What was deployed with
uncommitted changes belongs to no commit, and may be committed and deployed again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.errors import PushError
from tasks.release import record, registry
from tasks.release.source import SHORT_COMMIT
from tasks.release.task_definition import COMMIT_VARIABLE, VERSION_VARIABLE, described, environment_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks.clients import Clients
    from tasks.documents import Json
    from tasks.release.source import Source

WHOLE_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")  # SHA-1, or SHA-256


class VersionMovedError(PushError):
    """The version was released from another commit: its tag was moved, or given again."""

    def __init__(self, source: Source, other: str) -> None:
        name, there = source.service.name, other[:SHORT_COMMIT]
        super().__init__(
            f"Version {source.version} of {name} was released from commit {there}; this is {source.label}.",
            fix="Never use a version twice and never move its tag: release this commit under the next one, "
            f"or put {name}-v{source.version} back on {there}.",
        )


def require_one_commit(source: Source, clients: Clients) -> None:
    """Refuse a version that was released from another commit; nothing is changed.

    Raises:
        VersionMovedError: it was.
        RepositoryMissingError: the repository does not exist.
        AccessDeniedError: `ecr:BatchGetImage` or `ecs:DescribeTaskDefinition` is missing.
    """
    used = registry.tagged(source.service, (source.version,), clients).get(source.version)
    if used and (other := other_commit(source, used, clients)):
        raise VersionMovedError(source, other)


def other_commit(source: Source, used: str, clients: Clients) -> str:
    """Return the commit a version was released from where that is another one, else nothing.

    Args:
        source: what is to be released.
        used: the digest that ECR has under the version.
        clients: the connections.
    """
    if source.dirty:
        return ""
    other = ""
    for version, commit in _registered(source, used, clients):
        if version != source.version or not WHOLE_COMMIT.fullmatch(commit):
            continue
        if commit == source.commit:
            return ""
        other = other or commit
    return other


def _registered(source: Source, used: str, clients: Clients) -> Iterator[tuple[str, str]]:
    """Yield version and commit of the newest revision, then of those verified with the image."""
    service = source.service
    newest = described(service.family, clients)
    if newest is None:
        return
    yield _identity(newest, service.container)
    below = record.number_of(str(newest.get("taskDefinitionArn", "")), service.family)
    for number in record.verified_with(service, used, below, clients):
        found = described(f"{service.family}:{number}", clients)
        if found:
            yield _identity(found, service.container)


def _identity(definition: Mapping[str, Json], container: str) -> tuple[str, str]:
    environment = environment_of(definition, container)
    return environment.get(VERSION_VARIABLE, ""), environment.get(COMMIT_VARIABLE, "")
