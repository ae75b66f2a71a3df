"""The whole way of one service, in order: what is checked first, the stages, and the way back when one fails."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks import identity
from tasks.diagnosis.explain import explain
from tasks.diagnosis.findings import Case
from tasks.diagnosis.so_far import so_far
from tasks.errors import DeploymentFailedError, GaveUpWaitingError, NotReadyError, SmokeTestError
from tasks.git import Git
from tasks.release import (
    api_check,
    by_hand,
    deployment,
    image,
    interruption,
    proof,
    record,
    registry,
    rollout,
    smoke,
    source,
    task_definition,
    wait_advice,
    way_back,
)
from tasks.release.deployment import Deployment
from tasks.release.interruption import Phase
from tasks.release.service_state import require_deployable, require_no_newer, running, to_return_to
from tasks.release.version import require_free
from tasks.release.way_back import Back
from tasks.sdk_errors import asking_docker

if TYPE_CHECKING:
    from tasks.clients import Clients
    from tasks.errors import DeployError
    from tasks.release.image import Image
    from tasks.release.registry import PushedImage
    from tasks.release.service_state import Running
    from tasks.release.smoke import VerifiedVersion
    from tasks.release.source import Source
    from tasks.release.task_definition import Revision
    from tasks.release.wait_advice import Wait
    from tasks.report import Report
    from tasks.settings import Service, Settings


@dataclass(frozen=True)
class DeployOptions:
    """How a deploy behaves. `timeout` in seconds, for each service's rollout.

    `independent` leaves the services of a release at their new versions when another one of it fails.
    `before_deploy` is a command in words, run in the new revision before the service is updated.
    """

    timeout: float
    force: bool
    roll_back: bool
    independent: bool = False
    before_deploy: tuple[str, ...] = ()


@dataclass(frozen=True)
class Released:
    """A finished deploy of one service."""

    deployment: Deployment
    verified: VerifiedVersion
    wait: Wait | None = None


def check_source(service: Service, version: str, settings: Settings) -> Source:
    """Look at the checkout and the template; refuse what may not be released.

    Raises:
        UsageError: folder, Dockerfile or task definition template are missing or malformed.
        GitError: the checkout cannot be released from.
        NotReadyError: the target takes released commits only, and the tree is dirty or the commit not pushed.
    """
    task_definition.load_template(service, settings.target)
    found = source.inspect(service, version)
    if settings.target.released_commits_only:
        source.require_released_commit(Git(settings.root), settings.release)
    return found


def check_cloud(services: tuple[Service, ...], clients: Clients) -> None:
    """Ask for everything a deploy needs to find, before anything is built or changed.

    Raises:
        DockerUnavailableError: no Docker Engine answers.
        CredentialsError: there are none, or they expired.
        WrongAccountError: they belong to another account.
        RepositoryMissingError: a repository does not exist.
    """
    with asking_docker("looking for the Docker Engine"):
        clients.docker.ping()
    identity.check(clients)
    for service in services:
        registry.tagged(service, ("0.0.0",), clients)


def check_services(services: tuple[Service, ...], clients: Clients, *, force: bool) -> None:
    """Refuse services that are missing, inactive, scaled to zero, or busy with another deployment."""
    for service in services:
        state = running(service, clients)
        family = task_definition.described(service.family, clients) or {}
        require_deployable(state, str(family.get("taskDefinitionArn", "")), force=force)


def check_versions(sources: tuple[Source, ...], clients: Clients, *, force: bool = False) -> None:
    """Refuse to put an older version over a newer one where only released commits go, unless it is forced.

    A job that is run again, two tags pushed together or a late approval would do that without a word.

    Raises:
        OlderVersionError: a newer one runs.
        ServiceMissingError, AccessDeniedError: as `service_state.running`.
    """
    if clients.target.released_commits_only and not force:
        for each in sources:
            require_no_newer(running(each.service, clients), each.version)


def build(found: Source, clients: Clients, report: Report) -> Image:
    """Stage 1: the image."""
    with report.stage(found.service.name, "build"):
        return image.build(found, clients, report)


def push(built: Image, clients: Clients, report: Report) -> PushedImage:
    """Stage 2: the image in ECR, unless its version is taken."""
    with report.stage(built.source.service.name, "push"):
        require_free(built.source, clients)
        return registry.push(built, clients, report)


def register(pushed: PushedImage, clients: Clients, report: Report) -> Revision:
    """Stage 3: the revision."""
    with report.stage(pushed.image.source.service.name, "register"):
        return task_definition.register(pushed, clients, report)


def prepare(found: Source, clients: Clients, report: Report) -> Revision:
    """Stages 1 to 3; each finds what exists already. A version that is taken is refused before the first."""
    require_free(found, clients)
    return register(push(build(found, clients, report), clients, report), clients, report)


def deploy(revision: Revision, clients: Clients, report: Report, options: DeployOptions) -> Released:
    """Stages 4 and 5: the rollout, and the proof over HTTP; on failure the way back.

    Raises:
        RolloutFailedError, TookTooLongError, SupersededError, NotServingError: with what became of it.
        NotReadyError: AWS cannot be asked any more; says what that leaves, and how to go on.
        InterruptedMidwayError: likewise.
    """
    service = revision.pushed.image.source.service
    with report.stage(service.name, "update"):
        before = to_return_to(service, clients)
        compared = _compared(revision, before, clients)
        for line in _told(compared, before):
            report.say(line)
        require_deployable(before, revision.arn, force=options.force)
        record.keep_start(revision, before, clients, report)
        with interruption.told(Deployment(revision, "", before, adopted=False), Phase.SENDING):
            started = deployment.start(revision, before, clients, force=options.force)
            report.say(_beginning(started))
    try:
        return _prove(replace(started, compared=compared), clients, report, options)
    except KeyboardInterrupt as error:  # between two phases
        raise interruption.InterruptedMidwayError(started, Phase.SENDING) from error


def _prove(started: Deployment, clients: Clients, report: Report, options: DeployOptions) -> Released:
    service = started.service
    case = Case(service, started.revision.arn, started.rollout.version, since=started.began)
    watched = replace(started.rollout, ask_why=lambda: so_far(case, clients))
    began = up = clients.clock()
    try:
        with interruption.told(started, Phase.COMING_UP), report.stage(service.name, "rollout"):
            finished = rollout.wait(watched, clients, report, options.timeout)
            up = clients.clock()
        with interruption.told(started, Phase.UNPROVED), report.stage(service.name, "verify"):
            patience = min(options.timeout, smoke.DEADLINE_SECONDS)
            verified = proof.prove(proof.Finished(watched, finished, patience), clients, report)
            api_check.require_api(service, clients)
    except (DeploymentFailedError, GaveUpWaitingError, SmokeTestError) as error:
        now = clients.clock()
        with interruption.told(started, _phase(error)):
            _require_not_superseded(error, watched, clients)
            explain(error, replace(case, asks_http=isinstance(error, SmokeTestError)), clients, report)
            if isinstance(error, SmokeTestError):
                error.add_evidence(wait_advice.until_unproved(up - began, now - up))
            else:
                error.add_evidence(wait_advice.until_verdict(watched, now - began, clients))
        with report.stage(service.name, "way back"):
            way_back.tell(error, _return(started, clients, report, options))
        raise
    return Released(started, verified, wait_advice.attribute(started, finished, clients))


def _require_not_superseded(error: DeployError, watched: rollout.Rollout, clients: Clients) -> None:
    """Where HTTP proved nothing: another deployment may have taken over since ours was complete."""
    if isinstance(error, SmokeTestError):
        with suppress(NotReadyError):
            rollout.require_not_superseded(watched, clients)


def _phase(error: DeployError) -> Phase:
    if isinstance(error, SmokeTestError):
        return Phase.UNPROVED
    return Phase.COMING_UP if isinstance(error, GaveUpWaitingError) else Phase.FAILED


def _compared(revision: Revision, before: Running, clients: Clients) -> by_hand.Compared | None:
    """Return what changes in the definition that runs, which need not be the one that was registered last."""
    if before.arn == revision.arn:
        return by_hand.Compared(())
    if not (before.definition and revision.definition):
        return None
    template = task_definition.load_template(before.service, clients.target)
    return by_hand.compare(template, before.definition, revision.definition, clients.target)


def _told(compared: by_hand.Compared | None, before: Running) -> list[str]:
    if compared is None:
        return []
    if before.never_deployed:
        return [f"everything is new: {before.name} only held its place"]
    if not compared.changes:
        return [f"nothing changes in the task definition that runs ({before.name})"]
    lines = [f"changes in the task definition that runs ({before.name}):"]
    return [*lines, *(f"  {each}" for each in compared.lines)]


def _beginning(started: Deployment) -> str:
    if started.adopted:
        return f"{started.rollout.name} runs already; following its deployment {started.id}"
    return f"{started.before.name} -> {started.rollout.name}, deployment {started.id}"


def _return(started: Deployment, clients: Clients, report: Report, options: DeployOptions) -> Back:
    record.keep_failure(started, clients, report)
    if not options.roll_back:
        return Back(way_back.left(started, clients))
    return way_back.restore(started, clients, report)
