"""What a person sees while it runs (stderr), and the one result at the end (stdout)."""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from tasks.terminal import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.progress import Progress, TaskID

    from tasks.documents import Json
    from tasks.errors import DeployError
    from tasks.terminal import Terminal

PLAIN_SECONDS = 5.0
SHOWN_SECONDS = 0.05
WATCHED = "what is waited for"


@dataclass(frozen=True)
class Timing:
    """How long a stage of a service took, in seconds."""

    service: str
    stage: str
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """A command's result: one JSON document for machines, lines for people, and the exit code."""

    document: Mapping[str, Json]
    lines: tuple[str, ...]
    exit_code: int = 0


@dataclass
class _Stage:
    service: str = ""
    name: str = ""
    began: float = 0.0
    last_line: dict[str, float] = field(default_factory=dict)
    unfinished: set[str] = field(default_factory=set)
    watched: str = ""
    bars: dict[str, TaskID] = field(default_factory=dict)


class Report:
    """Progress of one command: bars that redraw on a terminal, plain lines anywhere else."""

    def __init__(self, stream: TextIO, clock: Callable[[], float], terminal: Terminal = PLAIN) -> None:
        self._stream = stream
        self._clock = clock
        self._terminal = terminal
        self._stage = _Stage()
        self._progress: Progress | None = None
        self.timings: list[Timing] = []

    @contextmanager
    def stage(self, service: str, name: str) -> Iterator[None]:
        """Show and time one stage; lines said inside carry the service and the stage."""
        outer = self._stage
        self._stage = _Stage(service, name, self._clock())
        try:
            yield
            self.timings.append(Timing(service, name, self.elapsed))
        finally:
            self._close_bars()
            self._stage = outer

    @property
    def elapsed(self) -> float:
        """Seconds since the current stage began."""
        return self._clock() - self._stage.began

    def say(self, text: str) -> None:
        """Show one line."""
        self._print(text)

    def progress(self, what: str, done: float, total: float) -> None:
        """Show how far `what` is, in any unit; where there is no terminal, what takes long, every few seconds."""
        if self._terminal.live:
            self._bar(what, done, total)
            return
        stage, now = self._stage, self._clock()
        share = min(done / total, 1.0) if total else 1.0
        due = now - stage.last_line.setdefault(what, now) >= PLAIN_SECONDS
        if not due and not (share == 1.0 and what in stage.unfinished):
            return
        stage.last_line[what] = now if share < 1.0 else math.inf
        if share < 1.0:
            stage.unfinished.add(what)
        else:
            stage.unfinished.discard(what)
        self._print(f"{what} {share:4.0%} of {_size(total)}")

    def watch(self, text: str) -> None:
        """Show where a wait stands: one line that redraws on a terminal, a line for each change elsewhere."""
        if text == self._stage.watched:
            return
        self._stage.watched = text
        if not self._terminal.live:
            self._print(text)
            return
        if self._progress is None:
            self._progress = _spinner(self._stream)
            self._progress.start()
        if WATCHED not in self._stage.bars:
            self._stage.bars[WATCHED] = self._progress.add_task(self._prefixed(text), total=None)
        self._progress.update(self._stage.bars[WATCHED], description=self._prefixed(text))

    def error(self, error: DeployError) -> None:
        """Show what happened, the evidence, and what to do next; on GitHub as an annotation too."""
        self._close_bars()
        self._write(f"\nerror: {error}", "31;1")
        for line in error.evidence:
            self._write(f"  | {line}", "2")
        self._write(f"  fix: {error.fix}", "33")
        if self._terminal.annotations:
            message = f"{error} {error.fix}".replace("%", "%25").replace("\r", "").replace("\n", "%0A")
            self._stream.write(f"::error title={error.kind}::{message}\n")
        self._stream.flush()

    def _print(self, text: str) -> None:
        for line in text.splitlines() or [""]:
            self._write(self._prefixed(line), "")

    def _prefixed(self, line: str) -> str:
        return f"{self._stage.service:<9} {self._stage.name:<9} {line}" if self._stage.name else line

    def _write(self, line: str, style: str) -> None:
        shown = f"\033[{style}m{line}\033[0m" if style and self._terminal.colour else line
        if self._progress is not None:
            self._progress.console.print(line, highlight=False, markup=False, style=_style(style))
        else:
            self._stream.write(f"{shown}\n")
            self._stream.flush()

    def _bar(self, what: str, done: float, total: float) -> None:
        if self._progress is None:
            self._progress = _bars(self._stream)
            self._progress.start()
        if what not in self._stage.bars:
            self._stage.bars[what] = self._progress.add_task(self._prefixed(what), total=total)
        self._progress.update(self._stage.bars[what], completed=done, total=total)

    def _close_bars(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
            if WATCHED in self._stage.bars:
                self._print(self._stage.watched)  # the last state stays when the live line is gone
            self._stage.bars.clear()


def print_outcome(outcome: Outcome, stdout: TextIO, *, as_json: bool) -> None:
    """Write the command's result: lines, or exactly one JSON document."""
    if as_json:
        stdout.write(json.dumps({"ok": True, **outcome.document}, indent=2) + "\n")
    else:
        stdout.writelines(f"{line}\n" for line in outcome.lines)
    stdout.flush()


def print_failure(error: DeployError, stdout: TextIO) -> None:
    """Write a failure as exactly one JSON document."""
    document = {
        "ok": False,
        "error": {
            "kind": error.kind,
            "message": str(error),
            "fix": error.fix,
            "evidence": list(error.evidence),
            "exit_code": error.exit_code,
        },
    }
    stdout.write(json.dumps(document, indent=2) + "\n")
    stdout.flush()


def timing_lines(timings: list[Timing]) -> tuple[str, ...]:
    """Return where the time went, longest first, with the whole."""
    if not timings:
        return ()
    total = sum(timing.seconds for timing in timings)
    ranked = sorted((each for each in timings if each.seconds >= SHOWN_SECONDS), key=lambda each: -each.seconds)
    parts = [f"{timing.service} {timing.stage} {timing.seconds:.1f} s".strip() for timing in ranked]
    return (f"{'took':<9} {total:.1f} s" + (f": {', '.join(parts)}" if parts else ""),)


def _bars(stream: TextIO) -> Progress:
    from rich.console import Console  # noqa: PLC0415 - `inv --list` must not pay for it
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(24), DownloadColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(file=stream), transient=True)


def _spinner(stream: TextIO) -> Progress:
    from rich.console import Console  # noqa: PLC0415 - `inv --list` must not pay for it
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}", markup=False), SpinnerColumn("line"), TimeElapsedColumn())
    return Progress(*columns, console=Console(file=stream), transient=True)


def _style(code: str) -> str | None:
    return {"31;1": "bold red", "33": "yellow", "2": "dim"}.get(code)


def _size(amount: float) -> str:
    return f"{amount / 1e6:.1f} MB" if amount >= 1e5 else f"{amount:.0f}"
