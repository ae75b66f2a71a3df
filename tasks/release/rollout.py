"""wait: until a deployment serves, has failed, or the time is up; judged on its own id, never on 'stable'."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tasks.errors import DeploymentFailedError, GaveUpWaitingError, SupersededError
from tasks.release.rollout_judge import NOT_LISTED, Cause, Seen, judge, trouble
from tasks.release.rollout_view import View
from tasks.release.service_state import describe, listed, primary
from tasks.sdk_errors import ThrottledError

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_ecs.type_defs import ServiceTypeDef

    from tasks.clients import Clients
    from tasks.report import Report
    from tasks.settings import Service

FIRST_POLL_SECONDS = 1.0
LONGEST_POLL_SECONDS = 3.0
POLL_GROWTH = 1.15
# DescribeServices is eventually consistent: right after UpdateService it may still tell what was before. See
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
LISTED_WITHIN_SECONDS = 30.0
# A stopped task may be listed a little later than it is counted.
LOOKS_FOR_A_CAUSE = 3


def nobody_knows() -> Cause | None:
    """Know of no cause."""
    return None


@dataclass(frozen=True)
class Rollout:
    """What is waited for: ECS's deployment `id` of the revision `arn`, after which `version` serves.

    `before` is the revision that ran when it began, `told` the ids of service events that were shown already.
    `ask_why` finds out why tasks failed so far; it is asked whenever one more did.
    """

    service: Service
    id: str
    arn: str
    version: str
    before: str
    told: frozenset[str] = frozenset()
    ask_why: Callable[[], Cause | None] = field(default=nobody_knows, repr=False, compare=False)

    @property
    def name(self) -> str:
        """`family:number` of the revision."""
        return self.arn.rpartition("/")[2]


class RolloutFailedError(DeploymentFailedError):
    """ECS, or the repeated failure of its tasks, says that the new version does not come up."""

    def __init__(self, rollout: Rollout, reason: str, evidence: tuple[str, ...]) -> None:
        super().__init__(
            f"{rollout.service.ecs_service}: version {rollout.version} ({rollout.name}) did not come up: {reason}",
            fix="Fix the cause, then deploy the next version.",
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
    deadline, watched = began + timeout, False
    view, why, seen = View(rollout, clients, report), _Why(rollout, report), Seen()
    while True:
        service = _look(rollout.service, clients, report, deadline)
        watched = watched or listed(service, rollout.id, rollout.arn) is not None
        known = watched or clients.clock() >= began + LISTED_WITHIN_SECONDS
        seen = replace(seen.after(service, rollout), targets=view.targets(service))
        verdict = judge(service, rollout, seen) if known else NOT_LISTED
        view.show(service, verdict.reason)
        if verdict.state == "waiting":
            seen = replace(seen, cause=why.after(service, seen))
            verdict = judge(service, rollout, seen) if known else verdict
        if verdict.state == "done":
            return service
        if verdict.state == "superseded":
            raise superseded(rollout, verdict.reason)
        if verdict.state == "failed":
            raise RolloutFailedError(rollout, verdict.reason, view.evidence)
        if clients.clock() + pause > deadline:
            if verdict.state == "serving":
                report.say(f"{timeout:.0f} s are over: {rollout.name} is {verdict.reason}")
                return service
            raise TookTooLongError(rollout, timeout, view.evidence)
        clients.sleep(pause)
        pause = min(pause * POLL_GROWTH, LONGEST_POLL_SECONDS)


def completed(service: ServiceTypeDef, rollout: Rollout) -> bool:
    """Whether ECS itself has called the deployment complete; else only its old tasks may still drain."""
    ours = listed(service, rollout.id, rollout.arn)
    return ours is not None and ours.get("rolloutState", "COMPLETED") == "COMPLETED"


def require_still_up(rollout: Rollout, clients: Clients) -> None:
    """Look once more at a deployment that was proved before ECS called it complete.

    Raises:
        RolloutFailedError, SupersededError: it failed meanwhile, or another one took over.
    """
    verdict = judge(describe(rollout.service, clients), rollout)
    if verdict.state == "failed":
        raise RolloutFailedError(rollout, verdict.reason, ())
    if verdict.state == "superseded":
        raise superseded(rollout, verdict.reason)


def require_not_superseded(rollout: Rollout, clients: Clients) -> None:
    """Refuse to go on where neither our revision nor the one before is what ECS brings up.

    Raises:
        SupersededError: another deployment took over.
    """
    serving = (primary(describe(rollout.service, clients)) or {}).get("taskDefinition", rollout.arn)
    if serving not in (rollout.arn, rollout.before):
        raise superseded(rollout, f"another deployment took over, of {serving.rpartition('/')[2]}.")


def superseded(rollout: Rollout, reason: str) -> SupersededError:
    """Return the error that says that another deployment took over."""
    return SupersededError(
        f"{rollout.service.ecs_service}: {reason}",
        fix="Look at what runs now (./inv status), then decide which version is to serve.",
    )


class _Why:
    """Asks why tasks failed whenever one more did, and says each cause once."""

    def __init__(self, rollout: Rollout, report: Report) -> None:
        self._rollout = rollout
        self._report = report
        self._trouble = 0
        self._looks = 0
        self._told: set[str] = set()

    def after(self, service: ServiceTypeDef, seen: Seen) -> Cause | None:
        """Return what is known by now."""
        grown = trouble(service, self._rollout, seen)
        if grown > self._trouble:
            self._trouble, self._looks = grown, LOOKS_FOR_A_CAUSE
        if not self._looks:
            return seen.cause
        self._looks -= 1
        found = self._rollout.ask_why()
        if found and found.told not in self._told:
            self._told.add(found.told)
            self._report.say(f"cause so far: {found.told}")
        return found or seen.cause


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
