"""A deploy that cannot go on watching: interrupted, credentials expired, a permission missing, no network."""

from __future__ import annotations

from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING

from tasks.errors import NotReadyError, StoppedByUserError
from tasks.sdk_errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.release.deployment import Deployment


class Phase(Enum):
    """How far a deploy had come, and what ECS does about it by itself."""

    SENDING = "the update to {name}, version {version}, was being sent, and may have begun"
    COMING_UP = "ECS goes on bringing up {name}, version {version}"
    FAILED = "{name}, version {version}, did not come up; ECS may go back by itself, or go on trying"
    UNPROVED = "{name}, version {version}, is up, and was not proved over HTTP"


GO_ON = {
    Phase.SENDING: "the same command again, it picks this deployment up where there is one.",
    Phase.COMING_UP: "the same command again, it picks this deployment up.",
    Phase.FAILED: "fix the cause (./inv diagnose --service={name}), then deploy the next version.",
    Phase.UNPROVED: "the same command again, it proves this deployment.",
}


class InterruptedMidwayError(StoppedByUserError):
    """The person at the keyboard stopped watching; ECS did not stop."""

    def __init__(self, started: Deployment, phase: Phase) -> None:
        super().__init__(f"Interrupted. {state_left(started, phase)}", fix=how_to_go_on(started, phase))


@contextmanager
def told(started: Deployment, phase: Phase) -> Iterator[None]:
    """Say of what ends a phase too early what it leaves, and how to go on.

    Raises:
        InterruptedMidwayError: Ctrl-C was pressed.
        NotReadyError: what AWS refused, with the same lines.
    """
    try:
        yield
    except NotReadyError as error:
        # of the update only a lost answer leaves anything: what was refused was not begun
        if phase is not Phase.SENDING or isinstance(error, UnreachableError):
            error.add_evidence(state_left(started, phase), how_to_go_on(started, phase))
        raise
    except KeyboardInterrupt as error:
        raise InterruptedMidwayError(started, phase) from error


def state_left(started: Deployment, phase: Phase) -> str:
    """Say what ECS goes on with, and what ran before where that is another revision."""
    before = started.before
    version = f", version {before.version}" if before.version else ""
    was = f"; before it {before.name} ran{version}" if _has_way_back(started) else ""
    left = phase.value.format(name=started.rollout.name, version=started.rollout.version)
    return f"{started.service.ecs_service}: {left}{was}. Nothing was rolled back."


def how_to_go_on(started: Deployment, phase: Phase) -> str:
    """Name the three commands: look, go on, and where another revision ran before, go back."""
    name, number = started.service.name, started.before.arn.rpartition(":")[2]
    goes_back = _has_way_back(started) and started.before.version
    back = f" To go back: ./inv rollback --service={name} --revision={number}" if goes_back else ""
    return f"Look: ./inv status --service={name}. To go on: {GO_ON[phase].format(name=name)}{back}"


def _has_way_back(started: Deployment) -> bool:
    return started.before.arn != started.revision.arn
