"""Dependabot keeps current what is pinned."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

import yaml

from tasks.documents import as_list, as_object
from tests.support.project import HERE
from tests.support.workflows import SERVICES

if TYPE_CHECKING:
    from tasks.documents import Json


def dependabot() -> list[dict[str, Json]]:
    parsed = cast("dict[str, Json]", yaml.safe_load((HERE / ".github" / "dependabot.yml").read_text()))
    return [as_object(each) for each in as_list(parsed["updates"])]


def test_dependabot_looks_after_everything_that_is_pinned() -> None:
    assert [(each["package-ecosystem"], each["directory"]) for each in dependabot()] == [
        ("github-actions", "/"),
        ("pip", "/"),
        ("uv", "/backend"),
        ("npm", "/frontend"),
        ("docker", "/.github/base-images"),
    ]


def test_dependabot_makes_one_pull_request_a_week_and_place() -> None:
    for each in dependabot():
        assert each["schedule"] == {"interval": "weekly"}
        assert [as_object(group)["patterns"] for group in as_object(each["groups"]).values()] == [["*"]]


def test_dependabot_leaves_alone_what_ministack_pins() -> None:
    (python,) = [each for each in dependabot() if each["package-ecosystem"] == "pip"]

    ignored = [as_object(each)["dependency-name"] for each in as_list(python["ignore"])]
    assert ignored == ["boto3", "botocore", "ministack"]


def test_dependabot_sees_the_base_images_that_the_services_are_built_on() -> None:
    seen = re.findall(r"^FROM (\S+)$", (HERE / ".github/base-images/Dockerfile").read_text(), re.MULTILINE)
    built_on = [
        image
        for service in SERVICES
        for image in re.findall(
            r"^ARG \w+_IMAGE=(\S+)$", (HERE / service / "Dockerfile").read_text(), re.MULTILINE
        )
    ]

    assert seen == built_on
