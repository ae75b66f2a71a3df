"""A deploy that cannot go on watching: interrupted, credentials expired, a permission missing, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.errors import StoppedByUserError

if TYPE_CHECKING:
    from tasks.release.deployment import Deployment


class InterruptedMidwayError(StoppedByUserError):
    """The person at the keyboard stopped watching; ECS did not stop."""

    def __init__(self, started: Deployment) -> None:
        super().__init__(f"Interrupted. {state_left(started)}", fix=how_to_go_on(started))


def state_left(started: Deployment) -> str:
    """Say what ECS goes on with, and what ran before."""
    before = started.before
    version = f", version {before.version}" if before.version else ""
    return (
        f"{started.service.ecs_service}: ECS goes on bringing up {started.rollout.name}, version "
        f"{started.rollout.version}; before it {before.name} ran{version}. Nothing was rolled back."
    )


def how_to_go_on(started: Deployment) -> str:
    """Name the three commands: look, go on, go back."""
    service, number = started.service.name, started.before.arn.rpartition(":")[2]
    back = f" To go back: ./inv rollback --service={service} --revision={number}" if started.before.version else ""
    look = f"Look: ./inv status --service={service}."
    return f"{look} To go on: the same command again, it picks this deployment up.{back}"
