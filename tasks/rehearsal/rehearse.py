"""rehearse: a tag's push, from the workflow file to what answers over HTTP, on the embedded cloud."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.clients import Clients
from tasks.embedded import cloud, processes
from tasks.git import Git
from tasks.rehearsal import account, places, play, told, workflow
from tasks.rehearsal.event import Event
from tasks.rehearsal.log import Log
from tasks.rehearsal.stage import Stage, World
from tasks.rehearsal.wanted import complete
from tasks.setup import policies, repository
from tasks.setup.repository import RepositoryUnknownError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.command import Work
    from tasks.rehearsal.places import Places
    from tasks.rehearsal.play import JobRun
    from tasks.rehearsal.wanted import Wanted
    from tasks.rehearsal.workflow import Workflow
    from tasks.report import Outcome, Report
    from tasks.settings import Settings
    from tasks.setup.policies import Repository

RUNBOOK = policies.Repository("siruscoder", "spryte")
# A repository whose ids are not known here is rehearsed with these, in the trust policy and in the token.
STAND_IN_IDS = ("1001", "2002")
STRANGER = "somebody-else"
NOT_ON_GITHUB = ("DEPLOY_TARGET", "LOCAL_PORT")  # what .env.example has and a repository's variables have not


@dataclass(frozen=True)
class Rehearsal:
    """Everything that is known before the first step.

    `to_be_refused` says that the role is rightly not given to this run; `notices` what is repeated at the end.
    """

    event: Event
    workflows: tuple[Workflow, ...]
    world: World
    places: Places
    to_be_refused: bool = False
    notices: tuple[str, ...] = ()


def rehearse(work: Work, wanted: Wanted) -> Outcome:
    """Play a tag's push, and tell what became of it."""
    settings = work.settings
    with processes.locked(settings.state / "rehearsal.lock", work.report):
        rehearsal = prepare(settings, wanted, work.environment, work.report)
        runs = perform(rehearsal, work.report)
    return told.outcome(rehearsal, runs)


def prepare(settings: Settings, wanted: Wanted, machine: Mapping[str, str], report: Report) -> Rehearsal:
    """Find the workflows, bring the embedded cloud up, and set up the account as `aws/iam` says.

    Args:
        settings: this checkout's, for the target `local`.
        wanted: what is rehearsed.
        machine: this process's environment.
        report: who hears what is done.

    Raises:
        TagNameError, BranchNameError, NothingStartsError: nothing would run.
        DocumentError: a workflow cannot be played.
        NotReadyError: the embedded cloud cannot be brought up.
    """
    asked, wanted = wanted.tag, complete(wanted, settings)
    found, commit = places.prepare(settings, wanted.tag)
    workflows = workflow.started_by(found.files, wanted.tag)
    notices = tuple(each for each in (places.unknown_tag(settings, asked), uncommitted(settings)) if each)
    for notice in notices:
        report.say(notice)
    with report.stage("", "cloud"):
        target = cloud.up(settings, settings.select(_service(settings, wanted.tag)), report)
    own = with_ids(known_repository(settings))
    configured = repository.environment(settings)
    account.ensure(settings, own, configured, Clients(settings.target))
    sender = replace(own, owner=STRANGER, owner_id="3003", id="4004") if wanted.fork else own
    role = policies.role_arn(settings.target.account)
    world = World(
        target=target,
        variables=variables(settings, target.app_url, wanted.environment or configured),
        secrets={policies.ROLE_SECRET: role},
        machine=machine,
        role=role,
        credentials_only=bool(wanted.branch or wanted.fork),
        branch=settings.release.branch,
    )
    event = Event(sender, wanted.ref, commit, places.head(found, commit))
    return Rehearsal(event, workflows, world, found, wanted.is_to_be_refused(configured), notices)


def perform(rehearsal: Rehearsal, report: Report) -> tuple[JobRun, ...]:
    """Play every workflow that the push starts."""
    event = rehearsal.event
    report.say(f"push of {event.ref} ({event.commit[:12]}) to {event.repository.full_name}")
    runs: list[JobRun] = []
    for each in rehearsal.workflows:
        stage = Stage(rehearsal.world, event, rehearsal.places, Clients(rehearsal.world.target), Log(report.say))
        runs += play.play(each, stage)
    return tuple(runs)


def uncommitted(settings: Settings) -> str:
    """Return what to say of uncommitted changes, empty where there are none; raises `GitError`."""
    changed = len(Git(settings.root).changes())
    if not changed:
        return ""
    which = f"{changed} uncommitted change{'s are' if changed > 1 else ' is'}"
    return f"{which} not in the commit that is rehearsed; the role is made from aws/iam as it lies here"


def known_repository(settings: Settings) -> Repository:
    """Return the GitHub repository this checkout belongs to; the runbook's where nothing says."""
    try:
        return repository.find(settings)
    except RepositoryUnknownError:
        return RUNBOOK


def with_ids(found: Repository) -> Repository:
    """Return a repository with ids, so that both forms of the subject are rehearsed."""
    return found if found.owner_id and found.id else replace(found, owner_id=STAND_IN_IDS[0], id=STAND_IN_IDS[1])


def variables(settings: Settings, app_url: str, environment: str) -> dict[str, str]:
    """Return the repository's variables on GitHub: those of `.env.example`, with the address that answers here."""
    names = (settings.root / ".env.example").read_text(encoding="utf-8").splitlines()
    listed = [line.partition("=")[0] for line in names if line and not line.startswith("#")]
    known = settings.variables.values
    found = {name: known.get(name, "") for name in listed if name not in NOT_ON_GITHUB}
    return {**found, "APP_URL": app_url, "DEPLOY_ENVIRONMENT": environment}


def _service(settings: Settings, tag: str) -> str:
    name = tag.rpartition("-v")[0]
    return name if name in settings.service_names else "all"
