"""What a rule answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnosis:
    """A cause: its name in docs/failures.md, a sentence, what to do next, and what shows it."""

    name: str
    cause: str
    next_step: str
    evidence: tuple[str, ...] = ()
