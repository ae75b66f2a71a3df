"""The actions that a rehearsal knows, each played by what it does on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import NotReadyError, UsageError, suggestion
from tasks.rehearsal import account, grants, machine, places
from tasks.rehearsal.account import Request
from tasks.setup.policies import AUDIENCE, ROLE_SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tasks.rehearsal.contexts import JobState
    from tasks.rehearsal.stage import Stage
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


class ContentsError(NotReadyError):
    """The job may not read the repository, which GitHub hides then, unless it is public."""

    def __init__(self, repository: str) -> None:
        super().__init__(
            f"Repository not found: https://github.com/{repository}: the permission `contents: read` is missing.",
            fix="Grant it to the job, and to the job that calls its workflow.",
        )


class NoRoleError(NotReadyError):
    """No role was named."""

    def __init__(self) -> None:
        super().__init__(
            "Could not load credentials from any providers: role-to-assume is empty.",
            fix=f"Set the secret {ROLE_SECRET} to the deploy role's ARN.",
        )


@dataclass(frozen=True)
class Played:
    """What an action is asked for: its inputs, and the job's GitHub Environment."""

    inputs: Mapping[str, str]
    environment: str


def play(step: Step, asked: Played, state: JobState, stage: Stage) -> None:
    """Play a step that uses an action; raises `UnknownActionError`, or why the action fails."""
    known = INPUTS[step.text("uses").partition("@")[0]]
    for name in asked.inputs:
        if name not in known:
            stage.log.annotate("Warning", f"Unexpected input '{name}'.{_meant(name, known)}")
    _player(step)(asked, state, stage)


def check(step: Step) -> None:
    """Refuse what would be left out of account.

    Raises:
        UnknownActionError: the step's action is not known.
        DocumentError: one of its inputs is not played. GitHub only warns of a misspelled one.
    """
    if not step.text("uses"):
        return
    _player(step)
    action = step.text("uses").partition("@")[0]
    known = INPUTS[action]
    for name in step.mapping("with"):
        if name not in known and not _meant(name, known):
            raise step.document.wrong(
                f"{step.key}.with.{name}",
                f"this input of {action} is not played by a rehearsal",
                f"It plays: {', '.join(known)}.",
            )


def _meant(name: str, known: tuple[str, ...]) -> str:
    return suggestion(name, known, cutoff=0.8)


def _player(step: Step) -> Callable[[Played, JobState, Stage], None]:
    action = step.text("uses").partition("@")[0]
    if action not in ACTIONS:
        raise UnknownActionError(step, action)
    return ACTIONS[action]


def _check_out(asked: Played, state: JobState, stage: Stage) -> None:
    """actions/checkout: without `fetch-depth`, the last commit only."""
    if not grants.has(state.given.granted, "contents", "read"):
        raise ContentsError(stage.event.repository.full_name)
    commits = depth(asked.inputs.get("fetch-depth") or "1")
    places.check_out(stage.places, stage.event.ref, stage.event.repository.name, commits)
    history = (
        "with all branches and tags" if commits == 0 else f"with {commits} commit{'s' if commits > 1 else ''}"
    )
    stage.log.plain(f"{stage.event.ref} at {stage.event.commit[:12]}, {history}")


def depth(text: str) -> int:
    """Return how many commits the action fetches; what is no number means all to it (its src/input-helper.ts)."""
    try:
        return max(int(float(text)), 0)
    except (ValueError, OverflowError):
        return 0


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
    if not grants.has(state.given.granted, "id-token", "write"):
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


# What is played, or makes no difference: a rehearsal leaves no credentials behind, and needs no package cache.
INPUTS: Mapping[str, tuple[str, ...]] = {
    "actions/checkout": ("fetch-depth", "persist-credentials"),
    "actions/setup-python": ("python-version", "cache", "cache-dependency-path"),
    CREDENTIALS: ("role-to-assume", "aws-region", "audience"),
}
ACTIONS: Mapping[str, Callable[[Played, JobState, Stage], None]] = {
    "actions/checkout": _check_out,
    "actions/setup-python": _set_up_python,
    CREDENTIALS: _take_role,
}
