"""What a run knows: GitHub's contexts and variables, grown step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.rehearsal.expressions import as_text, condition, interpolate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.documents import Json
    from tasks.rehearsal.event import Event

SERVER = "https://github.com"


@dataclass(frozen=True)
class Given:
    """What a job is given from outside: `vars`, `secrets` and `inputs`, and whether it may ask for a token."""

    variables: Mapping[str, str]
    secrets: Mapping[str, str]
    inputs: Mapping[str, Json] = field(default_factory=dict)
    id_token: bool = False


@dataclass
class JobState:
    """A job under way: what its steps left for those after them."""

    github: Mapping[str, Json]
    given: Given
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
            "runner": {"os": "Linux", "arch": "X64", "name": "rehearsal"},
        }


def of_github(event: Event, workflow: str, job: str, workspace: Path) -> dict[str, Json]:
    """Return the context `github` of a run.

    https://docs.github.com/en/actions/reference/workflows-and-actions/contexts#github-context
    """
    return {
        "ref": event.ref,
        "ref_name": event.ref_name,
        "ref_type": event.ref_type,
        "sha": event.commit,
        "event_name": "push",
        "repository": event.repository.full_name,
        "repository_owner": event.repository.owner,
        "actor": event.repository.owner,
        "triggering_actor": event.repository.owner,
        "workflow": workflow,
        "job": job,
        "run_id": "1",
        "run_number": "1",
        "run_attempt": "1",
        "server_url": SERVER,
        "api_url": "https://api.github.com",
        "workspace": str(workspace),
    }


def variables(github: Mapping[str, Json], temporary: Path) -> dict[str, str]:
    """Return the variables that GitHub sets for every step.

    https://docs.github.com/en/actions/reference/workflows-and-actions/variables#default-environment-variables
    """
    return {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        **{f"GITHUB_{name.upper()}": as_text(value) for name, value in github.items()},
        "RUNNER_OS": "Linux",
        "RUNNER_ARCH": "X64",
        "RUNNER_NAME": "rehearsal",
        "RUNNER_TEMP": str(temporary),
    }
