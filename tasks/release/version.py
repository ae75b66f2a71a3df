"""Whether a version may be this commit's: taken is one that names another image, or came from another commit.

An image is named by its content, so two commits can make one image, and ECR alone cannot tell which of them a
version was released from. The registered revisions can: each names its version and commit (APP_VERSION,
APP_COMMIT). Where a version is in ECR already, these are read: the family's newest revision, then those recorded
as verified (`tasks/release/record.py`) that run the version's image. Most often the first one settles it; else one
question to ECR finds the others among a hundred, so that nobody reads them all. DescribeTaskDefinition and
BatchGetImage are in the deploy policy.

Nothing is refused on a guess. A commit passes when any of these revisions has the version from this very one (run
again, or deployed again after a rollback), and when none tells a commit: the version was pushed and never
deployed, its revision never came up and is not the newest, or it was registered by hand. What was deployed with
uncommitted changes belongs to no commit, and may be committed and deployed again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.errors import PushError
from tasks.release import image, record, registry
from tasks.release.source import SHORT_COMMIT
from tasks.release.task_definition import COMMIT_VARIABLE, VERSION_VARIABLE, described, environment_of
from tasks.sdk_errors import asking_docker

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


class VersionUsedError(PushError):
    """The version's tag already names another image."""

    def __init__(self, source: Source, digest: str) -> None:
        super().__init__(
            f"Version {source.version} of {source.service.name} is already in ECR as another image "
            f"({digest[:19]}), not as {source.label}.",
            fix="Never use a version twice: choose the next one.",
        )


def require_free(source: Source, clients: Clients) -> None:
    """Refuse a version that cannot be this commit's; nothing is changed.

    Raises:
        VersionMovedError, VersionUsedError: it is taken.
        RepositoryMissingError, AccessDeniedError, DockerUnavailableError: as `refusal`.
    """
    if refused := refusal(source, clients):
        raise refused


def refusal(source: Source, clients: Clients) -> PushError | None:
    """Return why the version cannot be this commit's, None where it is free or its own; nothing is changed.

    That is known before the image is built: an image is the same only when it was pushed from here before. The
    Docker Engine is asked only where ECR has the version and not the commit.

    Raises:
        RepositoryMissingError: the repository does not exist.
        AccessDeniedError: `ecr:BatchGetImage` or `ecs:DescribeTaskDefinition` is missing.
        DockerUnavailableError: no Docker Engine answers.
    """
    there = registry.tagged(source.service, (source.tag, source.version), clients)
    used = there.get(source.version, "")
    if not used:
        return None
    if other := other_commit(source, used, clients):
        return VersionMovedError(source, other)
    if used != (there.get(source.tag) or _pushed_before(source, clients)):
        return VersionUsedError(source, used)
    return None


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


def _pushed_before(source: Source, clients: Clients) -> str:
    """Return the digest under which the very image of this content was pushed from here before, if it was."""
    reference = image.reference_of(source, clients.target)
    if not image.exists(reference, clients):
        return ""
    with asking_docker("inspecting the image"):
        digests = clients.docker.images.get(reference).attrs.get("RepoDigests") or []
    repository = f"{clients.target.registry}/{source.service.repository}@"
    return next((digest.removeprefix(repository) for digest in digests if digest.startswith(repository)), "")
