"""A workflow run, job by job and step by step, shown as GitHub shows it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.documents import as_object
from tasks.rehearsal import calls, contexts, grants, machine, parsed, payload, uses, workflow
from tasks.rehearsal.contexts import Given, JobState
from tasks.rehearsal.steps import Machine, Result, Runner

if TYPE_CHECKING:
    from tasks.documents import Json
    from tasks.rehearsal.stage import Stage
    from tasks.rehearsal.workflow import Job, Step, Workflow
    from tasks.settings import Target


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


def play(started: Workflow, stage: Stage) -> tuple[JobRun, ...]:
    """Play a workflow that the push starts, with those that it calls; raises `UsageError` before any step."""
    world = stage.world
    everything = tuple(_jobs(started, Given(world.variables, world.secrets), stage))
    for job, _ in everything:
        parsed.check_github(job.document, tuple(_github(stage, started, job)))
        for step in job.steps:
            uses.check(step)
    for secret in world.secrets.values():
        stage.log.mask(secret)
    return tuple(_play(started, job, given, stage) for job, given in everything)


def _jobs(started: Workflow, given: Given, stage: Stage) -> list[tuple[Job, Given]]:
    """Return every job with steps, and what it is given: a called one its inputs and the secrets handed over."""
    found: list[tuple[Job, Given]] = []
    for job in started.jobs:
        granted = grants.of(started, job)
        if not job.calls:
            found.append((job, replace(given, granted=granted)))
            continue
        parsed.check_github(job.document, tuple(_github(stage, started, job)))
        outer = JobState(_github(stage, started, job), given)
        called = workflow.called(stage.places.files, job)
        passed = job.data.get("secrets")
        calls.check_secrets(called, job)
        secrets = given.secrets if passed == "inherit" else outer.texts(as_object(passed))
        inputs = calls.inputs(called, job, outer.texts(job.mapping("with")))
        for inner in called.jobs:
            inner_granted = grants.of_called(called, inner, job, granted)
            found.append((inner, Given(given.variables, secrets, inputs, inner_granted)))
    return found


def _github(stage: Stage, started: Workflow, job: Job) -> dict[str, Json]:
    event = payload.push(stage.event, stage.world.branch)
    return contexts.of_github(stage, started, job.key.rpartition(".")[2], event)


def _play(started: Workflow, job: Job, given: Given, stage: Stage) -> JobRun:
    world = stage.world
    stage.places.renew()
    github = _github(stage, started, job)
    stage.places.event.write_text(json.dumps(github["event"], indent=2), encoding="utf-8")
    state = JobState(github, given, contexts.of_runner(stage))
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
