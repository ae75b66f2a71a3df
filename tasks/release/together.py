"""Several services as one release: all made ready, then one after the other; when one fails, all go back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.errors import DeploymentFailedError, GaveUpWaitingError, SmokeTestError
from tasks.release import before_deploy, pipeline, record, way_back
from tasks.release.way_back import Back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.clients import Clients
    from tasks.release.pipeline import DeployOptions, Released
    from tasks.release.source import Source
    from tasks.release.task_definition import Revision
    from tasks.report import Report


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
        DeployError: as `before_deploy.run` and `pipeline.deploy`.
    """
    done: list[Released] = []
    for revision in revisions:
        try:
            before_deploy.run(revision, clients, report, options)
            done.append(pipeline.deploy(revision, clients, report, options))
        except (DeploymentFailedError, GaveUpWaitingError, SmokeTestError) as error:
            for back in _take_back(done, clients, report, options):
                way_back.tell(error, back)
            raise
        record.keep_release(done[-1], clients, report)
    return tuple(done)


def _take_back(done: list[Released], clients: Clients, report: Report, options: DeployOptions) -> list[Back]:
    """Return the services that were released before, the last one first; says what became of each."""
    told = []
    for released in reversed(done):
        start, name = released.deployment, released.deployment.service.name
        if start.adopted:
            told.append(
                Back(
                    f"{name} stays at {start.rollout.name}: it ran that before this release. "
                    f"To take it back too: ./inv rollback --service={name}"
                )
            )
        elif options.independent or not options.roll_back:
            told.append(Back(f"{name} stays at version {released.verified.version}, as asked."))
        else:
            with report.stage(name, "way back"):
                back = way_back.restore(start, clients, report)
                told.append(replace(back, told=f"{name} goes back too: {back.told}"))
    return told
