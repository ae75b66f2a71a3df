"""What each release task does: the checks, then the stages, then what there is to tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.clients import Clients
from tasks.embedded import cloud
from tasks.git import Git
from tasks.release import before_deploy, dry_run, git_tag, image, one_off, outcomes, pipeline, smoke, together
from tasks.release.service_state import deployed_version
from tasks.release.version import require_free
from tasks.report import Outcome
from tasks.sdk_errors import asking_docker

if TYPE_CHECKING:
    from tasks.command import Work
    from tasks.documents import Json
    from tasks.release.source import Source


@dataclass(frozen=True)
class Manner:
    """How to deploy, as the command line says it; `before_deploy` is a command for the new revision."""

    force: bool = False
    no_rollback: bool = False
    independent: bool = False
    before_deploy: str = ""


def build(work: Work, *, no_cache: bool = False) -> Outcome:
    """Build the images."""
    version = work.version if work.options.version else ""
    sources = _sources(work, version)
    clients = _clients(work)
    with asking_docker("looking for the Docker Engine"):
        clients.docker.ping()
    if work.options.dry_run:
        return dry_run.tell(sources, clients, dry_run.BUILD)
    images = []
    for source in sources:
        with work.report.stage(source.service.name, "build"):
            images.append(image.build(source, clients, work.report, no_cache=no_cache))
    return outcomes.built(images, work.settings, work.report)


def push(work: Work) -> Outcome:
    """Build, where needed, and push; a version that is taken is refused before the first build."""
    sources, clients = _ready(work)
    if work.options.dry_run:
        return dry_run.tell(sources, clients, dry_run.PUSH)
    for source in sources:
        require_free(source, clients)
    built = [pipeline.build(source, clients, work.report) for source in sources]
    images = [pipeline.push(each, clients, work.report) for each in built]
    return outcomes.pushed(images, work.settings, work.report)


def register(work: Work) -> Outcome:
    """Build and push, where needed, and register."""
    sources, clients = _ready(work)
    if work.options.dry_run:
        return dry_run.tell(sources, clients, dry_run.REGISTER)
    revisions = [pipeline.prepare(source, clients, work.report) for source in sources]
    return outcomes.registered(revisions, work.settings, work.report)


def deploy(work: Work, *, manner: Manner) -> Outcome:
    """The whole way; several services are one release, which goes back as a whole unless they are independent."""
    words = one_off.split(manner.before_deploy) if manner.before_deploy else ()
    if words:
        before_deploy.require_one(work.services)
    options = pipeline.DeployOptions(work.timeout, manner.force, not manner.no_rollback, manner.independent, words)
    sources, clients = _ready(work)
    pipeline.check_services(work.services, clients, force=manner.force)
    if work.options.dry_run:
        return dry_run.tell(sources, clients, dry_run.DEPLOY, options)
    releases = together.release(sources, clients, work.report, options)
    return outcomes.deployed(list(releases), work.settings, work.report)


def verify(work: Work) -> Outcome:
    """Prove over HTTP that the version ECS runs, or the one given, is the one that answers."""
    version, timeout = work.version if work.options.version else "", work.timeout
    clients = work.connect()
    versions = []
    for service in work.services:
        with work.report.stage(service.name, "verify"):
            running = deployed_version(service, clients)
            if version and running and running != version:
                raise smoke.OtherVersionError(service, running, version)
            expected = smoke.Expected(service, version or running)
            versions.append(smoke.verify(expected, clients, work.report, timeout))
    return outcomes.verified(versions, work.settings, work.report)


def tag(work: Work) -> Outcome:
    """Check, show what the tags bring, ask, create and push them."""
    git, release = Git(work.settings.root), work.settings.release
    tags = git_tag.plan(work.services, work.version, git, release)
    for each in tags:
        for line in each.lines:
            work.report.say(line)
    names: list[Json] = [each.name for each in tags]
    listed = ", ".join(each.name for each in tags)
    if work.options.dry_run:
        return Outcome({"dry_run": True, "tags": names}, (f"would create {listed} and push to {release.remote}",))
    work.confirm(f"Pushing {listed} deploys to production. Go on?")
    git_tag.make(tags, git, release)
    return Outcome(
        {"tags": names, "remote": release.remote}, (f"pushed {listed}: GitHub's workflow deploys it now",)
    )


def _sources(work: Work, version: str) -> tuple[Source, ...]:
    return tuple(pipeline.check_source(service, version, work.settings) for service in work.services)


def _ready(work: Work) -> tuple[tuple[Source, ...], Clients]:
    """Check everything that can be checked before anything changes, in the order of what costs least."""
    sources = _sources(work, work.version)
    for source in sources:
        template = source.service.template
        if Git(work.settings.root).changes(template):
            work.report.say(f"{template} has uncommitted changes: no commit holds what is registered")
    if work.settings.target.is_production and not work.options.dry_run:
        named = ", ".join(service.name for service in work.services)
        work.confirm(f"This changes production ({named} {work.version}, {work.settings.target.account}).")
    clients = _clients(work)
    pipeline.check_cloud(work.services, clients)
    return sources, clients


def _clients(work: Work) -> Clients:
    """Make the clients; the embedded cloud is brought up first where it is the target."""
    settings = work.settings
    if settings.target.name != "local":
        return Clients(settings.target)
    if work.options.dry_run:
        cloud.require_running(settings)
    with work.report.stage("", "cloud"):
        return Clients(cloud.up(settings, work.services, work.report))
