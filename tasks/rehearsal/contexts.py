"""What a run knows: GitHub's contexts and variables, grown step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.rehearsal.expressions import as_text, condition, interpolate
from tasks.rehearsal.payload import SERVER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.documents import Json
    from tasks.rehearsal.stage import Stage
    from tasks.rehearsal.workflow import Workflow

# Those of the context that are no text, or that GitHub makes no variable of.
NO_VARIABLES = ("event", "repositoryUrl", "secret_source")
RUNNER: Mapping[str, str] = {
    "os": "Linux", "arch": "X64", "name": "rehearsal", "environment": "github-hosted",
}  # fmt: skip


@dataclass(frozen=True)
class Given:
    """What a job is given from outside: `vars`, `secrets`, `inputs`, and what its token is granted."""

    variables: Mapping[str, str]
    secrets: Mapping[str, str]
    inputs: Mapping[str, Json] = field(default_factory=dict)
    granted: Mapping[str, str] = field(default_factory=dict)


@dataclass
class JobState:
    """A job under way: what its steps left for those after them."""

    github: Mapping[str, Json]
    given: Given
    runner: Mapping[str, str] = field(default_factory=lambda: dict(RUNNER))
    environment: dict[str, str] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    outputs: dict[str, Json] = field(default_factory=dict)
    failed: bool = False

    def text(self, text: str, **environment: str) -> str:
        """Return a text of the workflow with its expressions replaced; raises `ExpressionError`."""
        return interpolate(text, self.contexts(environment))

    def texts(self, values: Mapping[str, Json], **environment: str) -> dict[str, str]:
        """Return a mapping of the workflow with the expressions in its values replaced."""
        return {name: self.text(as_text(value), **environment) for name, value in values.items()}

    def runs(self, text: str) -> bool:
        """Return whether a step with this `if` runs now; raises `ExpressionError`."""
        return condition(text, self.contexts({}))

    def contexts(self, environment: Mapping[str, str]) -> dict[str, Json]:
        """Return the contexts that an expression may name."""
        return {
            "github": dict(self.github),
            "vars": dict(self.given.variables),
            "secrets": dict(self.given.secrets),
            "inputs": dict(self.given.inputs),
            "env": {**self.environment, **environment},
            "steps": self.outputs,
            "job": {"status": "failure" if self.failed else "success"},
            "runner": dict(self.runner),
        }


def of_github(stage: Stage, started: Workflow, job: str, event: Mapping[str, Json]) -> dict[str, Json]:
    """Return the context `github` of a run.

    Args:
        stage: where it is played.
        started: the workflow that the push starts; it stays the same within one that it calls.
        job: the job's id.
        event: the push, as GitHub tells it.

    https://docs.github.com/en/actions/reference/workflows-and-actions/contexts#github-context
    """
    pushed, file = stage.event, started.document.name
    repository = pushed.repository
    return {
        "ref": pushed.ref,
        "ref_name": pushed.ref_name,
        "ref_type": pushed.ref_type,
        "ref_protected": False,
        "base_ref": "",
        "head_ref": "",
        "sha": pushed.commit,
        "event": dict(event),
        "event_name": "push",
        "event_path": str(stage.places.event),
        "repository": repository.full_name,
        "repository_id": repository.id,
        "repository_owner": repository.owner,
        "repository_owner_id": repository.owner_id,
        "repositoryUrl": f"git://github.com/{repository.full_name}.git",
        "actor": repository.owner,
        "actor_id": repository.owner_id,
        "triggering_actor": repository.owner,
        "workflow": started.name,
        "workflow_ref": f"{repository.full_name}/{file}@{pushed.ref}",
        "workflow_sha": pushed.commit,
        "job": job,
        "run_id": "1",
        "run_number": "1",
        "run_attempt": "1",
        "retention_days": "90",
        "secret_source": "Actions",
        "server_url": SERVER,
        "api_url": "https://api.github.com",
        "graphql_url": "https://api.github.com/graphql",
        "workspace": str(stage.places.workspace(repository.name)),
    }


def of_runner(stage: Stage) -> dict[str, str]:
    """Return the context `runner`.

    https://docs.github.com/en/actions/reference/workflows-and-actions/contexts#runner-context
    """
    return {**RUNNER, "temp": str(stage.places.temporary), "tool_cache": str(stage.places.tools)}


def variables(state: JobState) -> dict[str, str]:
    """Return the variables that GitHub sets for every step, but for those that differ from step to step.

    https://docs.github.com/en/actions/reference/workflows-and-actions/variables#default-environment-variables
    """
    github = {name: value for name, value in state.github.items() if name not in NO_VARIABLES}
    return {
        "GITHUB_ACTIONS": "true",
        **{f"GITHUB_{name.upper()}": as_text(value) for name, value in github.items()},
        **{f"RUNNER_{name.upper()}": value for name, value in state.runner.items()},
    }
