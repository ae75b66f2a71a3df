"""MiniStack's states in words, and the stack's parameters: what needs neither Docker nor MiniStack."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from tasks import change_set
from tasks.documents import DocumentError
from tasks.embedded import ministack, stack, status
from tasks.embedded.engine import EngineStatus
from tasks.embedded.ministack import CloudDiedError, ForeignCloudError, PortTakenError, Server
from tasks.embedded.processes import Process
from tasks.embedded.status import CloudStatus, ServiceStatus
from tasks.settings import Settings, load
from tests.support.models import BACKEND
from tests.support.project import HERE

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_cloudformation.type_defs import StackEventTypeDef, StackTypeDef

    from tasks.embedded.ministack import State

ENGINE = EngineStatus("unix:///var/run/docker.sock", "28.0")


@pytest.fixture
def settings() -> Settings:
    return load(HERE, {})


def test_ministack_gets_nothing_of_the_persons_aws_settings(settings: Settings) -> None:
    given = ministack.variables(settings)
    assert given["AWS_ACCESS_KEY_ID"] == given["AWS_SECRET_ACCESS_KEY"] == "test"
    assert given["AWS_CONFIG_FILE"] == given["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert given["BIND_HOST"] == "127.0.0.1"
    assert not {name for name in given if name.startswith(("AWS_PROFILE", "AWS_SESSION", "GITHUB"))}


@pytest.mark.parametrize(
    ("error", "what", "fix"),
    [
        (PortTakenError(4566, "pid 7 (nc -l 4566)", 4567), "Port 4566", "LOCAL_PORT=4567"),
        (
            ForeignCloudError(4566, "/home/me/other, pid 7", 4570),
            "another checkout: /home/me/other",
            "LOCAL_PORT=4570",
        ),
    ],
)
def test_a_taken_port_is_answered_with_a_free_one(error: PortTakenError, what: str, fix: str) -> None:
    assert what in str(error)
    assert fix in error.fix


def test_a_cloud_that_died_shows_its_last_lines_and_the_whole_logs_place(tmp_path: Path) -> None:
    error = CloudDiedError(
        "ended while it started (pid 7)", tmp_path / "ministack.log", ("Traceback", "ImportError")
    )
    assert error.evidence == ("Traceback", "ImportError")
    assert "ministack.log" in error.fix
    assert "inv local.reset" in error.fix


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("running", "MiniStack 1.5.33 on port 4566, pid 7"),
        ("stopped", "stopped; start it with: ./inv local.up"),
        ("half-started", "MiniStack (pid 7) does not answer on port 4566"),
        ("crashed", "MiniStack (pid 7) is gone without having been stopped"),
        ("foreign", "stopped; port 4566 is taken by pid 8 (nc)"),
    ],
)
def test_every_state_of_ministack_has_its_words(state: State, words: str) -> None:
    server = Server(state, 4566, Process(7, "1"), "1.5.33", "pid 8 (nc)" if state == "foreign" else "")
    assert words in status.server_line(server)


def test_a_cloud_that_is_up_lists_its_services_containers_and_address() -> None:
    service = ServiceStatus("backend", 2, 1, ("ministack-ecs-1-spryte-backend",))
    found = CloudStatus(
        ENGINE, Server("running", 4566, Process(7, "1")), "http://x", "CREATE_COMPLETE", (service,)
    )
    assert found.is_up
    assert "service  backend: 1 of 2 running (ministack-ecs-1-spryte-backend)" in status.lines(found)
    assert status.lines(found)[-1] == "address  http://x"
    assert json.loads(json.dumps(status.document(found)))["services"][0]["desired"] == 2


def test_a_cloud_whose_engine_went_away_says_so() -> None:
    gone = EngineStatus("unix:///var/run/docker.sock", problem="No Docker Engine answers.")
    found = CloudStatus(gone, Server("running", 4566, Process(7, "1")), "http://x", "CREATE_COMPLETE")
    assert not found.is_up
    assert any("its Docker Engine is gone" in line for line in status.lines(found))


@pytest.mark.parametrize(
    ("outcome", "reason", "nothing"),
    [
        ("UNAVAILABLE", "The submitted information didn't contain changes. Submit different information.", True),
        ("UNAVAILABLE", "No updates are to be performed.", True),
        ("UNAVAILABLE", "Parameters: [X] must have values", False),
        ("AVAILABLE", "No updates are to be performed.", False),
    ],
)
def test_a_change_set_that_failed_for_want_of_changes_is_no_failure(
    outcome: str, reason: str, *, nothing: bool
) -> None:
    assert change_set.is_nothing_to_do("FAILED", outcome, reason) is nothing


def test_the_first_failure_of_the_last_change_comes_first_and_cancellations_are_left_out() -> None:
    def event(resource: str, state: str, reason: str) -> StackEventTypeDef:
        fields = {"StackName": "spryte", "LogicalResourceId": resource, "ResourceType": "AWS::X"}
        return cast("StackEventTypeDef", {**fields, "ResourceStatus": state, "ResourceStatusReason": reason})

    newest_first = [
        event("spryte", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed"),
        event("Other", "CREATE_FAILED", "Resource creation cancelled"),
        event("Second", "CREATE_FAILED", "because of the first"),
        event("First", "CREATE_FAILED", "name is taken"),
        event("spryte", "CREATE_IN_PROGRESS", "User Initiated"),
        event("Older", "UPDATE_FAILED", "long fixed"),
    ]
    assert change_set.failure_lines(newest_first) == (
        "First (AWS::X): name is taken",
        "Second (AWS::X): because of the first",
    )


def test_the_templates_parameters_are_filled_from_the_services_variables(settings: Settings) -> None:
    template = stack.read_template(HERE / stack.TEMPLATE)
    values = stack.parameters(settings.select("all"), template)
    assert values["ClusterName"] == "spryte-cluster"
    assert values["FrontendServiceName"] == "spryte-frontend-service"
    assert values["LoadBalancerName"] == "spryte"
    assert set(values) <= template.parameters


def test_a_service_that_the_template_does_not_know_gives_it_no_parameters(settings: Settings) -> None:
    template = stack.read_template(HERE / stack.TEMPLATE)
    third = replace(BACKEND, name="payment-api", cluster="elsewhere")
    assert stack.prefix(third) == "PaymentApi"
    assert stack.parameters([*settings.select("all"), third], template) == stack.parameters(
        settings.select("all"), template
    )


def test_services_in_different_clusters_do_not_fit_into_one_stack(settings: Settings) -> None:
    template = stack.read_template(HERE / stack.TEMPLATE)
    backend, frontend = settings.select("all")
    with pytest.raises(stack.ClustersDifferError, match="backend: spryte-cluster, frontend: other"):
        stack.parameters([backend, replace(frontend, cluster="other")], template)


def test_secrets_get_values_at_creation_and_keep_them_ever_after() -> None:
    template = stack.Template("", frozenset({"ClusterName", "MongodbUri"}))
    existing = cast("StackTypeDef", {"Parameters": [{"ParameterKey": "MongodbUri"}, {"ParameterKey": "Dropped"}]})
    assert stack.proposed({"ClusterName": "c"}, None, template)["MongodbUri"]
    assert stack.proposed({"ClusterName": "c"}, existing, template) == {"ClusterName": "c", "MongodbUri": None}


@pytest.mark.parametrize(("text", "place"), [(None, "aws/stack.yaml: "), ("a: [\n", "aws/stack.yaml:2: ")])
def test_a_template_that_cannot_be_read_is_named_with_its_line(
    tmp_path: Path, text: str | None, place: str
) -> None:
    if text is not None:
        (tmp_path / "stack.yaml").write_text(text)
    with pytest.raises(DocumentError, match=place):
        stack.read_template(tmp_path / "stack.yaml")
