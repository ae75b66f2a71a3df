"""Where a run is played, and what surrounds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.clients import Clients
    from tasks.rehearsal.event import Event
    from tasks.rehearsal.log import Log
    from tasks.rehearsal.places import Places
    from tasks.settings import Target


@dataclass(frozen=True)
class World:
    """What surrounds a run.

    `variables` and `secrets` are the repository's, `branch` its default branch; `machine` is this machine's
    environment; `credentials_only` says that of all steps only those that take a role are played.
    """

    target: Target
    variables: Mapping[str, str]
    secrets: Mapping[str, str]
    machine: Mapping[str, str]
    role: str
    credentials_only: bool = False
    branch: str = "main"


@dataclass(frozen=True)
class Stage:
    """Where a run is played: its world, what was pushed, the folders, the embedded cloud as its root, the log."""

    world: World
    event: Event
    places: Places
    clients: Clients
    log: Log
