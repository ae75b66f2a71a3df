"""rehearse --failure: a failure provoked for real on the embedded cloud, explained, and the good version back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.clients import Clients
from tasks.commands import point_error
from tasks.embedded import cloud
from tasks.errors import DeployError, NotReadyError, UsageError, suggestion
from tasks.rehearsal.broken import register_broken
from tasks.rehearsal.defects import FAILURES, NOT_HERE
from tasks.rehearsal.situations import SITUATIONS, Situation
from tasks.release import pipeline, smoke, way_back
from tasks.release.service_state import NeverDeployedError, deployed_version
from tasks.report import Outcome

if TYPE_CHECKING:
    from tasks.command import Work
    from tasks.documents import Json
    from tasks.report import Report
    from tasks.settings import Service

TIMEOUT = 20.0
PRACTISED = (*FAILURES, *SITUATIONS)
DEFAULT = "backend"


class PracticeError(UsageError):
    """There is no such failure to practise, or not here."""

    def __init__(self, failure: str) -> None:
        why = NOT_HERE.get(failure)
        what = (
            f"{failure} is not practised this way on the embedded cloud: {why}"
            if why
            else f"There is no failure '{failure}'.{suggestion(failure, PRACTISED)}"
        )
        super().__init__(what, fix=f"Use --failure={'|'.join(PRACTISED)}; docs/failures.md describes them all.")


class OneServiceError(UsageError):
    """A failure is practised on one service."""

    def __init__(self, asked: str) -> None:
        super().__init__(
            f"A failure is practised on one service, not on '{asked}'.", fix=f"Name one: --service={DEFAULT}."
        )


class OtherServiceError(UsageError):
    """The failure means nothing for the service named."""

    def __init__(self, situation: Situation, asked: str) -> None:
        super().__init__(
            f"{situation.name} has no meaning for {asked}: {situation.because}.",
            fix=f"Use --service={situation.only}, or leave it out.",
        )


class NotLocalError(UsageError):
    """Nobody practises in production."""

    def __init__(self) -> None:
        super().__init__("A failure is only practised on the embedded cloud.", fix="Leave --target=aws out.")


class NotNamedError(NotReadyError):
    """The failure came, and was taken for another one, or did not come at all."""

    def __init__(self, failure: str, problem: str) -> None:
        super().__init__(f"Practising {failure}: {problem}", fix="Look: ./inv status; ./inv diagnose")


class NotBackError(NotReadyError):
    """The failure was named, and what ran before it does not serve again."""

    def __init__(self, failure: str, good: str, service: Service, serving: str) -> None:
        super().__init__(
            f"Practising {failure}: it was named, but version {serving or 'unknown'} serves, not {good}, "
            "which ran before.",
            fix=f"Deploy that again: ./inv deploy --service={service.name} --version={good}",
        )


@dataclass(frozen=True)
class Practice:
    """What was practised: the failure as a deploy tells it, seconds from update to end, what serves now."""

    error: DeployError
    seconds: float
    serving: str


def practise(work: Work, failure: str) -> Outcome:
    """Bring a failure about, show it as a deploy tells it, and prove that the good version serves.

    Raises:
        PracticeError, OneServiceError, OtherServiceError, NotLocalError: it cannot be practised.
        NeverDeployedError: there is no good version to come back to.
        NotNamedError: the diagnosis names another cause, or the version came up.
        NotBackError: the good version does not serve again.
    """
    if failure not in PRACTISED:
        raise PracticeError(failure)
    settings = work.settings
    if settings.target.name != "local":
        raise NotLocalError
    service = _service(failure, work)
    clients = Clients(settings.target)
    cloud.require_running(settings)
    good = deployed_version(service, clients)
    if not good:
        raise NeverDeployedError(service)
    done = _provoke(service, failure, clients, work.report)
    point_error(done.error, settings.target)
    work.report.error(done.error)
    if not _is_named(failure, done.error):
        raise NotNamedError(failure, f"the cause was told as: {(*done.error.evidence, str(done.error))[0]}")
    if done.serving != good:
        raise NotBackError(failure, good, service, done.serving)
    return _told(failure, service, done)


def _service(failure: str, work: Work) -> Service:
    """Return the service that is to fail: the one named, else the one that shows it."""
    situation = SITUATIONS.get(failure)
    only = situation.only if situation else ""
    asked = work.options.service or only or DEFAULT
    if asked == "all" or "," in asked:
        raise OneServiceError(asked)
    (service,) = work.settings.select(asked)
    if situation and only not in ("", service.name):
        raise OtherServiceError(situation, service.name)
    return service


def _provoke(service: Service, failure: str, clients: Clients, report: Report) -> Practice:
    began = clients.clock()
    try:
        if failure in SITUATIONS:
            SITUATIONS[failure].provoke(service, clients, report)
        else:
            revision = register_broken(service, FAILURES[failure], clients)
            began = clients.clock()
            options = pipeline.DeployOptions(TIMEOUT, force=False, roll_back=True)
            came_up = pipeline.deploy(revision, clients, report, options)
            report.say(way_back.restore(came_up.deployment, clients, report).told)
    except DeployError as error:
        seconds = clients.clock() - began
        with report.stage(service.name, "verify"):
            serving = smoke.verify(smoke.Expected(service, deployed_version(service, clients)), clients, report)
        return Practice(error, seconds, serving.version)
    raise NotNamedError(failure, "nothing failed.")


def _is_named(failure: str, error: DeployError) -> bool:
    if failure in SITUATIONS:
        return isinstance(error, SITUATIONS[failure].error)
    return f"docs/failures.md#{failure})" in "\n".join(error.evidence)


def _told(failure: str, service: Service, done: Practice) -> Outcome:
    document: dict[str, Json] = {
        "service": service.name,
        "failure": failure,
        "message": str(done.error),
        "evidence": list(done.error.evidence),
        "next_step": done.error.fix,
        "deploy_exit_code": done.error.exit_code,
        "seconds": round(done.seconds, 1),
        "serving": done.serving,
    }
    lines = (
        f"practised {failure}: it was named, and version {done.serving} serves as before",
        f"{done.seconds:.1f} s from its beginning to the end; a deploy ends with exit code {done.error.exit_code}",
    )
    return Outcome(document, lines)
