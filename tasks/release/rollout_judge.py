"""Where a deployment stands: a pure function of what AWS answers, and of what was seen before."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from tasks.release.service_state import listed, primary
from tasks.release.target_health import HEALTHY
from tasks.release.wait_phases import DRAINS

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef

    from tasks.release.rollout import Rollout
    from tasks.release.target_health import Target

# The circuit breaker's own threshold: half of the tasks, within these bounds. It often fires minutes later, or
# never, so it is not waited for:
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
FEWEST_FAILURES, MOST_FAILURES = 3, 200
FAILURES_THAT_CANNOT_HEAL = 2
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
STARTED = re.compile(r"has started (\d+) tasks")
UNABLE = re.compile(r"unable to consistently start tasks")
TROUBLE = re.compile(
    r"unable to place a task|unable to consistently start|CannotPull|CannotStart|CannotCreate|"
    r"ResourceInitialization|failed to start|is unhealthy|failed container health checks",
    re.IGNORECASE,
)

State = Literal["waiting", "serving", "done", "failed", "superseded"]


@dataclass(frozen=True)
class Verdict:
    """Where a deployment stands, and why.

    It is `serving` when ECS lets go of the old tasks, and wants none of them any more.
    """

    state: State
    reason: str


@dataclass(frozen=True)
class Cause:
    """Why tasks failed so far, in a sentence.

    `tasks` is for how many in a row, None where tasks may not be listed; `heals` whether it can go away by itself.
    """

    told: str
    tasks: int | None = None
    heals: bool = True


@dataclass(frozen=True)
class Seen:
    """What more than one look has shown.

    `ended` is how many tasks were gone again, of those that `ran` at the look before; `targets` what the load
    balancer says, None where that is not known; `cause` why tasks failed so far.
    """

    ended: int = 0
    ran: int = 0
    targets: tuple[Target, ...] | None = None
    cause: Cause | None = None

    def after(self, service: ServiceTypeDef, rollout: Rollout) -> Seen:
        """Return the same after one more look; what is gone because less is wanted has not ended by itself."""
        ours = listed(service, rollout.id, rollout.arn)
        if ours is None:
            return self
        runs, wanted = ours.get("runningCount", 0), ours.get("desiredCount", 0)
        return replace(self, ended=self.ended + max(0, min(self.ran, wanted) - runs), ran=runs)


NOT_LISTED = Verdict("waiting", "the deployment is not listed yet")
NOTHING = Seen()


def judge(service: ServiceTypeDef, rollout: Rollout, seen: Seen = NOTHING) -> Verdict:
    """Say where our deployment stands; a pure function of what DescribeServices answers and of what was seen."""
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
    if lost := _lost(service, ours, seen):
        return Verdict("failed", f"{lost}.")
    if ours.get("runningCount", 0) < ours.get("desiredCount", 0):
        return Verdict("waiting", "")
    if ours.get("rolloutState", "COMPLETED") == "COMPLETED":
        return Verdict("done", "")
    return _nearly(service, ours, seen)


def trouble(service: ServiceTypeDef, rollout: Rollout, seen: Seen) -> int:
    """Return a number that grows with every sign that a task of ours failed; 0 while there is none."""
    ours = listed(service, rollout.id, rollout.arn)
    if ours is None:
        return 0
    said = sum(bool(TROUBLE.search(each)) for each in _events(service, ours))
    return ours.get("failedTasks", 0) + seen.ended + said + max(0, _replaced(service, ours))


def _lost(service: ServiceTypeDef, ours: DeploymentTypeDef, seen: Seen) -> str:
    """Say how many tasks were lost; empty while they are few. Whether a circuit breaker is on makes no difference.

    ECS counts a task as failed only until one has run: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/
    API_Deployment.html. A program that ends soon after its start is seen by that, or by how often it is replaced.
    """
    failed, cause, most = ours.get("failedTasks", 0), seen.cause, _too_many(ours)
    if failed >= most:
        return f"{failed} tasks failed in a row"
    if seen.ended >= most:
        return f"{seen.ended} tasks ended after they had begun to run"
    if ours.get("rolloutState") != "IN_PROGRESS":
        return ""  # its events may be of weeks
    waits = ours.get("runningCount", 0) < ours.get("desiredCount", 0)
    if cause and not cause.heals and waits:
        counted = max(failed, seen.ended, _replaced(service, ours))  # an earlier deployment's tasks are listed too
        alike = counted if cause.tasks is None else min(counted, cause.tasks)
        if alike >= FAILURES_THAT_CANNOT_HEAL:
            return f"{alike} tasks in a row failed for the same reason, which does not go away by itself"
    if any(UNABLE.search(each) for each in _events(service, ours)):
        return "ECS is unable to consistently start tasks"
    replaced = _replaced(service, ours)
    return f"{replaced} tasks had to be replaced" if waits and replaced >= most else ""


def _too_many(ours: DeploymentTypeDef) -> int:
    """Return how many failed tasks a deployment of its size is not allowed."""
    return min(max(FEWEST_FAILURES, (ours.get("desiredCount", 0) + 1) // 2), MOST_FAILURES)


def _nearly(service: ServiceTypeDef, ours: DeploymentTypeDef, seen: Seen) -> Verdict:
    """Say what a deployment whose tasks all run waits for."""
    others = [each for each in service.get("deployments", []) if each is not ours]
    old = sum(each.get("runningCount", 0) for each in others)
    if _lets_go(service, ours, seen) and not any(each.get("desiredCount", 0) for each in others):
        for_what = f"{old} old to drain" if old else "ECS to call it complete"
        return Verdict("serving", f"serving; waiting for {for_what}")
    if old:
        return Verdict("waiting", f"waiting for health checks; {old} old serving until then")
    return Verdict("waiting", "waiting for ECS to call it complete")


def _lets_go(service: ServiceTypeDef, ours: DeploymentTypeDef, seen: Seen) -> bool:
    """Whether old tasks drain because all the new ones are healthy.

    The load balancer tells that, where it may be asked. Else it follows where ECS has to keep the full number of
    healthy tasks (minimumHealthyPercent 100, its default): then no old task goes before a new one is healthy. See
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html.
    What drains may also be a new task that failed; hence none may have.
    """
    if not any(DRAINS.search(each) for each in _events(service, ours)):
        return False
    if ours.get("failedTasks", 0) or seen.ended or _replaced(service, ours) > 0:
        return False
    if seen.targets is not None:
        healthy = sum(each.state == HEALTHY for each in seen.targets)
        well = all(each.state in (HEALTHY, "draining") for each in seen.targets)
        return well and healthy >= ours.get("desiredCount", 0)
    return service.get("deploymentConfiguration", {}).get("minimumHealthyPercent", 100) >= 100


def _replaced(service: ServiceTypeDef, ours: DeploymentTypeDef) -> int:
    """Return how many more tasks were started than are wanted."""
    if ours.get("rolloutState") != "IN_PROGRESS":
        return 0
    started = sum(int(found[1]) for found in map(STARTED.search, _events(service, ours)) if found)
    return started - ours.get("desiredCount", 0)


def _events(service: ServiceTypeDef, ours: DeploymentTypeDef) -> list[str]:
    """Return the messages of the events since our deployment began."""
    since = ours.get("createdAt")
    return [each["message"] for each in service.get("events", []) if since is None or each["createdAt"] >= since]
