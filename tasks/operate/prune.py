"""prune: old revisions deregistered and old images deleted; never one in use, never one a rollback needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.command import number
from tasks.operate import previous
from tasks.release import ecs_tasks, record, revisions
from tasks.release.revisions import short
from tasks.release.service_state import describe, running
from tasks.report import Outcome
from tasks.sdk_errors import asking_aws

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from types_boto3_ecr.type_defs import ImageDetailTypeDef, ImageIdentifierTypeDef
    from types_boto3_ecs.type_defs import DeploymentTypeDef

    from tasks.clients import Clients
    from tasks.command import Work
    from tasks.documents import Json
    from tasks.report import Report
    from tasks.settings import Service, Settings

WAYS_BACK = 3  # how many rollbacks in a row must stay possible
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html
MOST_AT_ONCE = 100
# Half of what an image may bear: https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html
MANY_TAGS = 500


@dataclass(frozen=True)
class Old:
    """What may go: revisions by number, images with their tags, `marks`: tags of images that stay.

    `kept` says what stays, and why.
    """

    service: Service
    revisions: tuple[int, ...]
    images: tuple[ImageDetailTypeDef, ...]
    kept: tuple[str, ...]
    marks: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.revisions and not self.images and not self.marks


def prune(work: Work, *, keep: str = "10") -> Outcome:
    """Find what is beyond the newest `keep` revisions and needed by nobody, show it, ask, take it away."""
    count, clients = number("--keep", keep), work.connect()
    found: list[Old] = []
    for service in work.services:
        with work.report.stage(service.name, "compare"):
            found.append(look(service, count, work.settings, clients))
            for line in found[-1].kept:
                work.report.say(line)
    if not work.options.dry_run and not all(each.is_empty for each in found):
        ask(work, found)
        for each in found:
            with work.report.stage(each.service.name, "prune"):
                remove(each, clients, work.report)
    word = "would " if work.options.dry_run else ""
    document: dict[str, Json] = {
        "dry_run": work.options.dry_run,
        "target": work.settings.target.name,
        "services": [_document(each) for each in found],
    }
    return Outcome(document, tuple(line for each in found for line in _lines(each, word)))


def ask(work: Work, found: list[Old]) -> None:
    """Show what would go and ask, where it is production's; with `--yes` it is told once, when it is gone."""
    if not work.settings.target.is_production:
        return
    if not work.options.yes:
        for line in (line for each in found for line in _lines(each, "would ")):
            work.report.say(line)
    work.confirm(f"This cannot be undone (production, {work.settings.target.account}). Go on?")


def look(service: Service, count: int, settings: Settings, clients: Clients) -> Old:
    """Find what may go; changes nothing.

    Raises:
        AccessDeniedError: names the first missing of `ecs:ListTaskDefinitions`, `ecs:ListTasks`,
            `ecs:DescribeTasks` and `ecr:DescribeImages`, none of which the deploy role has.
    """
    registered = sorted(_registered(service, clients), reverse=True)
    reasons = dict.fromkeys(registered[:count], f"is one of the newest {count}")
    reasons |= dict.fromkeys(_ways_back(service, clients), "is a way back")
    reasons |= dict.fromkeys(_in_use(service, clients), "is in use")
    beyond = [revisions.get(service, each, clients) for each in registered if each not in reasons]
    # the stack's own first revision, for one: CloudFormation would miss it
    reasons |= {each.number: "was not registered by this tool" for each in beyond if not each.version}
    kept = tuple(f"{service.family}:{each} stays: it {reasons[each]}" for each in sorted(reasons, reverse=True))
    gone = tuple(each for each in registered if each not in reasons)
    stored = _stored(service, clients)
    sharing = [each.name for each in settings.select("all") if each.repository == service.repository]
    if len(sharing) > 1:
        shared = f"images stay: {' and '.join(sharing)} share {service.repository}"
        return Old(service, gone, (), (*kept, shared), _spent(service, stored, reasons))
    needed = {
        found.digest or found.image
        for each in reasons
        if (found := revisions.find(service, f"{service.family}:{each}", clients))
    }
    beyond_images = tuple(image for image in stored[count:] if not _is_needed(image, needed))
    stays = [image for image in stored if image not in beyond_images]
    return Old(service, gone, beyond_images, kept, _spent(service, stays, reasons))


def remove(old: Old, clients: Clients, report: Report) -> None:
    """Deregister first, then delete: what is interrupted leaves no revision that lacks its image."""
    service = old.service
    for each in old.revisions:
        with asking_aws(f"deregistering {service.family}:{each}"):
            clients.ecs.deregister_task_definition(taskDefinition=f"{service.family}:{each}")
    ids: list[ImageIdentifierTypeDef] = [{"imageDigest": each.get("imageDigest", "")} for each in old.images]
    _delete(service, ids, clients, report)
    # by its tag alone, an image loses that tag: it has others
    _delete(service, [{"imageTag": tag} for tag in old.marks], clients, report)


