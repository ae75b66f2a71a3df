"""wait: until a deployment serves, has failed, or the time is up; judged on its own id, never on 'stable'."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tasks.errors import DeploymentFailedError, GaveUpWaitingError, SupersededError
from tasks.release.rollout_view import View
from tasks.release.service_state import describe, listed, primary
from tasks.release.wait_phases import DRAINS
from tasks.sdk_errors import ThrottledError

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
# DescribeServices is eventually consistent: right after UpdateService it may still tell what was before. See
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
LISTED_WITHIN_SECONDS = 30.0
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
STARTED = re.compile(r"has started (\d+) tasks")
UNABLE = re.compile(r"unable to consistently start tasks")

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
    """Where a deployment stands, and why.

    It is `serving` when ECS lets go of the old tasks, which it does once the new ones are healthy.
    """

    state: State
    reason: str


@dataclass(frozen=True)
class Ended:
    """How many tasks of a deployment were gone again, of those that ran at the last look."""

    tasks: int = 0
    ran: int = 0

    def after(self, service: ServiceTypeDef, rollout: Rollout) -> Ended:
        """Return the same after one more look; what is gone because less is wanted has not ended by itself."""
        ours = listed(service, rollout.id, rollout.arn)
        if ours is None:
            return self
        runs, wanted = ours.get("runningCount", 0), ours.get("desiredCount", 0)
        return Ended(self.tasks + max(0, min(self.ran, wanted) - runs), runs)


NOT_LISTED = Verdict("waiting", "the deployment is not listed yet")


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

    It is no failure when at the limit only old tasks still drain; whoever waits proves the version over HTTP.

    Raises:
        RolloutFailedError: the new version does not come up.
        SupersededError: another deployment took over.
        TookTooLongError: the limit passed.
        ServiceMissingError: the service was deleted meanwhile.
        AccessDeniedError: at once, when `ecs:DescribeServices` is missing.
        ThrottledError: AWS throttled to the end; until then it is asked again.
    """
    began, pause = clients.clock(), FIRST_POLL_SECONDS
    deadline, seen, ended = began + timeout, False, Ended()
    view = View(rollout, clients, report)
    while True:
        service = _look(rollout.service, clients, report, deadline)
        seen = seen or listed(service, rollout.id, rollout.arn) is not None
        known = seen or clients.clock() >= began + LISTED_WITHIN_SECONDS
        ended = ended.after(service, rollout)
        verdict = judge(service, rollout, ended.tasks) if known else NOT_LISTED
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
            if verdict.state == "serving":
                report.say(f"{timeout:.0f} s are over: {rollout.name} is {verdict.reason}")
                return service
            raise TookTooLongError(rollout, timeout, view.evidence)
        clients.sleep(pause)
        pause = min(pause * POLL_GROWTH, LONGEST_POLL_SECONDS)


def judge(service: ServiceTypeDef, rollout: Rollout, ended: int = 0) -> Verdict:
    """Say where our deployment stands; a pure function of what DescribeServices answers.

    `ended` is the number of its tasks that were seen to run and then were gone.
    """
    ours = listed(service, rollout.id, rollout.arn)
    current = primary(service) or {}
    serving = current.get("taskDefinition", "").rpartition("/")[2]
    gave_up = ours is not None and ours.get("rolloutState") == "FAILED"
    if gave_up:
        back = current.get("taskDefinition") == rollout.before and current is not ours
        told = f"ECS rolled back to {serving}." if back else "ECS marked the deployment FAILED."
        return Verdict("failed", (ours or {}).get("rolloutStateReason") or told)
    if ours is None or ours.get("status") != "PRIMARY":
        if current.get("taskDefinition") == rollout.before != rollout.arn:
            return Verdict("failed", f"ECS rolled back to {serving}.")
        return Verdict("superseded", f"another deployment took over, of {serving or 'nothing'}.")
    if lost := _lost(service, ours, ended):
        return Verdict("failed", f"{lost}; no circuit breaker is on.")
    if ours.get("runningCount", 0) < ours.get("desiredCount", 0):
        return Verdict("waiting", "")
    if ours.get("rolloutState", "COMPLETED") == "COMPLETED":
        return Verdict("done", "")
    return _nearly(service, ours)


def _lost(service: ServiceTypeDef, ours: DeploymentTypeDef, ended: int) -> str:
    """Say how many tasks were lost where no circuit breaker decides; empty while they are few.

    ECS counts a task as failed only until one has run: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/
    API_Deployment.html. A program that ends soon after its start is seen by that, or by how often it is replaced.
    """
    breaker = service.get("deploymentConfiguration", {}).get("deploymentCircuitBreaker")
    if breaker and breaker.get("enable"):
        return ""
    failed, fresh = ours.get("failedTasks", 0), _events(service, ours)
    if failed >= FAILURES_WITHOUT_BREAKER:
        return f"{failed} tasks failed in a row"
    if ended >= FAILURES_WITHOUT_BREAKER:
        return f"{ended} tasks ended after they had begun to run"
    if ours.get("rolloutState") != "IN_PROGRESS":
        return ""  # its events may be of weeks
    if any(UNABLE.search(each) for each in fresh):
        return "ECS is unable to consistently start tasks"
    started = sum(int(found[1]) for found in map(STARTED.search, fresh) if found)
    replaced = started - ours.get("desiredCount", 0)
    waits = ours.get("runningCount", 0) < ours.get("desiredCount", 0)
    return f"{replaced} tasks had to be replaced" if waits and replaced >= FAILURES_WITHOUT_BREAKER else ""


def _nearly(service: ServiceTypeDef, ours: DeploymentTypeDef) -> Verdict:
    """Say what a deployment whose tasks all run waits for; events tell when ECS lets go of the old ones."""
    old = sum(each.get("runningCount", 0) for each in service.get("deployments", []) if each is not ours)
    drains = any(DRAINS.search(each) for each in _events(service, ours))
    if drains and not ours.get("failedTasks", 0):
        for_what = f"{old} old to drain" if old else "ECS to call it complete"
        return Verdict("serving", f"serving; waiting for {for_what}")
    if old:
        return Verdict("waiting", f"waiting for health checks; {old} old serving until then")
    return Verdict("waiting", "waiting for ECS to call it complete")


def _events(service: ServiceTypeDef, ours: DeploymentTypeDef) -> list[str]:
    """Return the messages of the events since our deployment began."""
    since = ours.get("createdAt")
    return [each["message"] for each in service.get("events", []) if since is None or each["createdAt"] >= since]


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
