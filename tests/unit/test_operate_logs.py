"""The lines of several tasks on a terminal: each in its task's colour, and plain for anything that is none."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.project import HERE, clean_environment
from tests.support.terminal import on_terminal

SHOW = """
import os, sys
from datetime import UTC, datetime
from tasks.operate.logs import Painter
from tasks.release.log_reader import Line
from tasks.terminal import terminal_of
at = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
tasks = ["aaaaaaaa1", "bbbbbbbb2", "aaaaaaaa1"]
lines = [Line("backend", task, at, "line %d" % number, str(number)) for number, task in enumerate(tasks)]
Painter(sys.stdout, terminal_of(sys.stdout, os.environ)).write(lines)
"""
PAINTED = re.compile(r"\033\[(\d+)m\d\d:\d\d:00 backend   ([ab]{8})\033\[0m (line \d)")


def test_on_a_terminal_two_tasks_have_two_colours_and_keep_them() -> None:
    first, second, third = PAINTED.findall(on_terminal(SHOW).text)
    assert [first[1:], second[1:], third[1:]] == [
        ("aaaaaaaa", "line 0"), ("bbbbbbbb", "line 1"), ("aaaaaaaa", "line 2")
    ]  # fmt: skip
    assert first[0] == third[0] != second[0]


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_a_terminal_that_wants_no_colours_gets_none(environment: dict[str, str]) -> None:
    shown = on_terminal(SHOW, **environment).text
    assert ":00 backend   aaaaaaaa line 0\n" in shown
    assert "\033" not in shown


def test_what_is_piped_on_has_no_colours() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=HERE,
        env={**clean_environment(), "TERM": "xterm"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ":00 backend   bbbbbbbb line 1\n" in done.stdout
    assert "\033" not in done.stdout
