"""A process on a real terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import termios
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.project import HERE, clean_environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OURS = ("CI", "NO_COLOR", "COLUMNS", "LINES")  # of the terminal, or the tool, that runs the tests
END_OF_INPUT = "\x04"  # so that a question nobody expected ends the process and not the patience


@dataclass(frozen=True)
class Spoken:
    """What a process on a terminal showed, and its exit code."""

    code: int
    text: str


def on_terminal(script: str, typed: str = "", **environment: str) -> Spoken:
    """Run Python code in this project with a terminal for its input and output, and type something."""
    return _spoken(script, typed, 80, environment)


def command_on_terminal(arguments: str, typed: str, environment: Mapping[str, str], root: Path = HERE) -> Spoken:
    """Run `invoke` with arguments in a checkout on such a terminal, and type something."""
    ours = [f"--search-root={root}", *arguments.split()]
    script = f"from invoke.main import program; program.run(['invoke', *{ours!r}])"
    return _spoken(script, typed, 80, environment)


def on_columns(columns: int, script: str) -> Spoken:
    """Run Python code on a terminal of so many columns, and type nothing."""
    return _spoken(script, "", columns, {})


def _spoken(script: str, typed: str, columns: int, environment: Mapping[str, str]) -> Spoken:
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    kept = {name: value for name, value in clean_environment().items() if name not in OURS}
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=HERE,
            env={**kept, "TERM": "xterm", **environment},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        os.write(ours, f"{typed}{END_OF_INPUT}".encode())
        shown = b"".join(iter(lambda: _read(ours), b""))
        return Spoken(process.wait(60), shown.decode().replace("\r\n", "\n"))
    finally:
        os.close(ours)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux's way to say that the other side was closed
        return b""
