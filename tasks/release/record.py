"""Which revisions were deployed and verified, kept in ECR as tags on the images they run.

A rollback must find its way under the deploy policy alone: without ListTaskDefinitions and without tags on
revisions, with nothing but DescribeTaskDefinition, PutImage and BatchGetImage. So a verified deploy leaves two
tags:

- `verified-FAMILY-7`: revision 7 was seen to serve its version over HTTP;
- `verified-FAMILY-7-over-5`: when it was deployed, revision 5 ran. That is the way back from 7; revision 6 may
  have failed, or may have been rolled back from.

A revision number is never used twice and always means one image, so these tags fit a repository with immutable
tags. Who deletes the image deletes them with it: what is recorded can still be pulled. An image may bear 1,000
tags: https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import DeployError
from tasks.release import registry
from tasks.sdk_errors import asking_aws

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from types_boto3_ecr.type_defs import ImageIdentifierTypeDef

    from tasks.clients import Clients
    from tasks.release.pipeline import Released
    from tasks.report import Report
    from tasks.settings import Service

# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html (imageIds)
MOST_AT_ONCE = 100
LONGEST_FAMILY = 90  # a tag may have 128 characters, a family 255
MARK = re.compile(r"verified-.+-[0-9]+(-over-[0-9]+)?")


@dataclass(frozen=True)
class Verified:
    """A revision that was seen to serve; `before` is the revision it was deployed over, 0 for none to record."""

    service: Service
    number: int
    digest: str
    before: int = 0


def keep_release(released: Released, clients: Clients, report: Report) -> None:
    """Record a finished deploy, as `keep` does."""
    start = released.deployment
    service, family = start.service, start.service.family
    number, before = number_of(start.revision.arn, family), number_of(start.before.arn, family)
    known = before < number and not start.before.never_deployed
    verified = Verified(service, number, start.revision.pushed.digest, before if known else 0)
    keep(verified, clients, report)


def keep(verified: Verified, clients: Clients, report: Report) -> None:
    """Record a verified revision. Never raises for what AWS answers: what was verified serves all the same."""
    tags = [_tag(verified.service, verified.number)]
    if verified.before:
        tags.append(_tag(verified.service, verified.number, verified.before))
    try:
        there = existing(verified.service, tags, clients)
        for tag in tags:
            if tag not in there:
                registry.add_tag(verified.service, verified.digest, tag, clients)
    except DeployError as error:
        report.say(f"not recorded as verified, so that no rollback will find it by itself: {error}")


def verified_among(service: Service, numbers: Iterable[int], clients: Clients) -> set[int]:
    """Return those of the revisions that were deployed and verified, and whose image is still there.

    Raises:
        RepositoryMissingError: the repository does not exist.
        AccessDeniedError: `ecr:BatchGetImage` is missing.
    """
    tags = {_tag(service, number): number for number in numbers}
    return {tags[tag] for tag in existing(service, list(tags), clients)}


def newest_verified(service: Service, below: int, clients: Clients) -> int:
    """Return the highest verified revision number lower than `below`, 0 where there is none; raises likewise."""
    for numbers in _downwards(below):
        if found := verified_among(service, numbers, clients):
            return max(found)
    return 0


def deployed_over(service: Service, number: int, clients: Clients) -> int:
    """Return the revision that a verified one was deployed over, 0 where that is not recorded; raises likewise."""
    for numbers in _downwards(number):
        tags = {_tag(service, number, before): before for before in numbers}
        if there := existing(service, list(tags), clients):
            return max(tags[tag] for tag in there)
    return 0


def verified_with(service: Service, digest: str, below: int, clients: Clients) -> Iterator[int]:
    """Yield the verified revisions lower than `below` that run an image, the newest first; raises likewise.

    One call asks for 100 of them. A revision whose digest ECR does not tell is among them.
    """
    for numbers in _downwards(below):
        tags = {_tag(service, number): number for number in numbers}
        there = digests(service, list(tags), clients)
        yield from sorted((tags[tag] for tag, runs in there.items() if runs in {digest, ""}), reverse=True)


def existing(service: Service, tags: Sequence[str], clients: Clients) -> set[str]:
    """Return those of the tags that are in the service's repository; raises as `verified_among`."""
    return set(digests(service, tags, clients))


def digests(service: Service, tags: Sequence[str], clients: Clients) -> dict[str, str]:
    """Return the tags that exist with their images' digests, empty where ECR does not tell; raises likewise."""
    found: dict[str, str] = {}
    for start in range(0, len(tags), MOST_AT_ONCE):
        asked = tags[start : start + MOST_AT_ONCE]
        ids: list[ImageIdentifierTypeDef] = [{"imageTag": tag} for tag in asked]
        with asking_aws(f"looking for recorded revisions in the repository {service.repository}"):
            try:
                answer = clients.ecr.batch_get_image(repositoryName=service.repository, imageIds=ids)
            except clients.ecr.exceptions.RepositoryNotFoundException as error:
                raise registry.RepositoryMissingError(service, clients.target) from error
        missing = {failure.get("imageId", {}).get("imageTag", "") for failure in answer.get("failures", [])}
        known = [image.get("imageId", {}) for image in answer["images"]]
        told = {each.get("imageTag", ""): each.get("imageDigest", "") for each in known}
        found |= {tag: told.get(tag, "") for tag in asked if known and tag not in missing}
    return found


def number_of(reference: str, family: str) -> int:
    """Return the number of a revision of the family; 0 for a definition of another one."""
    name, _, number = reference.rpartition("/")[2].rpartition(":")
    return int(number) if name == family and number.isdigit() else 0


def is_mark(tag: str) -> bool:
    """Return whether a tag is one of ours here, and names no version or commit."""
    return bool(MARK.fullmatch(tag))


def _tag(service: Service, number: int, before: int = 0) -> str:
    return f"verified-{service.family[-LONGEST_FAMILY:]}-{number}" + (f"-over-{before}" if before else "")


def _downwards(below: int) -> Iterator[range]:
    for start in range(below - 1, 0, -MOST_AT_ONCE):
        yield range(start, max(start - MOST_AT_ONCE, 0), -1)
