"""Whether two task definitions mean the same, and how they differ, in words."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest

from tasks.documents import as_list, as_object
from tasks.release.difference import comparable, differences

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.documents import Json

DEFINITION: dict[str, Json] = {
    "family": "spryte-backend",
    "cpu": "256",
    "requiresCompatibilities": ["FARGATE"],
    "containerDefinitions": [
        {
            "name": "spryte-backend",
            "image": "repository@sha256:1",
            "environment": [{"name": "MODE", "value": "x"}, {"name": "APP_VERSION", "value": "0.1.4"}],
            "secrets": [{"name": "JWT_SECRET_KEY", "valueFrom": "arn:secret:one"}],
            "portMappings": [{"containerPort": 5000}],
            "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 10},
            "dockerLabels": {"team": "spryte"},
        }
    ],
}


def changed(change: Callable[[dict[str, Json]], object]) -> dict[str, Json]:
    """Return the definition after a change of its container."""
    other = copy.deepcopy(DEFINITION)
    change(as_object(as_list(other["containerDefinitions"])[0]))
    return other


def set_(name: str, value: Json) -> Callable[[dict[str, Json]], object]:
    """Return the change that sets a field of the container."""
    return lambda container: container.update({name: value})


def test_what_aws_adds_by_itself_is_no_difference() -> None:
    returned = changed(
        lambda container: container.update(
            {
                "essential": True,
                "cpu": 0,
                "mountPoints": [],
                "volumesFrom": [],
                "systemControls": [],
                "portMappings": [{"containerPort": 5000, "hostPort": 5000, "protocol": "tcp"}],
                "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 10, "timeout": 5, "retries": 3},
            }
        )
    )
    returned |= {
        "taskDefinitionArn": "arn:7",
        "revision": 7,
        "status": "ACTIVE",
        "volumes": [],
        "placementConstraints": [],
        "compatibilities": ["EC2", "FARGATE"],
        "registeredBy": "arn:someone",
        "enableFaultInjection": False,
    }
    assert comparable(returned) == comparable(DEFINITION)
    assert differences(returned, DEFINITION) == ()


@pytest.mark.parametrize("field", ["environment", "secrets", "portMappings"])
def test_the_order_of_what_has_none_is_no_difference(field: str) -> None:
    some: list[Json] = [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]
    assert differences(changed(set_(field, some)), changed(set_(field, some[::-1]))) == ()


def test_the_order_of_a_command_is_a_difference() -> None:
    assert differences(changed(set_("command", ["a", "b"])), changed(set_("command", ["b", "a"]))) == (
        "containerDefinitions.spryte-backend.command.0: a -> b",
        "containerDefinitions.spryte-backend.command.1: b -> a",
    )


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("image", "repository@sha256:2", "image: repository@sha256:1 -> repository@sha256:2"),
        ("essential", False, "essential: True -> False"),
        ("cpu", 128, "cpu: (absent) -> 128"),
        ("environment", [{"name": "MODE", "value": "x"}], "environment.APP_VERSION: 0.1.4 -> (absent)"),
        ("dockerLabels", {"team": "other"}, "dockerLabels.team: spryte -> other"),
        ("portMappings", [{"containerPort": 5001}], "portMappings.0.containerPort: 5000 -> 5001"),
        (
            "healthCheck",
            {"command": ["CMD-SHELL", "true"], "interval": 10, "retries": 5},
            "healthCheck.retries: 3 -> 5",
        ),
    ],
)
def test_a_real_change_is_told_with_its_path_and_both_values(field: str, value: Json, told: str) -> None:
    other = changed(set_(field, value))
    assert f"containerDefinitions.spryte-backend.{told}" in differences(DEFINITION, other)
    assert comparable(DEFINITION) != comparable(other)


def test_a_change_of_one_variable_is_one_line() -> None:
    variables: list[Json] = [{"name": "MODE", "value": "x"}, {"name": "APP_VERSION", "value": "0.1.5"}]
    assert differences(DEFINITION, changed(set_("environment", variables))) == (
        "containerDefinitions.spryte-backend.environment.APP_VERSION: 0.1.4 -> 0.1.5",
    )


def test_a_field_at_the_top_is_told() -> None:
    assert differences(DEFINITION, {**DEFINITION, "cpu": "512"}) == ("cpu: 256 -> 512",)


def test_secrets_appear_by_name_only() -> None:
    secrets: list[Json] = [{"name": "JWT_SECRET_KEY", "valueFrom": "arn:secret:two"}]
    (line,) = differences(DEFINITION, changed(set_("secrets", secrets)))
    assert line.startswith("containerDefinitions.spryte-backend.secrets.JWT_SECRET_KEY: ")
    assert "arn" not in line


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({}, {"DEBUG_TOKEN": "hidden"}, "DEBUG_TOKEN: (absent) -> (set)"),
        ({"DEBUG_TOKEN": "hidden"}, {}, "DEBUG_TOKEN: (set) -> (absent)"),
        ({"DEBUG_TOKEN": "hidden"}, {"DEBUG_TOKEN": "hidden-too"}, "DEBUG_TOKEN: (set) -> (another value)"),
        (
            {"MONGODB_URI": "x://db"},
            {"MONGODB_URI": "x://me:hidden@db.test"},
            "MONGODB_URI: (set) -> (another value)",
        ),
    ],
)
def test_a_variable_that_looks_secret_is_never_shown(old: dict[str, str], new: dict[str, str], told: str) -> None:
    before, after = (
        changed(set_("environment", [{"name": name, "value": value} for name, value in each.items()]))
        for each in (old, new)
    )
    assert differences(before, after) == (f"containerDefinitions.spryte-backend.environment.{told}",)


def test_nor_is_a_log_drivers_token_or_a_password_in_a_command() -> None:
    lines = differences(DEFINITION, changed(set_("logConfiguration", {"options": {"splunk-token": "hidden"}})))
    assert lines == (
        "containerDefinitions.spryte-backend.logConfiguration.options.splunk-token: (absent) -> (set)",
    )
    (line,) = differences(DEFINITION, changed(set_("command", ["x://me:hidden@db.test"])))
    assert line.endswith("command.0: (absent) -> x://me:***@db.test")


def test_long_values_are_cut() -> None:
    (line,) = differences(DEFINITION, changed(set_("image", "x" * 500)))
    assert line.endswith(f"-> {'x' * 80}...")


def test_everything_is_new_to_a_family_without_revisions() -> None:
    lines = differences({}, DEFINITION)
    assert "family: (absent) -> spryte-backend" in lines
    assert all(": (absent) -> " in line for line in lines)


def test_comparing_changes_nothing() -> None:
    before = copy.deepcopy(DEFINITION)
    comparable(DEFINITION)
    assert before == DEFINITION
