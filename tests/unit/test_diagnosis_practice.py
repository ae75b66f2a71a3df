"""What can be practised, and what is said of the rest; the practising itself is in tests/cloud."""

from __future__ import annotations

import pytest

from tasks.command import Options, Work
from tasks.rehearsal.defects import FAILURES, NOT_HERE
from tasks.rehearsal.practice import NotLocalError, OtherServiceError, PracticeError, practise
from tests.support.fakes import Recorder

AWS = {"AWS_ACCOUNT_ID": "727646509464", "AWS_REGION": "us-east-2", "APP_URL": "https://spryte.example.com"}


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        ("crash-at-strat", "Did you mean 'crash-at-start'?"),
        (
            "slow-start",
            "slow-start is not practised this way on the embedded cloud: it does not run container health",
        ),
        ("", "There is no failure ''."),
    ],
)
def test_a_failure_that_cannot_be_practised_says_why_and_which_can(failure: str, told: str) -> None:
    with pytest.raises(PracticeError) as caught:
        practise(Work(Options("backend"), Recorder(), {}), failure)
    assert told in str(caught.value)
    assert all(name in caught.value.fix for name in FAILURES)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("asked", ["frontend", "all"])
def test_a_failure_of_another_service_than_the_one_named_is_refused(asked: str) -> None:
    with pytest.raises(OtherServiceError) as caught:
        practise(Work(Options(asked), Recorder(), {}), "crash-at-start")
    assert str(caught.value) == f"crash-at-start is practised on backend, not on {asked}."
    assert caught.value.exit_code == 2


def test_nobody_practises_in_production() -> None:
    with pytest.raises(NotLocalError) as caught:
        practise(Work(Options("backend", target="aws"), Recorder(), AWS), "crash-at-start")
    assert caught.value.exit_code == 2


def test_each_is_one_or_the_other() -> None:
    assert len(FAILURES) + len(NOT_HERE) == len(FAILURES.keys() | NOT_HERE.keys())
