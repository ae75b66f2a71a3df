"""What a deployment is trusted for: a row of answers over HTTP, a longer one where old tasks may still answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.release import rollout, smoke

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import ServiceTypeDef

    from tasks.clients import Clients
    from tasks.release.rollout import Rollout
    from tasks.release.smoke import VerifiedVersion
    from tasks.report import Report

# For how long no other answer may come in between where old tasks may still be among those that answer.
STEADY_SECONDS = 20.0


@dataclass(frozen=True)
class Finished:
    """A deployment whose wait ended; `service` as it was then.

    `patience` in seconds; never less than the smoke test's own where ECS has not called the deployment complete.
    """

    rollout: Rollout
    service: ServiceTypeDef
    patience: float = smoke.DEADLINE_SECONDS


def prove(finished: Finished, clients: Clients, report: Report) -> VerifiedVersion:
    """Prove over HTTP that a deployment serves.

    Raises:
        NotServingError: another version answers, or none.
        SupersededError, RolloutFailedError: another deployment took over, or this one failed, meanwhile.
    """
    watched = finished.rollout
    complete = rollout.completed(finished.service, watched)
    expected = smoke.Expected(
        watched.service,
        watched.version,
        bears_version=bool(watched.version),
        steady=0.0 if complete else STEADY_SECONDS,
        when_other=lambda: rollout.require_not_superseded(watched, clients),
    )
    limit = finished.patience if complete else max(finished.patience, smoke.DEADLINE_SECONDS)
    verified = smoke.verify(expected, clients, report, limit)
    if not complete:
        rollout.require_still_up(watched, clients)
    return verified
