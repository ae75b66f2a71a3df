"""A workflow run, job by job and step by step, shown as GitHub shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.documents import as_object
from tasks.errors import suggestion
from tasks.rehearsal import contexts, machine, uses, workflow
from tasks.rehearsal.contexts import Given, JobState
from tasks.rehearsal.expressions import as_text
from tasks.rehearsal.steps import Machine, Result, Runner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.documents import Json
    from tasks.rehearsal.uses import Stage
    from tasks.rehearsal.workflow import Job, Step, Workflow
    from tasks.settings import Target


@dataclass(frozen=True)
class World:
    """What surrounds a run.

    `variables` and `secrets` are the repository's; `machine` this machine's environment; `credentials_only` says
    that of all steps only those that take a role are played.
    """

    target: Target
    variables: Mapping[str, str]
    secrets: Mapping[str, str]
    machine: Mapping[str, str]
    role: str
    credentials_only: bool = False


@dataclass(frozen=True)
class JobRun:
    """A job that was played."""

    workflow: str
    job: str
    steps: tuple[Result, ...]

    @property
    def failure(self) -> Result | None:
        """The first step that failed the job."""
        return next((each for each in self.steps if each.code and not each.tolerated), None)


def play(started: Workflow, world: World, stage: Stage) -> tuple[JobRun, ...]:
    """Play a workflow that the push starts, with those that it calls; raises `UsageError` before any step."""
    given = Given(world.variables, world.secrets)
    everything = tuple(_jobs(started, given, stage))
    for job, _ in everything:
        for step in job.steps:
            uses.check(step)
    for secret in world.secrets.values():
        stage.log.mask(secret)
    return tuple(_play(started, job, job_given, (world, stage)) for job, job_given in everything)


def _jobs(started: Workflow, given: Given, stage: Stage) -> list[tuple[Job, Given]]:
    """Return every job with steps, and what it is given: a called one its inputs and the secrets handed over."""
    found: list[tuple[Job, Given]] = []
    for job in started.jobs:
        if not job.calls:
            found.append((job, replace(given, id_token=_id_token(started, job))))
            continue
        outer = JobState(contexts.of_github(stage.event, started.name, job.name, stage.places.root), given)
        called = workflow.called(stage.places.files, job)
        passed = job.data.get("secrets")
        secrets = given.secrets if passed == "inherit" else outer.texts(as_object(passed))
        inputs = _inputs(called, job, outer.texts(job.mapping("with")))
        allowed = _id_token(started, job)
        for inner in called.jobs:
            token = allowed and _id_token(called, inner)
            found.append((inner, Given(given.variables, secrets, inputs, token)))
    return found


def _inputs(called: Workflow, job: Job, passed: Mapping[str, str]) -> dict[str, Json]:
    """Return a called workflow's inputs with their defaults; an unknown or a missing one is an error on GitHub."""
    declared = as_object(as_object(as_object(called.events).get("workflow_call")).get("inputs"))
    file = called.document.name
    for name in passed:
        if name not in declared:
            problem = f"{file} has no input '{name}'.{suggestion(name, tuple(declared))}"
            raise job.document.wrong(
                f"{job.key}.with.{name}", problem, "Correct it, declare it there, or leave it out."
            )
    for name, each in declared.items():
        if as_object(each).get("required") is True and name not in passed:
            raise job.document.wrong(f"{job.key}.with", f"{file} requires '{name}'", f"Pass {name} with `with`.")
    return {name: passed.get(name, as_text(as_object(each).get("default"))) for name, each in declared.items()}


def _id_token(of: Workflow, job: Job) -> bool:
    """Whether the job may ask for an OIDC token; a job's own permissions replace its workflow's."""
    permissions = job.data.get("permissions", of.document.data.get("permissions"))
    return permissions == "write-all" or as_object(permissions).get("id-token") == "write"


def _play(started: Workflow, job: Job, given: Given, around: tuple[World, Stage]) -> JobRun:
    world, stage = around
    stage.places.renew()
    github = contexts.of_github(
        stage.event, started.name, job.key.rpartition(".")[2], stage.places.workspace(stage.event.repository.name)
    )
    state = JobState(github, given)
    environment = state.text(job.environment)
    state.environment |= state.texts(as_object(job.document.data.get("env")))
    state.environment |= state.texts(job.mapping("env"))
    variables = {**machine.kept(world.machine), **_cloud(world.target)}
    runner = Runner(job, environment, state, stage, Machine(variables, world.role))
    steps = [each for each in job.steps if not world.credentials_only or _takes_role(each)]
    name, say = state.text(job.name), stage.log.say
    say(f"{started.name} / {name}")
    return JobRun(started.name, name, tuple(_show(runner, step, len(steps)) for step in steps))


def _show(runner: Runner, step: Step, count: int) -> Result:
    say = runner.stage.log.say
    say(f"[{runner.number + 1}/{count}] {runner.name(step)}")
    result = runner.run(step)
    say(f"    {result.state}" + (f" in {result.seconds:.1f} s" if result.state != "skipped" else ""))
    return result


def _cloud(target: Target) -> dict[str, str]:
    """Return what makes the steps' AWS the embedded one; that, and nothing else, is not as on GitHub."""
    return {"AWS_ENDPOINT_URL": str(target.endpoint_url), "ECR_REGISTRY": target.registry, **target.build_args}


def _takes_role(step: Step) -> bool:
    return step.text("uses").partition("@")[0] == uses.CREDENTIALS
