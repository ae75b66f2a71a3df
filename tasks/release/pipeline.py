"""The whole way of one service, in order: what is checked first, the stages, and the way back when one fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks import identity
from tasks.diagnosis.explain import explain
from tasks.diagnosis.findings import Case
from tasks.errors import DeploymentFailedError, GaveUpWaitingError, NotReadyError, SmokeTestError
from tasks.git import Git
from tasks.release import (
    api_check,
    deployment,
    image,
    interruption,
    record,
    registry,
    rollout,
    smoke,
    source,
    task_definition,
    wait_advice,
    way_back,
)
from tasks.release.one_commit import require_one_commit
from tasks.release.service_state import require_deployable, running, to_return_to
from tasks.release.way_back import Back
from tasks.sdk_errors import asking_docker

if TYPE_CHECKING:
    from tasks.clients import Clients
    from tasks.release.deployment import Deployment
    from tasks.release.image import Image
    from tasks.release.registry import PushedImage
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
        NotReadyError: the target is `aws`, rehearsed or not, and the tree is dirty or the commit not pushed.
    """
    task_definition.load_template(service, settings.target)
    found = source.inspect(service, version)
    if settings.target.name == "aws":
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


def build(found: Source, clients: Clients, report: Report) -> Image:
    """Stage 1: the image."""
    with report.stage(found.service.name, "build"):
        return image.build(found, clients, report)


def push(built: Image, clients: Clients, report: Report) -> PushedImage:
    """Stage 2: the image in ECR, unless its version belongs to another commit."""
    with report.stage(built.source.service.name, "push"):
        require_one_commit(built.source, clients)
        return registry.push(built, clients, report)


def register(pushed: PushedImage, clients: Clients, report: Report) -> Revision:
    """Stage 3: the revision."""
    with report.stage(pushed.image.source.service.name, "register"):
        return task_definition.register(pushed, clients, report)


def prepare(found: Source, clients: Clients, report: Report) -> Revision:
    """Stages 1 to 3; each finds what exists already. A version that is used is refused before the first."""
    require_one_commit(found, clients)
    registry.require_free_version(found, clients)
    return register(push(build(found, clients, report), clients, report), clients, report)


def deploy(revision: Revision, clients: Clients, report: Report, options: DeployOptions) -> Released:
    """Stages 4 and 5: the rollout, and the proof over HTTP; on failure the way back.

    Raises:
        RolloutFailedError, TookTooLongError, SupersededError, NotServingError: with what became of it.
        NotReadyError: AWS cannot be asked any more; says what ECS goes on with.
        InterruptedMidwayError: likewise.
    """
    found = revision.pushed.image.source
    with report.stage(found.service.name, "update"):
        before = to_return_to(found.service, clients)
        require_deployable(before, revision.arn, force=options.force)
        record.keep_start(revision, before, clients, report)
        started = deployment.start(revision, before, clients, force=options.force)
        report.say(_beginning(started))
    try:
        return _prove(started, clients, report, options)
    except NotReadyError as error:
        error.add_evidence(interruption.state_left(started), interruption.how_to_go_on(started))
        raise
    except KeyboardInterrupt as error:
        raise interruption.InterruptedMidwayError(started) from error


def _prove(started: Deployment, clients: Clients, report: Report, options: DeployOptions) -> Released:
    service, version = started.service, started.rollout.version
    try:
        with report.stage(service.name, "rollout"):
            finished = rollout.wait(started.rollout, clients, report, options.timeout)
        with report.stage(service.name, "verify"):
            patience = min(options.timeout, smoke.DEADLINE_SECONDS)
            verified = smoke.verify(smoke.Expected(service, version), clients, report, patience)
            api_check.require_api(service, clients)
    except (DeploymentFailedError, GaveUpWaitingError, SmokeTestError) as error:
        asks_http = isinstance(error, SmokeTestError)
        explain(error, Case(service, started.revision.arn, version, asks_http), clients, report)
        with report.stage(service.name, "way back"):
            way_back.tell(error, _return(started, clients, report, options))
        raise
    return Released(started, verified, wait_advice.attribute(started, finished, clients))


def _beginning(started: Deployment) -> str:
    if started.adopted:
        return f"{started.rollout.name} runs already; following its deployment {started.id}"
    return f"{started.before.name} -> {started.rollout.name}, deployment {started.id}"


def _return(started: Deployment, clients: Clients, report: Report, options: DeployOptions) -> Back:
    record.keep_failure(started, clients, report)
    if not options.roll_back:
        return Back(way_back.left(started, clients))
    return way_back.restore(started, clients, report)
