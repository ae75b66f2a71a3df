"""The actions that a rehearsal knows, each played by what it does on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import NotReadyError, UsageError, suggestion
from tasks.rehearsal import account, machine, places
from tasks.rehearsal.account import Request
from tasks.setup.policies import AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tasks.clients import Clients
    from tasks.rehearsal.contexts import JobState
    from tasks.rehearsal.event import Event
    from tasks.rehearsal.log import Log
    from tasks.rehearsal.places import Places
    from tasks.rehearsal.workflow import Step

CREDENTIALS = "aws-actions/configure-aws-credentials"


class UnknownActionError(UsageError):
    """A workflow uses an action that is not played here."""

    def __init__(self, step: Step, action: str) -> None:
        line = step.document.lines.get(f"{step.key}.uses", 0)
        super().__init__(
            f"{step.document.name}:{line}: the action '{action}' is not played by a rehearsal.",
            fix=f"It knows: {', '.join(ACTIONS)}. Use one of these, or a `run` step.",
        )


class IdTokenError(NotReadyError):
    """The job may not ask GitHub for a token."""

    def __init__(self) -> None:
        super().__init__(
            "GitHub gives this job no token: the permission `id-token: write` is missing.",
            fix="Grant it to the job, and to the job that calls its workflow.",
        )


class NoRoleError(NotReadyError):
    """No role was named."""

    def __init__(self) -> None:
        super().__init__(
            "Could not load credentials from any providers: role-to-assume is empty.",
            fix="Set the secret AWS_ROLE_TO_ASSUME to the deploy role's ARN.",
        )


@dataclass(frozen=True)
class Stage:
    """Where an action is played: what was pushed, the folders, the embedded cloud as its root, the log."""

    event: Event
    places: Places
    clients: Clients
    log: Log


@dataclass(frozen=True)
class Played:
    """What an action is asked for: its inputs, and the job's GitHub Environment."""

    inputs: Mapping[str, str]
    environment: str


def play(step: Step, asked: Played, state: JobState, stage: Stage) -> None:
    """Play a step that uses an action; raises `UnknownActionError`, or why the action fails."""
    known = INPUTS[step.text("uses").partition("@")[0]]
    for name in asked.inputs:
        if meant := suggestion(name, known, cutoff=0.8) if name not in known else "":
            stage.log.annotate("Warning", f"Unexpected input '{name}'.{meant}")
    _player(step)(asked, state, stage)


def check(step: Step) -> None:
    """Refuse a step whose action is not known; raises `UnknownActionError`."""
    if step.text("uses"):
        _player(step)


def _player(step: Step) -> Callable[[Played, JobState, Stage], None]:
    action = step.text("uses").partition("@")[0]
    if action not in ACTIONS:
        raise UnknownActionError(step, action)
    return ACTIONS[action]


def _check_out(asked: Played, _: JobState, stage: Stage) -> None:
    """actions/checkout: without `fetch-depth`, the last commit only."""
    depth = int(asked.inputs.get("fetch-depth") or "1")
    places.check_out(stage.places, stage.event.ref, stage.event.repository.name, depth)
    history = "with all branches and tags" if depth == 0 else f"with {depth} commit{'s' if depth > 1 else ''}"
    stage.log.plain(f"{stage.event.ref} at {stage.event.commit[:12]}, {history}")


def _set_up_python(asked: Played, _: JobState, stage: Stage) -> None:
    """actions/setup-python: the Python that runs here, with its packages in place of the package cache."""
    wanted = asked.inputs.get("python-version", "")
    stage.log.plain(f"Python {machine.python_version()} of this machine (the workflow asks for {wanted or 'any'})")
    workspace = stage.places.workspace(stage.event.repository.name)
    if workspace.is_dir():
        stage.log.plain(machine.provide_python(workspace))


def _take_role(asked: Played, state: JobState, stage: Stage) -> None:
    """aws-actions/configure-aws-credentials: GitHub's token for the role's credentials."""
    role, region = asked.inputs.get("role-to-assume", ""), asked.inputs.get("aws-region", "")
    if not state.given.id_token:
        raise IdTokenError
    if not role:
        raise NoRoleError
    audience = asked.inputs.get("audience") or AUDIENCE
    for subject in stage.event.subjects(asked.environment):
        stage.log.plain(f"sub {subject}")
    stage.log.plain(f"aud {audience}")
    taken = account.assume(Request(stage.event, asked.environment, role, audience), stage.clients)
    for secret in (taken.access_key, taken.secret_key, taken.token):
        stage.log.mask(secret)
    state.environment |= {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": taken.access_key,
        "AWS_SECRET_ACCESS_KEY": taken.secret_key,
        "AWS_SESSION_TOKEN": taken.token,
    }
    whom = "both forms are" if len(taken.subjects) > 1 else "it is"
    stage.log.plain(f"{whom} let in: the role is assumed")


# Those that are likely to be meant; an action may know more of them.
INPUTS: Mapping[str, tuple[str, ...]] = {
    "actions/checkout": ("repository", "ref", "token", "persist-credentials", "path", "fetch-depth", "fetch-tags"),
    "actions/setup-python": ("python-version", "python-version-file", "cache", "cache-dependency-path"),
    CREDENTIALS: ("role-to-assume", "aws-region", "audience", "role-session-name", "role-duration-seconds"),
}
ACTIONS: Mapping[str, Callable[[Played, JobState, Stage], None]] = {
    "actions/checkout": _check_out,
    "actions/setup-python": _set_up_python,
    CREDENTIALS: _take_role,
}
