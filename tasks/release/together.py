"""Several services as one release: all made ready, then one after the other; when one fails, all go back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.errors import DeployError, NotReadyError, StoppedByUserError
from tasks.release import before_deploy, pipeline, record, way_back
from tasks.release.service_state import describe
from tasks.release.way_back import Back
from tasks.sdk_errors import CredentialsError, ThrottledError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.clients import Clients
    from tasks.release.deployment import Deployment
    from tasks.release.pipeline import DeployOptions, Released
    from tasks.release.source import Source
    from tasks.release.task_definition import Revision
    from tasks.report import Report

NOBODY_TO_ASK = (CredentialsError, ThrottledError, UnreachableError)


class InterruptedReleaseError(StoppedByUserError):
    """The person at the keyboard stopped a release between or around its deployments."""

    def __init__(self, revision: Revision) -> None:
        name = revision.pushed.image.source.service.name
        super().__init__(
            f"Interrupted at {name} ({revision.name}).",
            fix="Look: ./inv status. To go on: the same command again.",
        )


def release(
    sources: Sequence[Source], clients: Clients, report: Report, options: DeployOptions
) -> tuple[Released, ...]:
    """Build, push and register every service before the first is updated, then bring them up in order.

    Raises:
        DeployError: as `pipeline.prepare` and `pipeline.deploy`; with what became of the services before it.
    """
    revisions = [pipeline.prepare(source, clients, report) for source in sources]
    return bring_up(revisions, clients, report, options)


def bring_up(
    revisions: Sequence[Revision], clients: Clients, report: Report, options: DeployOptions
) -> tuple[Released, ...]:
    """Deploy revisions in order, each only when the one before is verified.

    Raises:
        DeployError: as `before_deploy.run` and `pipeline.deploy`; with what became of the services before it.
        InterruptedReleaseError: likewise.
    """
    done: list[Released] = []
    for revision in revisions:
        try:
            before_deploy.run(revision, clients, report, options)
            done.append(pipeline.deploy(revision, clients, report, options))
            record.keep_release(done[-1], clients, report)
        except StoppedByUserError as error:
            error.add_evidence(*_stay(done, clients))
            raise
        except KeyboardInterrupt as error:
            stopped = InterruptedReleaseError(revision)
            stopped.add_evidence(*_stay(done, clients))
            raise stopped from error
        except DeployError as error:
            if done and _goes_on(error, revision, clients):
                error.add_evidence(*_stay(done, clients))
            else:
                for back in _take_back(done, clients, report, options):
                    way_back.tell(error, back)
            raise
    return tuple(done)


def _goes_on(error: DeployError, revision: Revision, clients: Clients) -> bool:
    """Return whether AWS cannot be asked any more, or ECS goes on with what could not be watched to its end."""
    if isinstance(error, NOBODY_TO_ASK):
        return True
    if not isinstance(error, NotReadyError):
        return False
    try:
        return describe(revision.pushed.image.source.service, clients)["taskDefinition"] == revision.arn
    except DeployError:
        return True


def _stay(done: list[Released], clients: Clients) -> list[str]:
    """Say of each service that was released before that it stays, what ran before, and how to go back."""
    return [_stays(released, clients) for released in reversed(done)]


def _stays(released: Released, clients: Clients) -> str:
    start, name = released.deployment, released.deployment.service.name
    stays = f"{name} stays at version {released.verified.version} ({start.rollout.name}), verified"
    try:
        found = way_back.before(start, clients)
    except DeployError:
        found = None
    if found is None:
        return f"{stays}; what ran before is not known. To go back: ./inv rollback --service={name}"
    if not found.version:
        return f"{stays}; before it {found.name} ran."
    if found.arn == start.revision.arn:
        return f"{stays}, as before."
    return (
        f"{stays}; before it {found.name} ran, version {found.version}. "
        f"To go back: {way_back.command(start.service, found.arn)}"
    )


def _take_back(done: list[Released], clients: Clients, report: Report, options: DeployOptions) -> list[Back]:
    """Return the services that were released before, the last one first; says what became of each.

    One that an interrupted run of the same release brought up is part of it: its record says what ran before.
    """
    told = []
    for released in reversed(done):
        start, name = released.deployment, released.deployment.service.name
        if options.independent or not options.roll_back:
            told.append(Back(f"As asked, {_stays(released, clients)}"))
        elif not _is_known(start, clients):
            told.append(
                Back(
                    f"{name} stays at {start.rollout.name}: it ran that before this release, and over what it was "
                    f"deployed is not recorded. To take it back too: ./inv rollback --service={name}"
                )
            )
        else:
            with report.stage(name, "way back"):
                back = way_back.restore(start, clients, report)
                told.append(replace(back, told=f"{name} goes back too: {back.told}"))
            if back.returned:
                number = record.number_of(start.revision.arn, start.service.family)
                record.keep_left(start.service, number, start.revision.pushed.digest, (clients, report))
    return told


def _is_known(start: Deployment, clients: Clients) -> bool:
    """Return whether it is known what ran before; where that cannot be asked, the way back says so."""
    try:
        return way_back.before(start, clients) is not None
    except DeployError:
        return True
