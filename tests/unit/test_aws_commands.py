"""Commands that messages name go to the cloud that was asked."""

from __future__ import annotations

import pytest

from tasks.aws_commands import point, point_error, point_outcome
from tasks.errors import NotReadyError
from tasks.report import Outcome
from tests.support.models import AWS, LOCAL

COMMAND = "aws ecs update-service --cluster spryte-cluster --desired-count 1"
POINTED = (
    "aws --endpoint-url http://127.0.0.1:4566 --region us-east-2 "
    "ecs update-service --cluster spryte-cluster --desired-count 1"
)


def test_a_command_for_the_embedded_cloud_does_not_change_the_account_of_the_shell() -> None:
    assert point(f"Scale it up first: {COMMAND}", LOCAL) == f"Scale it up first: {POINTED}"


def test_a_command_for_production_stays_as_it_is() -> None:
    assert point(COMMAND, AWS) == COMMAND


@pytest.mark.parametrize(
    "text", ["see aws/iam/README.md", "--target=aws needs it", "aws says no", "/x/aws ecs list"]
)
def test_what_is_no_command_stays_as_it_is(text: str) -> None:
    assert point(text, LOCAL) == text


def test_a_result_is_pointed_in_its_lines_and_in_its_document() -> None:
    outcome = Outcome({"ok": False, "findings": [{"fix": COMMAND, "n": 1}]}, (COMMAND,), 3)
    pointed = point_outcome(outcome, LOCAL)
    assert pointed.lines == (POINTED,)
    assert pointed.document == {"ok": False, "findings": [{"fix": POINTED, "n": 1}]}
    assert pointed.exit_code == 3


def test_an_error_is_pointed_in_its_next_step_and_its_evidence() -> None:
    error = NotReadyError("It is at 0.", fix=COMMAND, evidence=[COMMAND])
    point_error(error, LOCAL)
    assert (error.fix, error.evidence) == (POINTED, (POINTED,))
