"""What can be practised, and what is said of the rest; the practising itself is in tests/cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks.command import Options, Work
from tasks.documents import as_list, as_object
from tasks.rehearsal.defects import FAILURES, NOT_HERE
from tasks.rehearsal.practice import (
    PRACTISED,
    NotBackError,
    NotLocalError,
    OneServiceError,
    OtherServiceError,
    PracticeError,
    practise,
)
from tests.support.fakes import Recorder
from tests.support.models import BACKEND

if TYPE_CHECKING:
    from tasks.documents import Json

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
    assert all(name in caught.value.fix for name in PRACTISED)
    assert caught.value.exit_code == 2


def test_a_failure_that_means_nothing_for_the_service_named_is_refused() -> None:
    with pytest.raises(OtherServiceError) as caught:
        practise(Work(Options("backend"), Recorder(), {}), "api-unreachable")
    assert str(caught.value) == "api-unreachable has no meaning for backend: only a page asks an API."
    assert "--service=frontend" in caught.value.fix
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("asked", ["all", "backend,frontend"])
def test_a_failure_is_practised_on_one_service(asked: str) -> None:
    with pytest.raises(OneServiceError, match=f"not on '{asked}'") as caught:
        practise(Work(Options(asked), Recorder(), {}), "crash-at-start")
    assert caught.value.exit_code == 2


def test_nobody_practises_in_production() -> None:
    with pytest.raises(NotLocalError) as caught:
        practise(Work(Options("backend", target="aws"), Recorder(), AWS), "crash-at-start")
    assert caught.value.exit_code == 2


def test_a_good_version_that_does_not_serve_again_is_no_success() -> None:
    error = NotBackError("crash-at-start", "0.1.4", BACKEND, "0.1.3")
    assert "version 0.1.3 serves, not 0.1.4, which ran before" in str(error)
    assert "./inv deploy --service=backend --version=0.1.4" in error.fix
    assert error.exit_code == 3


def test_a_defect_of_a_service_without_secrets_names_one_of_its_own() -> None:
    definition: dict[str, Json] = {
        "executionRoleArn": "arn:aws:iam::727646509464:role/ecsTaskExecutionRole",
        "containerDefinitions": [
            {
                "name": "spryte-backend",
                "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-region": "us-east-2"}},
            }
        ],
    }
    broken = FAILURES["secret-missing"].apply(definition, BACKEND)
    container = as_object(as_list(broken["containerDefinitions"])[0])
    assert container["secrets"] == [
        {
            "name": "PRACTISED",
            "valueFrom": "arn:aws:secretsmanager:us-east-2:727646509464:secret:spryte/no-such-secret",
        }
    ]


def test_each_is_one_or_the_other() -> None:
    assert len(PRACTISED) + len(NOT_HERE) == len({*PRACTISED, *NOT_HERE})
