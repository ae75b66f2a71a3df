"""Commands that messages name go to the cloud that was asked."""

from __future__ import annotations

from dataclasses import replace
from inspect import signature

import pytest

from tasks.collection import ns
from tasks.commands import WITH_TARGET, point, point_error, point_outcome
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


def test_an_aws_command_for_production_stays_as_it_is() -> None:
    assert point(COMMAND, AWS) == COMMAND


@pytest.mark.parametrize(
    "text", ["see aws/iam/README.md", "--target=aws needs it", "aws says no", "/x/aws ecs list"]
)
def test_what_is_no_command_stays_as_it_is(text: str) -> None:
    assert point(text, LOCAL) == text


@pytest.mark.parametrize(
    "text",  # the option belongs where the @ is
    [
        "./inv status@",
        "Look: ./inv doctor@.",
        "To go back: ./inv rollback --service=backend --revision=4@.",
        "Look closer: ./inv events --service=a@; ./inv logs --service=a@",
        "then: ./inv setup.aws@, ./inv setup.github, ./inv doctor@",
        "Choose one (./inv history --service=a@), or wait",
        "Wait (./inv status --watch@), then go on",
        "See `./inv plan@`: it tells",
        "./inv deploy --service=a --version=0.1.5 --force@ starts new tasks",
        "./inv deploy --service=a --version=<the running one> --force@",
        """./inv run --service=a --command="sh -c 'a && b'"@ runs it""",
        "./inv diagnose --service=...@, again",
        "./inv logs --service=a --since=1h@; try it here with --target=local.",
        "./inv setup.stack --target=aws",
        "try it here (./inv deploy --target=local --service=a), then deploy it: ./inv deploy --service=a@",
        "Start it: ./inv local.up",
        "./inv tag --service=all",
        "./inv rehearse --tag=a-v0.1.5",
        "./inv setup.github --check",
        "`./inv` makes it, ./inv test tests it",
    ],
)
def test_our_own_commands_name_production_because_the_default_is_the_embedded_cloud(text: str) -> None:
    pointed = text.replace("@", " --target=aws")
    assert point(text.replace("@", ""), AWS) == pointed
    assert point(pointed, AWS) == pointed


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "Fix it, try it here (./inv deploy --service=a --target=local), then deploy the next one.",
            "Fix it, then deploy the next one.",
        ),
        ("Look: ./inv logs --service=a; try it here with --target=local.", "Look: ./inv logs --service=a."),
    ],
)
def test_what_failed_on_the_embedded_cloud_is_not_to_be_tried_there(text: str, told: str) -> None:
    assert point(text, LOCAL) == told


def test_production_is_named_even_where_it_is_the_default_because_the_reader_sits_elsewhere() -> None:
    assert point("./inv status", replace(AWS, default="aws")) == "./inv status --target=aws"


def test_the_embedded_cloud_is_named_where_production_is_the_default() -> None:
    assert point("./inv status", replace(LOCAL, default="aws")) == "./inv status --target=local"


def test_the_embedded_cloud_is_not_named_where_it_is_the_default() -> None:
    assert point("./inv status", LOCAL) == "./inv status"


def test_a_rehearsed_step_names_no_target_of_its_own() -> None:
    assert (
        point("./inv status", replace(AWS, default="aws", endpoint_url="http://127.0.0.1:4566")) == "./inv status"
    )


def test_the_tasks_that_take_a_target_are_those_of_the_command_line() -> None:
    taking = {name for name in ns.task_names if "target" in signature(ns[name].body).parameters}
    assert taking == WITH_TARGET


def test_a_result_is_pointed_in_its_lines_and_in_its_document() -> None:
    outcome = Outcome({"ok": False, "findings": [{"fix": COMMAND, "n": 1}]}, (COMMAND,), 3)
    pointed = point_outcome(outcome, LOCAL)
    assert pointed.lines == (POINTED,)
    assert pointed.document == {"ok": False, "findings": [{"fix": POINTED, "n": 1}]}
    assert pointed.exit_code == 3


def test_an_error_is_pointed_in_its_sentence_its_next_step_and_its_evidence() -> None:
    error = NotReadyError(COMMAND, fix=COMMAND, evidence=[COMMAND])
    point_error(error, LOCAL)
    assert (str(error), error.fix, error.evidence) == (POINTED, POINTED, (POINTED,))
