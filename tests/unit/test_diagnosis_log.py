"""The last words of a task: however CloudWatch Logs hands them out, and when it does not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tasks.diagnosis import rules
from tasks.diagnosis.findings import Case
from tasks.diagnosis.gather import gather
from tests.support.models import BACKEND, BEGAN, arn
from tests.support.recorded import Recorded, RecordedClients, ended

if TYPE_CHECKING:
    from tasks.diagnosis.rules import Explanation
    from tasks.documents import Json

EXIT = "Essential container in task exited"
CRASHED = ended(EXIT, exit_code=1)
BEFORE = ended(EXIT, exit_code=1, taskArn="a/before", stoppedAt=BEGAN.timestamp())


@dataclass
class Paged(Recorded):
    """An account whose log comes in `pages`, the last lines first; those of `late` only at that many questions."""

    streams: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    late: int = 0

    def answer(self, operation: str, asked: dict[str, Json]) -> dict[str, object] | str:
        """Answer with a page and the token of the one before it; at the beginning with the token passed in."""
        if operation != "logs:GetLogEvents" or operation in self.denied:
            return super().answer(operation, asked)
        self.asked.append((operation, asked))
        pages = self.streams.get(str(asked["logStreamName"]).rpartition("/")[2], [])
        number = int(str(asked.get("nextToken", "b/0")).rpartition("/")[2])
        lines = pages[number] if number < len(pages) and len(self.requests(operation)) > self.late else ()
        following = min(number + 1, len(pages))
        return {
            "events": [{"message": line, "timestamp": 0} for line in lines],
            "nextBackwardToken": f"b/{following}",
        }


def told(account: Recorded) -> tuple[Explanation, RecordedClients]:
    """Return what is told of revision 7, and the clients that asked."""
    clients = RecordedClients(account)
    return rules.explain(gather(Case(BACKEND, arn(7), "0.1.5"), clients)), clients


def test_an_empty_page_is_not_taken_for_an_empty_log() -> None:
    found, _ = told(Paged(stopped=[CRASHED], streams={"0123": [(), ("KeyError: 'x'",)]}))
    assert found.cause == "The container crashes at start with exit code 1: KeyError: 'x'"


def test_the_lines_of_several_pages_are_told_in_their_order() -> None:
    found, _ = told(Paged(stopped=[CRASHED], streams={"0123": [("third",), ("first", "second")]}))
    assert found.evidence[-3:] == ("log: first", "log: second", "log: third")


def test_a_log_without_an_end_is_not_read_for_ever() -> None:
    account = Paged(stopped=[CRASHED], streams={"0123": [("again",)] * 1000})
    told(account)
    assert len(account.requests("logs:GetLogEvents")) == 5


def test_lines_that_lag_are_waited_for() -> None:
    found, clients = told(Paged(stopped=[CRASHED], streams={"0123": [("boom",)]}, late=3))
    assert "exit code 1: boom" in found.cause
    assert 0 < clients.slept <= 3


def test_lines_that_never_come_are_given_up_after_three_seconds() -> None:
    found, clients = told(Paged(stopped=[CRASHED]))
    assert found.cause == "The container crashes at start with exit code 1, without a word in its log"
    assert clients.slept == 3


def test_nothing_is_waited_for_of_a_task_that_ended_long_ago() -> None:
    old = ended(EXIT, exit_code=1, stoppedAt=(BEGAN - timedelta(minutes=5)).timestamp())
    assert told(Paged(stopped=[old]))[1].slept == 0


def test_nothing_is_waited_for_of_a_task_that_never_started() -> None:
    never = ended("CannotPullContainerError: pull: unexpected end", "TaskFailedToStart")
    assert told(Paged(stopped=[never]))[1].slept == 0


def test_the_task_that_ended_alike_before_speaks_for_the_one_whose_lines_lag() -> None:
    found, clients = told(Paged(stopped=[CRASHED, BEFORE], streams={"before": [("boom",)]}))
    assert "exit code 1: boom" in found.cause
    assert clients.slept == 0


def test_a_task_that_ended_otherwise_does_not_speak_for_it() -> None:
    other = {**BEFORE, "containers": [{"name": "spryte-backend", "exitCode": 2}]}
    found, _ = told(Paged(stopped=[CRASHED, other], streams={"before": [("boom",)]}))
    assert "without a word in its log" in found.cause


def test_a_log_that_may_not_be_read_is_not_called_empty() -> None:
    found, clients = told(Paged(stopped=[CRASHED], denied={"logs:GetLogEvents"}))
    assert found.cause == "The container crashes at start with exit code 1; its log could not be read"
    assert "not known: what it wrote last: the permission logs:GetLogEvents is missing" in found.evidence
    assert clients.slept == 0


@pytest.mark.parametrize("reason", ["Task failed container health checks", "Task failed ELB health checks in (x)"])
def test_why_a_check_fails_is_not_guessed_where_the_log_may_not_be_read(reason: str) -> None:
    stopped = [ended(reason, "ServiceSchedulerInitiated", exit_code=137)]
    found, _ = told(Recorded(stopped=stopped, denied={"logs:GetLogEvents"}))
    assert found.name == ""
    assert "aws/iam/diagnose-policy.json" in found.next_step


def test_a_first_good_answer_that_the_log_no_longer_shows_is_not_called_late() -> None:
    start = BEGAN - timedelta(hours=3)
    times = [(BEGAN + timedelta(seconds=10 * number)).isoformat() for number in range(200)]
    lines = tuple(json.dumps({"time": time, "path": "/api/health", "status": 200}) for time in times)
    reason = "Task failed ELB health checks in (x)"
    stopped = [ended(reason, "ServiceSchedulerInitiated", exit_code=0, startedAt=start.timestamp())]
    found, _ = told(Paged(stopped=stopped, streams={"0123": [lines, ("Listening at: http://0.0.0.0:5000",)]}))
    assert found.name == "target-unreachable"
