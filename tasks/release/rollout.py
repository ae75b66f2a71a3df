"""wait: until a deployment serves, has failed, or the time is up; judged on its own id, never on 'stable'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tasks.errors import DeploymentFailedError, GaveUpWaitingError, SupersededError
from tasks.failures import ThrottledError
from tasks.release.rollout_view import View
from tasks.release.service_state import describe, listed, primary
from tasks.release.wait_phases import DRAINS

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef

    from tasks.clients import Clients
    from tasks.report import Report
    from tasks.settings import Service

FIRST_POLL_SECONDS = 1.0
LONGEST_POLL_SECONDS = 3.0
POLL_GROWTH = 1.15
# The circuit breaker's own lowest threshold, used where none is switched on:
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
FAILURES_WITHOUT_BREAKER = 3

State = Literal["waiting", "serving", "done", "failed", "superseded"]


@dataclass(frozen=True)
class Rollout:
    """What is waited for: ECS's deployment `id` of the revision `arn`, after which `version` serves.

    `before` is the revision that ran when it began, `told` the ids of service events that were shown already.
    """

    service: Service
    id: str
    arn: str
    version: str
    before: str
    told: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """`family:number` of the revision."""
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True)
class Verdict:
    """Where a deployment stands, and why."""

    state: State
    reason: str


class RolloutFailedError(DeploymentFailedError):
    """ECS, or the repeated failure of its tasks, says that the new version does not come up."""

    def __init__(self, rollout: Rollout, reason: str, evidence: tuple[str, ...]) -> None:
        super().__init__(
            f"{rollout.service.ecs_service}: version {rollout.version} ({rollout.name}) did not come up: {reason}",
            fix="Mend the cause, then deploy the next version.",
            evidence=evidence,
        )


class TookTooLongError(GaveUpWaitingError):
    """The limit given by `--timeout` passed."""

    def __init__(self, rollout: Rollout, seconds: float, evidence: tuple[str, ...]) -> None:
        super().__init__(
            f"{rollout.service.ecs_service}: {rollout.name} did not finish within {seconds:.0f} s.",
            fix="Look at the events above; wait longer with --timeout=SECONDS.",
            evidence=evidence,
        )


def wait(rollout: Rollout, clients: Clients, report: Report, timeout: float) -> ServiceTypeDef:
    """Poll the service until the deployment is done, and return how it was then; `timeout` in seconds.

    Raises:
        RolloutFailedError: the new version does not come up.
        SupersededError: another deployment took over.
        TookTooLongError: the limit passed.
        ServiceMissingError: the service was deleted meanwhile.
        AccessDeniedError: at once, when `ecs:DescribeServices` is missing.
        ThrottledError: AWS throttled to the end; until then it is asked again.
    """
    deadline, pause = clients.clock() + timeout, FIRST_POLL_SECONDS
    view = View(rollout, clients, report)
    while True:
        service = _look(rollout.service, clients, report, deadline)
        verdict = judge(service, rollout)
        view.show(service, verdict.reason)
        if verdict.state == "done":
            return service
        if verdict.state == "superseded":
            raise SupersededError(
                f"{rollout.service.ecs_service}: {verdict.reason}",
                fix="Look at what runs now (./inv status), then decide which version is to serve.",
            )
        if verdict.state == "failed":
            raise RolloutFailedError(rollout, verdict.reason, view.evidence)
        if clients.clock() + pause > deadline:
            raise TookTooLongError(rollout, timeout, view.evidence)
        clients.sleep(pause)
        pause = min(pause * POLL_GROWTH, LONGEST_POLL_SECONDS)


def judge(service: ServiceTypeDef, rollout: Rollout) -> Verdict:
    """Say where our deployment stands; a pure function of what DescribeServices answers."""
    ours = listed(service, rollout.id, rollout.arn)
    current = primary(service) or {}
    serving = current.get("taskDefinition", "").rpartition("/")[2]
    gave_up = ours is not None and ours.get("rolloutState") == "FAILED"
    reason = (ours or {}).get("rolloutStateReason", "") if gave_up else ""
    if ours is None or ours.get("status") != "PRIMARY":
        if current.get("taskDefinition") == rollout.before and (gave_up or rollout.before != rollout.arn):
            return Verdict("failed", reason or f"ECS rolled back to {serving}.")
        return Verdict("superseded", f"another deployment took over, of {serving or 'nothing'}.")
    if gave_up:
        return Verdict("failed", reason or "ECS marked the deployment FAILED.")
    if ours.get("failedTasks", 0) >= FAILURES_WITHOUT_BREAKER and not _has_breaker(service):
        return Verdict("failed", f"{ours.get('failedTasks')} tasks failed in a row; no circuit breaker is on.")
    if ours.get("runningCount", 0) < ours.get("desiredCount", 0):
        return Verdict("waiting", "")
    if ours.get("rolloutState", "COMPLETED") == "COMPLETED":
        return Verdict("done", "")
    others = sum(each.get("runningCount", 0) for each in service.get("deployments", []) if each is not ours)
    return Verdict("serving", _waited_for(service, ours, others))


def _waited_for(service: ServiceTypeDef, ours: DeploymentTypeDef, old: int) -> str:
    """Say what a deployment whose tasks all run waits for; events tell when ECS lets go of the old ones."""
    if not old:
        return "serving; waiting for ECS to call it complete"
    since = ours.get("createdAt")
    fresh = [each for each in service.get("events", []) if since is None or each["createdAt"] >= since]
    if any(DRAINS.search(each["message"]) for each in fresh):
        return f"serving; waiting for {old} old to drain"
    return f"waiting for health checks; {old} old serving until then"


def _look(service: Service, clients: Clients, report: Report, deadline: float) -> ServiceTypeDef:
    """Describe the service; being throttled is no reason to give up while there is time."""
    while True:
        try:
            return describe(service, clients)
        except ThrottledError:
            if clients.clock() + LONGEST_POLL_SECONDS > deadline:
                raise
            report.say(f"AWS is throttling; asking again in {LONGEST_POLL_SECONDS:.0f} s")
            clients.sleep(LONGEST_POLL_SECONDS)


def _has_breaker(service: ServiceTypeDef) -> bool:
    breaker = service.get("deploymentConfiguration", {}).get("deploymentCircuitBreaker")
    return bool(breaker and breaker.get("enable"))
