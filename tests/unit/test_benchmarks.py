"""What the benchmarks read off a deploy's lines; the measuring itself takes minutes, and a cloud."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from benchmarks.failures import row
from benchmarks.lines import Line, Stopwatch, Times, times
from benchmarks.peers import Answer, Crash, table
from benchmarks.verdict import TAKEN_BACK, ours
from tasks.report import Report
from tests.support.catalogue_left import CATALOGUE, REFUSED
from tests.support.replay import play

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.replay import Example


def shown(example: Example) -> Sequence[Line]:
    """Return what a replayed deploy writes."""
    watch = Stopwatch()
    report = Report(watch, time.monotonic)
    played = play(example, report)
    assert played.error is not None
    report.error(played.error)
    return watch.lines


def test_seconds_are_counted_from_the_update() -> None:
    lines = [
        Line(5.0, "backend   update    spryte-backend:4 -> spryte-backend:7, deployment ecs-svc/2"),
        Line(8.5, "backend   diagnose  cause: The container crashes at start with exit code 1."),
        Line(9.0, "backend   way back  http://x/api/health answers 200, version 0.1.4, 3 times in a row"),
        Line(9.1, "error: spryte-backend-service: version 0.1.5 did not come up"),
    ]
    assert times(lines) == Times(3.5, 4.0)
    assert row("crash-at-start", "practised", times(lines)) == (
        "| [crash-at-start](#crash-at-start) | practised | 3.5 | 4.0 | 7 |"
    )


@pytest.mark.parametrize("what", ["it crashes", "another version answers"])
def test_a_failing_deploy_writes_what_is_measured(what: str) -> None:
    took = times(shown(CATALOGUE[what]))
    assert took.cause is not None
    assert took.proved is not None
    assert 0 <= took.cause <= took.proved


@pytest.mark.parametrize("what", REFUSED)
def test_a_refused_deploy_has_no_seconds(what: str) -> None:
    took = times(shown(REFUSED[what]))
    assert took == Times(None, None)
    assert "| before the update | - |" in row(REFUSED[what].name, "replayed", took)


def test_the_verdict_is_what_the_deploy_says_last() -> None:
    assert ours(shown(TAKEN_BACK)).said == (
        "failed; cause: The container crashes at start with exit code 1: KeyError: 'x' "
        "(docs/failures.md#crash-at-start); Version 0.1.4 serves again, proved over HTTP."
    )


def test_a_tool_is_compared_by_ratios_and_by_what_it_says_of_a_crash() -> None:
    named = Crash(Answer(4.0, 7, "exit code 7 ... the database is on fire"), "0.1.4 answers")
    unnamed = Crash(Answer(400.0, 1, "failed due to timeout"), "0.1.4 answers")
    rows = table(("this tool", "another"), (0.4, 0.2), (3.0, 2.0), (named, unnamed))
    assert rows[2:] == [
        ("start-up, median of 5", "0.40 s", "0.20 s", "2.0"),
        ("healthy rollout, median of 3", "3.0 s", "2.0 s", "1.5"),
        ("image that crashes at start", "4.0 s", "400.0 s", "0.01"),
        ("its exit code", "7", "1", ""),
        ("names exit code and log line", "yes", "no", ""),
        ("afterwards", "0.1.4 answers", "0.1.4 answers", ""),
    ]
