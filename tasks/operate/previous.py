"""Which revision a rollback goes to: the one named, or the last one verified before what runs now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import NotReadyError
from tasks.release import record, revisions
from tasks.release.service_state import describe
from tasks.sdk_errors import AccessDeniedError, asking_aws

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import DeploymentTypeDef

    from tasks.clients import Clients
    from tasks.release.revisions import Registered
    from tasks.release.service_state import Running
    from tasks.report import Report
    from tasks.settings import Service

SHOWN = 5


class NoWayBackError(NotReadyError):
    """No earlier revision is known to have served."""

    def __init__(self, state: Running) -> None:
        name = state.service.name
        super().__init__(
            f"{state.service.ecs_service} runs {state.name}, and no revision before it is recorded as deployed "
            "and verified.",
            fix=f"See ./inv history --service={name}, then: ./inv rollback --service={name} --revision=NUMBER",
        )


class VersionNotVerifiedError(NotReadyError):
    """`--to` names a version that never served here."""

    def __init__(self, service: Service, version: str, known: list[Registered]) -> None:
        super().__init__(
            f"No revision of {service.name} with version {version} is recorded as deployed and verified.",
            fix=f"Choose one of those, deploy it (./inv deploy --service={service.name} --version={version}), or "
            "name a revision with --revision=NUMBER.",
            evidence=[f"{each.name} has version {each.version}" for each in known[:SHOWN]],
        )


class UnusableRevisionError(NotReadyError):
    """The revision is there, but can no longer be run."""

    def __init__(self, revision: Registered, problem: str) -> None:
        service = revision.service.name
        version = revision.version or "X.Y.Z"
        super().__init__(
            f"{revision.label} cannot be run: {problem}.",
            fix=f"Choose another (./inv history --service={service}), or deploy it anew: "
            f"./inv deploy --service={service} --version={version}",
        )


class UnknownVersionError(NotReadyError):
    """The revision has no version: this tool did not register it, and nothing could prove that it serves."""

    def __init__(self, revision: Registered) -> None:
        service = revision.service
        super().__init__(
            f"{revision.name} was not registered by this tool and has no version: nothing could prove that it "
            "serves.",
            fix=f"Choose one with a version (./inv history --service={service.name}), or go there without proof: "
            f"aws ecs update-service --cluster {service.cluster} --service {service.ecs_service} "
            f"--task-definition {revision.name}",
        )


@dataclass(frozen=True)
class Wish:
    """What a rollback was asked for: a version, a revision's number, or (both empty) the one before."""

    version: str = ""
    number: int = 0


def choose(state: Running, wish: Wish, clients: Clients, report: Report) -> Registered:
    """Return the revision to go to.

    Raises:
        NoWayBackError: none was named, and none is recorded.
        VersionNotVerifiedError: no verified revision has the version.
        UnknownRevisionError: the number names none.
        UnusableRevisionError: deregistered, or its image is gone.
        UnknownVersionError: the number names one without a version, and it does not run.
        AccessDeniedError: `ecs:DescribeTaskDefinition` or `ecr:BatchGetImage` is missing.
    """
    if wish.number:
        found = revisions.get(state.service, wish.number, clients)
    elif wish.version and wish.version == state.version:
        found = revisions.get(state.service, record.number_of(state.arn, state.service.family), clients)
    elif wish.version:
        found = _of_version(state.service, wish.version, clients)
    else:
        return _before(state, clients, report)
    if not found.is_active:
        raise UnusableRevisionError(found, "it was deregistered")
    if not found.version and found.arn != state.arn:
        raise UnknownVersionError(found)
    _require_image(found, clients, report)
    return found


def before(service: Service, number: int, clients: Clients) -> int:
    """Return the revision that a rollback from a revision would go to first, 0 where none is recorded.

    What the revision was deployed over is asked first, whatever became of it. Where that is not recorded, as for
    one that was registered by hand, it is the highest verified number below that nobody went back from.
    """
    return record.deployed_over(service, number, clients) or record.newest_verified(service, number, clients)


def _before(state: Running, clients: Clients, report: Report) -> Registered:
    """Follow the record back from what runs, over what was never verified or can no longer be run."""
    service = state.service
    number = record.number_of(state.arn, service.family)
    current = state.deployment
    if current and current.get("rolloutState") == "IN_PROGRESS":
        beside = _beside(state, current, clients)
        if any(other > number for other in beside) and record.verified_among(service, [number], clients):
            return revisions.get(service, number, clients)  # it is a way back already: ours, or ECS's own
        verified = record.verified_among(service, (other for other, runs in beside.items() if runs), clients)
        if verified and (found := _usable(service, max(verified), clients, report)):
            return found
    if not number:  # a definition of another family: everything in ours came before it
        newest = revisions.find(service, service.family, clients)
        number = newest.number + 1 if newest else 0
    while number:
        number = before(service, number, clients)
        if number and (found := _usable(service, number, clients, report)):
            return found
    raise NoWayBackError(state)


def _beside(state: Running, current: DeploymentTypeDef, clients: Clients) -> dict[int, bool]:
    """Return the revisions of the deployments beside the one under way, and whether tasks of each still run."""
    others = describe(state.service, clients).get("deployments", [])
    numbers = {
        record.number_of(each.get("taskDefinition", ""), state.service.family): bool(each.get("runningCount"))
        for each in others
        if each.get("id") != current.get("id")
    }
    return {number: runs for number, runs in numbers.items() if number}


def _usable(service: Service, number: int, clients: Clients, report: Report) -> Registered | None:
    found = revisions.find(service, f"{service.family}:{number}", clients)
    if found is None or not found.is_active:
        report.say(f"{service.family}:{number} is passed over: it was deregistered")
        return None
    if number not in record.verified_among(service, [number], clients):
        report.say(f"{found.label} is passed over: it was never verified, or its image is gone")
        return None
    return found


def _of_version(service: Service, version: str, clients: Clients) -> Registered:
    newest = revisions.find(service, service.family, clients)
    known: list[Registered] = []
    numbers = range(newest.number, 0, -1) if newest else ()
    for number in sorted(record.verified_among(service, numbers, clients), reverse=True):
        found = revisions.find(service, f"{service.family}:{number}", clients)
        if found and found.is_active and found.version == version:
            return found
        known += [found] if found and found.is_active else []
    raise VersionNotVerifiedError(service, version, known)


def _require_image(revision: Registered, clients: Clients, report: Report) -> None:
    """Refuse a revision whose image is gone, where the repository is ours and may be asked."""
    digest, tag = revisions.image_in(revision.service, clients.target, revision.image)
    if not digest and not tag:
        return
    try:
        with asking_aws(f"looking for the image of {revision.name}"):
            answer = clients.ecr.batch_get_image(
                repositoryName=revision.service.repository,
                imageIds=[{"imageDigest": digest} if digest else {"imageTag": tag}],
            )
    except AccessDeniedError as error:
        report.say(f"whether the image of {revision.name} is still there is not checked: {error}")
        return
    if not answer["images"]:
        raise UnusableRevisionError(revision, f"its image {revision.image} is gone from ECR")
