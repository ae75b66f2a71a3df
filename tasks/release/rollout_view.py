"""What a person sees of a rollout: what changed, and nothing twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.errors import DeployError
from tasks.release import target_health
from tasks.release.service_state import listed
from tasks.sdk_errors import AccessDeniedError

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import ServiceTypeDef

    from tasks.clients import Clients
    from tasks.release.rollout import Rollout
    from tasks.report import Report

EVIDENCE_EVENTS = 6


class View:
    """The new events as lines, and one line of counts and target health that changes."""

    def __init__(self, rollout: Rollout, clients: Clients, report: Report) -> None:
        self._rollout = rollout
        self._clients = clients
        self._report = report
        self._seen = set(rollout.told)
        self._told: list[str] = []
        self._targets_may_be_asked = True
        self._targets: tuple[target_health.Target, ...] | None = None

    @property
    def evidence(self) -> tuple[str, ...]:
        """The last events, in the order in which they came."""
        return tuple(self._told[-EVIDENCE_EVENTS:])

    def targets(self, service: ServiceTypeDef) -> tuple[target_health.Target, ...] | None:
        """Ask for the targets' health; None where there are none, or it is not known.

        Where it may not be asked, that is said once, and it is asked no more.
        """
        self._targets = self._ask(service)
        return self._targets

    def _ask(self, service: ServiceTypeDef) -> tuple[target_health.Target, ...] | None:
        if not self._targets_may_be_asked or not target_health.groups(service):
            return None
        try:
            return target_health.ask(service, self._clients)
        except AccessDeniedError as error:
            self._targets_may_be_asked = False
            self._report.say(f"target health is not shown: the permission {error.action} is missing")
        except DeployError:
            pass  # the deployment itself is asked again
        return None

    def show(self, service: ServiceTypeDef, reason: str) -> None:
        """Show what is new since the last look."""
        for line in self._new_events(service):
            self._told.append(line)
            self._report.say(line)
        parts = (_counts(service, self._rollout), self._health(service), reason)
        self._report.watch("; ".join(filter(None, parts)))

    def _new_events(self, service: ServiceTypeDef) -> list[str]:
        """Return the messages of events since the deployment began, oldest first, each once."""
        ours = listed(service, self._rollout.id, self._rollout.arn)
        began = ours.get("createdAt") if ours else None
        fresh = [
            event
            for event in service.get("events", [])
            if event["id"] not in self._seen and (began is None or event["createdAt"] >= began)
        ]
        self._seen.update(event["id"] for event in service.get("events", []))
        return [event["message"] for event in reversed(fresh)]

    def _health(self, service: ServiceTypeDef) -> str:
        """Return the health of the targets in words, as it was asked for last."""
        if self._targets is None or not target_health.groups(service):
            return ""
        return f"targets {target_health.counted(self._targets)}" if self._targets else "no targets"


def _counts(service: ServiceTypeDef, rollout: Rollout) -> str:
    ours = listed(service, rollout.id, rollout.arn)
    if ours is None:
        return ""  # the verdict says so
    counts = f"{ours.get('runningCount', 0)} of {ours.get('desiredCount', 0)} running"
    if ours.get("rolloutState") == "FAILED":
        counts = "given up"  # ECS wants none of it any more
    if ours.get("pendingCount"):
        counts += f", {ours.get('pendingCount')} starting"
    if ours.get("failedTasks"):
        counts += f", {ours.get('failedTasks')} failed"
    return counts
