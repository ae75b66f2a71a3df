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


@dataclass(frozen=True)
class Old:
    """What may go: revisions by number, images with their tags. `kept` says what stays, and why."""

    service: Service
    revisions: tuple[int, ...]
    images: tuple[ImageDetailTypeDef, ...]
    kept: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.revisions and not self.images


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
    sharing = [each.name for each in settings.select("all") if each.repository == service.repository]
    if len(sharing) > 1:
        return Old(service, gone, (), (*kept, f"images stay: {' and '.join(sharing)} share {service.repository}"))
    needed = {
        found.digest or found.image
        for each in reasons
        if (found := revisions.find(service, f"{service.family}:{each}", clients))
    }
    return Old(service, gone, _images_beyond(service, count, needed, clients), kept)


def remove(old: Old, clients: Clients, report: Report) -> None:
    """Deregister first, then delete: what is interrupted leaves no revision that lacks its image."""
    service = old.service
    for each in old.revisions:
        with asking_aws(f"deregistering {service.family}:{each}"):
            clients.ecs.deregister_task_definition(taskDefinition=f"{service.family}:{each}")
    for start in range(0, len(old.images), MOST_AT_ONCE):
        chunk = old.images[start : start + MOST_AT_ONCE]
        ids: list[ImageIdentifierTypeDef] = [{"imageDigest": each.get("imageDigest", "")} for each in chunk]
        with asking_aws("deleting images"):
            answer = clients.ecr.batch_delete_image(repositoryName=service.repository, imageIds=ids)
        for failure in answer.get("failures", []):
            digest = failure.get("imageId", {}).get("imageDigest", "")
            report.say(f"{digest[:19]} stays: {failure.get('failureReason', 'ECR gives no reason')}")


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


def _images_beyond(
    service: Service, count: int, needed: set[str], clients: Clients
) -> tuple[ImageDetailTypeDef, ...]:
    """Return the tagged images that no kept revision runs and that are not among the newest either.

    An image without tags may be a part of one that is needed (the platforms of an index): it stays.
    """
    with asking_aws(f"listing the images of {service.repository}"):
        pages = clients.ecr.get_paginator("describe_images").paginate(repositoryName=service.repository)
        images = [image for page in pages for image in page["imageDetails"] if image.get("imageTags")]
    images.sort(key=lambda image: image["imagePushedAt"], reverse=True)
    return tuple(image for image in images[count:] if not _is_needed(image, needed))


def _is_needed(image: ImageDetailTypeDef, needed: set[str]) -> bool:
    named_by_tag = {reference.rpartition(":")[2] for reference in needed if "/" in reference}
    return image.get("imageDigest") in needed or bool(named_by_tag & {*image.get("imageTags", [])})


def _lines(old: Old, word: str) -> list[str]:
    name, family = old.service.name, old.service.family
    if old.is_empty:
        return [f"{name:<9} nothing to prune"]
    lines = [f"{name:<9} {word}deregister {family}:{each}" for each in old.revisions]
    return lines + [f"{name:<9} {word}delete the image {_named(each)}" for each in old.images]


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
        "kept": list(old.kept),
    }
