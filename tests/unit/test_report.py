"""What a person sees while it runs, and the one result at the end."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from tasks.errors import BuildError
from tasks.report import Outcome, Report, Timing, print_failure, print_outcome, timing_lines
from tasks.terminal import terminal_of
from tests.support.terminal import on_terminal

if TYPE_CHECKING:
    from tests.support.fakes import Recorder

ERROR = BuildError("It failed: 100 % of\ntwo lines.", fix="Fix it.", evidence=["line 1", "line 2"])
SHOW = """
import os, sys, time
from tasks.errors import BuildError
from tasks.report import Report
from tasks.terminal import terminal_of
report = Report(sys.stderr, time.monotonic, terminal_of(sys.stderr, os.environ))
with report.stage("backend", "push"):
    report.progress("layer a1", 1e6, 4e6)
    report.say("half [way] through")
report.error(BuildError("It failed.", fix="Fix it.", evidence=["line 1"]))
"""
WATCH = """
import os, sys, time
from tasks.report import Report
from tasks.terminal import terminal_of
report = Report(sys.stderr, time.monotonic, terminal_of(sys.stderr, os.environ))
with report.stage("backend", "rollout"):
    report.watch("0 of 1 running")
    report.say("has started 1 tasks")
    report.watch("1 of 1 running")
report.say("after")
"""


class Watched:
    """A report for no terminal, whose time the test tells."""

    def __init__(self) -> None:
        self.now = 0.0
        self._stream = io.StringIO()
        self.report = Report(self._stream, lambda: self.now)

    @property
    def lines(self) -> list[str]:
        """What was shown."""
        return self._stream.getvalue().splitlines()


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_line_bears_its_service_and_stage(report: Recorder) -> None:
    report.say("before")
    with report.stage("backend", "build"):
        report.say("one\ntwo")
    report.say("after")
    assert report.text == "before\nbackend   build     one\nbackend   build     two\nafter\n"


def test_a_stage_is_timed_and_one_that_failed_is_not() -> None:
    ticks = iter([10.0, 12.5, 20.0])
    timed = Report(io.StringIO(), lambda: next(ticks))
    with timed.stage("backend", "build"):
        pass
    with pytest.raises(BuildError), timed.stage("backend", "push"):
        raise ERROR
    assert timed.timings == [Timing("backend", "build", 2.5)]


def test_progress_is_shown_every_few_seconds_where_there_is_no_terminal(watched: Watched) -> None:
    for second in range(13):
        watched.now = second
        watched.report.progress("upload", second * 5e6, 60e6)
    watched.report.progress("upload", 60e6, 60e6)
    assert watched.lines == ["upload  42% of 60.0 MB", "upload  83% of 60.0 MB", "upload 100% of 60.0 MB"]


def test_progress_of_several_things_is_kept_apart(watched: Watched) -> None:
    for now in (0, 6, 7):
        watched.now = now
        watched.report.progress("a", now, 10)
        watched.report.progress("b", now * 2, 20)
    assert watched.lines == ["a  60% of 10", "b  60% of 20"]


def test_what_is_quickly_done_is_not_worth_a_line_where_there_is_no_terminal(watched: Watched) -> None:
    for now in (0, 1, 2):
        watched.now = now
        watched.report.progress("upload", now, 2)
    watched.report.progress("nothing", 0, 0)
    assert watched.lines == []


def test_a_wait_is_shown_by_its_changes_where_there_is_no_terminal(report: Recorder) -> None:
    for state in ("0 of 1 running", "0 of 1 running", "1 of 1 running"):
        report.watch(state)
    assert report.text.splitlines() == ["0 of 1 running", "1 of 1 running"]


def test_on_a_terminal_a_wait_is_one_line_that_redraws_and_whose_end_stays() -> None:
    shown = on_terminal(WATCH).text
    assert "0 of 1 running" in shown
    last = [line.rpartition("\x1b[2K")[2] for line in shown.splitlines()]
    assert "backend   rollout   has started 1 tasks" in last
    assert last[-2:] == ["backend   rollout   1 of 1 running", "after"]


def test_an_error_is_followed_by_its_evidence_and_what_to_do(report: Recorder) -> None:
    report.error(ERROR)
    assert report.text == ("\nerror: It failed: 100 % of\ntwo lines.\n  | line 1\n  | line 2\n  fix: Fix it.\n")


def test_on_github_it_is_an_annotation_of_one_line_too() -> None:
    stream = io.StringIO()
    Report(stream, lambda: 0.0, terminal_of(stream, {"GITHUB_ACTIONS": "true"})).error(ERROR)
    assert stream.getvalue().splitlines()[-1] == (
        "::error title=Build::It failed: 100 %25 of%0Atwo lines. Fix it."
    )


def test_what_is_no_terminal_gets_no_escape_codes() -> None:
    stream = io.StringIO()
    report = Report(stream, lambda: 0.0, terminal_of(stream, {"TERM": "xterm"}))
    report.progress("upload", 1, 2)
    report.error(ERROR)
    assert "\033" not in stream.getvalue()


def test_a_terminal_gets_colour_and_bars_that_are_cleared() -> None:
    shown = on_terminal(SHOW).text
    assert "\033[31;1m\nerror: It failed.\033[0m" in shown
    assert "half [way] through" in shown
    assert "layer a1" in shown


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_a_terminal_that_wants_no_colour_gets_none(environment: dict[str, str]) -> None:
    shown = on_terminal(SHOW, **environment).text
    assert "\nerror: It failed.\n  | line 1\n  fix: Fix it.\n" in shown
    assert "\033[31" not in shown


OUTCOME = Outcome({"target": "local", "services": []}, ("first line", "second line"))


def test_a_result_is_lines_for_people() -> None:
    stream = io.StringIO()
    print_outcome(OUTCOME, stream, as_json=False)
    assert stream.getvalue() == "first line\nsecond line\n"


def test_or_exactly_one_json_document() -> None:
    stream = io.StringIO()
    print_outcome(OUTCOME, stream, as_json=True)
    assert json.loads(stream.getvalue()) == {"ok": True, "target": "local", "services": []}


def test_a_failure_is_exactly_one_json_document() -> None:
    stream = io.StringIO()
    print_failure(ERROR, stream)
    assert json.loads(stream.getvalue()) == {
        "ok": False,
        "error": {
            "kind": "Build",
            "message": "It failed: 100 % of\ntwo lines.",
            "fix": "Fix it.",
            "evidence": ["line 1", "line 2"],
            "exit_code": 4,
        },
    }


def test_the_time_is_told_longest_first_without_what_took_none() -> None:
    timings = [Timing("backend", "build", 1.25), Timing("", "cloud", 0.01), Timing("backend", "push", 30)]
    assert timing_lines(timings) == ("took      31.3 s: backend push 30.0 s, backend build 1.2 s",)
    assert timing_lines([]) == ()
