"""What became of which revision, kept in ECR as tags on the images they run.

A rollback must find its way under the deploy policy alone: without ListTaskDefinitions and without tags on
revisions, with nothing but DescribeTaskDefinition, PutImage and BatchGetImage, which must be told a tag's name. So
a deploy leaves two tags on its image, one before it begins and one when it ended:

- `deployed-FAMILY-7-over-5`: 7 was deployed where 5 ran. That is the way back from 7, whoever asks for it and
  whatever became of 7: another run that picks the deployment up, or a rollback;
- `verified-FAMILY-7`: 7 was seen to serve its version over HTTP;
- or `failed-FAMILY-7`, and `failed-FAMILY-7-on-20260105`: it was not, and on which day.

A rollback leaves `left-FAMILY-6` on what it went away from: where nothing else is recorded, nobody returns there.

A revision number is never used twice and always means one image, so these tags fit a repository with immutable
tags. Who deletes the image deletes them with it: what is recorded can still be pulled. An image may bear 1,000
tags, which `prune` keeps in mind: https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html
"""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from tasks.errors import DeployError
from tasks.release import registry
from tasks.sdk_errors import asking_aws

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date, datetime

    from types_boto3_ecr.type_defs import ImageIdentifierTypeDef

    from tasks.clients import Clients
    from tasks.release.deployment import Deployment
    from tasks.release.pipeline import Released
    from tasks.release.service_state import Running
    from tasks.release.task_definition import Revision
    from tasks.report import Report
    from tasks.settings import Service

# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html (imageIds)
MOST_AT_ONCE = 100
LONGEST_FAMILY = 90  # a tag may have 128 characters, a family 255
MARK = re.compile(r"(?:verified|deployed|failed|left)-(?P<family>.+?)-(?P<number>[0-9]+)(?:-(?:over|on)-[0-9]+)?")
KEPT = "verified-"  # `one_commit` asks for these of revisions that are long deregistered


def keep_start(revision: Revision, before: Running, clients: Clients, report: Report) -> None:
    """Record over what a revision is about to be deployed; nothing where that is itself, or a first deploy.

    Like all that records here, it never raises for what AWS answers: a deploy goes on without its record.
    """
    service = before.service
    number, old = number_of(revision.arn, service.family), number_of(before.arn, service.family)
    if not before.never_deployed and 0 < old < number:
        tags = [f"deployed-{_name(service, number)}-over-{old}"]
        _keep(service, revision.pushed.digest, tags, (clients, report))


def keep_release(released: Released, clients: Clients, report: Report) -> None:
    """Record a finished deploy as verified."""
    start = released.deployment
    service = start.service
    keep_verified(service, number_of(start.revision.arn, service.family), start.revision.pushed.digest,
                  (clients, report))  # fmt: skip


def keep_verified(service: Service, number: int, digest: str, told: tuple[Clients, Report]) -> None:
    """Record a revision as verified."""
    _keep(service, digest, [f"verified-{_name(service, number)}"], told)


def keep_failure(failed: Deployment, clients: Clients, report: Report) -> None:
    """Record that a deployment failed, and on which day (UTC)."""
    service = failed.service
    name = _name(service, number_of(failed.revision.arn, service.family))
    tags = [f"failed-{name}", _failed_on(name, clients.wall_clock().date())]
    _keep(service, failed.revision.pushed.digest, tags, (clients, report))


def keep_left(service: Service, number: int, digest: str, told: tuple[Clients, Report]) -> None:
    """Record that a revision that served was gone back from."""
    _keep(service, digest, [f"left-{_name(service, number)}"], told)


def _keep(service: Service, digest: str, tags: Sequence[str], told: tuple[Clients, Report]) -> None:
    if not digest:
        return  # a practised failure: it is of no image that was released
    clients, report = told
    try:
        there = existing(service, tags, clients)
        for tag in tags:
            if tag not in there:
                registry.add_tag(service, digest, tag, clients)
    except DeployError as error:
        report.say(f"not recorded ({tags[0]}), so that no rollback will know of it: {error} {error.fix}")


def verified_among(service: Service, numbers: Iterable[int], clients: Clients) -> set[int]:
    """Return those of the revisions that were deployed and verified, and whose image is still there.

    Raises:
        RepositoryMissingError: the repository does not exist.
        AccessDeniedError: `ecr:BatchGetImage` is missing.
    """
    return _marked("verified", service, numbers, clients)


def failed_among(service: Service, numbers: Iterable[int], clients: Clients) -> set[int]:
    """Return those of the revisions that failed once, whatever became of them later; raises likewise."""
    return _marked("failed", service, numbers, clients)


def failed_on(service: Service, number: int, since: datetime, clients: Clients) -> date | None:
    """Return the last day (UTC) on which a revision failed, of the 100 since then; None where none is recorded."""
    days = [since.astimezone(UTC).date() + timedelta(days=each) for each in range(MOST_AT_ONCE)]
    tags = {_failed_on(_name(service, number), day): day for day in days}
    return max((tags[tag] for tag in existing(service, list(tags), clients)), default=None)


def newest_verified(service: Service, below: int, clients: Clients) -> int:
    """Return the highest verified revision lower than `below` that nobody went back from, 0 where there is none.

    Raises as `verified_among`.
    """
    for numbers in _downwards(below):
        found = verified_among(service, numbers, clients)
        if found and (found := found - _left(service, found, clients)):
            return max(found)
    return 0


def deployed_over(service: Service, number: int, clients: Clients) -> int:
    """Return the revision that one was deployed over, 0 where that is not recorded; raises as `verified_among`.

    One that was deployed over several was not over the higher when that was gone back from in between.
    """
    for numbers in _downwards(number):
        tags = {f"deployed-{_name(service, number)}-over-{before}": before for before in numbers}
        found = {tags[tag] for tag in existing(service, list(tags), clients)}
        if len(found) > 1:
            found = (found - _left(service, found, clients)) or found
        if found:
            return max(found)
    return 0


def _left(service: Service, numbers: Iterable[int], clients: Clients) -> set[int]:
    return _marked("left", service, numbers, clients)


def _marked(what: str, service: Service, numbers: Iterable[int], clients: Clients) -> set[int]:
    tags = {f"{what}-{_name(service, number)}": number for number in numbers}
    return {tags[tag] for tag in existing(service, list(tags), clients)}


def verified_with(service: Service, digest: str, below: int, clients: Clients) -> Iterator[int]:
    """Yield the verified revisions lower than `below` that run an image, the newest first; raises likewise.

    One call asks for 100 of them. A revision whose digest ECR does not tell is among them.
    """
    for numbers in _downwards(below):
        tags = {f"verified-{_name(service, number)}": number for number in numbers}
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


def is_spent(tag: str, service: Service, kept: Iterable[int]) -> bool:
    """Return whether a tag is a mark of the service's that no rollback can need: of no revision that is kept."""
    found = MARK.fullmatch(tag)
    ours = found is not None and found["family"] == service.family[-LONGEST_FAMILY:]
    return found is not None and ours and not tag.startswith(KEPT) and int(found["number"]) not in kept


def _name(service: Service, number: int) -> str:
    return f"{service.family[-LONGEST_FAMILY:]}-{number}"


def _failed_on(name: str, day: date) -> str:
    return f"failed-{name}-on-{day:%Y%m%d}"


def _downwards(below: int) -> Iterator[range]:
    for start in range(below - 1, 0, -MOST_AT_ONCE):
        yield range(start, max(start - MOST_AT_ONCE, 0), -1)
