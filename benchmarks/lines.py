"""When a deploy said what: its own lines, each with the moment at which it was written."""

from __future__ import annotations

import io
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

UPDATED = re.compile(r" -> \S+:\d+, deployment ")
CAUSE = re.compile(r"^(\S+ +diagnose +cause: |error: )")
PROVED = re.compile(r"^\S+ +way back +\S+ answers 200, version ")


@dataclass(frozen=True)
class Line:
    """A line, and when it was written, in seconds of a clock that only grows."""

    seconds: float
    text: str


class Stopwatch(io.StringIO):
    """A stream that notes when each line was written; give it to a `Report`."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Line] = []

    def write(self, text: str) -> int:
        """Note the lines."""
        now = time.monotonic()
        self.lines += [Line(now, line) for line in text.splitlines() if line]
        return len(text)


@dataclass(frozen=True)
class Times:
    """Seconds from the update to the cause, and to the proof of the version before; None where there was none."""

    cause: float | None
    proved: float | None


def times(lines: Sequence[Line]) -> Times:
    """Read the times off a deploy's lines; pure."""
    began = _first(lines, UPDATED)
    if began is None:
        return Times(None, None)
    cause, proved = _first(lines, CAUSE), _first(lines, PROVED)
    return Times(None if cause is None else cause - began, None if proved is None else proved - began)


def _first(lines: Sequence[Line], pattern: re.Pattern[str]) -> float | None:
    return next((line.seconds for line in lines if pattern.search(line.text)), None)