def _delete(service: Service, ids: list[ImageIdentifierTypeDef], clients: Clients, report: Report) -> None:
    for start in range(0, len(ids), MOST_AT_ONCE):
        chunk = ids[start : start + MOST_AT_ONCE]
        with asking_aws("deleting images"):
            answer = clients.ecr.batch_delete_image(repositoryName=service.repository, imageIds=chunk)
        for failure in answer.get("failures", []):
            asked = failure.get("imageId", {})
            name = asked.get("imageDigest", "")[:19] or asked.get("imageTag", "")
            report.say(f"{name} stays: {failure.get('failureReason', 'ECR gives no reason')}")


def _registered(service: Service, clients: Clients) -> set[int]:
    with asking_aws(f"listing the revisions of {service.family}"):
        pages = clients.ecs.get_paginator("list_task_definitions").paginate(
            familyPrefix=service.family, status="ACTIVE"
        )
        arns = [arn for page in pages for arn in page["taskDefinitionArns"]]
    # a prefix matches other families too
    return {found for arn in arns if (found := record.number_of(arn, service.family))}


def _ways_back(service: Service, clients: Clients) -> set[int]:
    """Return the revisions that the next rollbacks, one after the other, would go to."""
    state = running(service, clients)
    found: set[int] = set()
    last = record.number_of(state.arn, service.family)
    while last and len(found) < WAYS_BACK:
        last = previous.before(service, last, clients)
        found |= {last} if last else set()
    return found


def _in_use(service: Service, clients: Clients) -> set[int]:
    """Return the revisions of the service's deployments, and of every task of the family, whoever started it.

    A deployment that failed and runs no task any more is not in use, as long as ECS may go on listing it.
    """
    deployments = describe(service, clients).get("deployments", [])
    arns = {each.get("taskDefinition", "") for each in deployments if not _is_over(each)}
    with asking_aws(f"listing the tasks of {service.family}"):
        tasks = ecs_tasks.listed({"cluster": service.cluster, "family": service.family}, clients)
    arns |= {each.get("taskDefinitionArn", "") for each in tasks}
    return {found for arn in arns if (found := record.number_of(arn, service.family))}


def _is_over(deployment: DeploymentTypeDef) -> bool:
    failed = deployment.get("rolloutState") == "FAILED" and deployment.get("status") != "PRIMARY"
    return failed and not deployment.get("runningCount")


def _stored(service: Service, clients: Clients) -> list[ImageDetailTypeDef]:
    """Return the tagged images, the newest first.

    An image without tags may be a part of one that is needed (the platforms of an index): it stays.
    """
    with asking_aws(f"listing the images of {service.repository}"):
        pages = clients.ecr.get_paginator("describe_images").paginate(repositoryName=service.repository)
        images = [image for page in pages for image in page["imageDetails"] if image.get("imageTags")]
    return sorted(images, key=lambda image: image["imagePushedAt"], reverse=True)


def _spent(service: Service, images: Sequence[ImageDetailTypeDef], kept: Iterable[int]) -> tuple[str, ...]:
    """Return the marks that no rollback can need, of images that bear many; never an image's only tags.

    With its last tag an image is deleted too:
    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html
    """
    found: list[str] = []
    for image in images:
        tags = image.get("imageTags", [])
        if len(tags) < MANY_TAGS:
            continue
        spent = [tag for tag in tags if record.is_spent(tag, service, kept)]
        found += spent if len(spent) < len(tags) else []
    return tuple(sorted(found))


def _is_needed(image: ImageDetailTypeDef, needed: set[str]) -> bool:
    named_by_tag = {reference.rpartition(":")[2] for reference in needed if "/" in reference}
    return image.get("imageDigest") in needed or bool(named_by_tag & {*image.get("imageTags", [])})


def _lines(old: Old, word: str) -> list[str]:
    name, family = old.service.name, old.service.family
    if old.is_empty:
        return [f"{name:<9} nothing to prune"]
    lines = [f"{name:<9} {word}deregister {family}:{each}" for each in old.revisions]
    lines += [f"{name:<9} {word}delete the image {_named(each)}" for each in old.images]
    count = len(old.marks)
    return lines + ([f"{name:<9} {word}remove {count} marks of revisions that are gone"] if count else [])


def _named(image: ImageDetailTypeDef) -> str:
    tags = [short(tag) for tag in image.get("imageTags", []) if not record.is_mark(tag)]
    return f"{image.get('imageDigest', '')[:19]} ({', '.join(tags)})"


def _document(old: Old) -> Json:
    images: list[Json] = [
        {"digest": each.get("imageDigest", ""), "tags": [*each.get("imageTags", [])]} for each in old.images
    ]
    return {
        "service": old.service.name,
        "revisions": [f"{old.service.family}:{each}" for each in old.revisions],
        "images": images,
        "marks": list(old.marks),
        "kept": list(old.kept),
    }
