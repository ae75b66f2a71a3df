"""What can be known to fail before anything is built or updated is refused then."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.documents import DocumentError
from tasks.release.task_definition import load_template, register
from tasks.sdk_errors import AccessDeniedError
from tests.support.models import AWS, BACKEND, PUSHED

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.settings import Service
    from tests.support.fakes import Recorder, StubbedClients


def sized(files: Path, cpu: str, memory: str) -> Service:
    """Return the backend with a task of that size."""
    path = files / BACKEND.template
    path.write_text(json.dumps({**json.loads(path.read_text()), "cpu": cpu, "memory": memory}, indent=1))
    return replace(BACKEND, root=files)


@pytest.mark.parametrize(
    ("cpu", "memory"),
    [("256", "512"), ("512", "1024"), ("1024", "8192"), ("0.5 vCPU", "2 GB"), ("16384", "122880")],
)
def test_a_size_that_fargate_has_passes(files: Path, cpu: str, memory: str) -> None:
    assert load_template(sized(files, cpu, memory), AWS).definition["cpu"] == cpu


@pytest.mark.parametrize(
    ("cpu", "memory", "told"),
    [
        ("256", "4096", "memory: '4096' does not go with 256 CPU units on Fargate."),
        ("512", "512", "memory: '512' does not go with 512 CPU units on Fargate."),
        ("300", "512", "cpu: '300' is not a size of Fargate."),
        ("8192", "17408", "memory: '17408' does not go with 8192 CPU units on Fargate."),
    ],
)
def test_a_size_that_fargate_does_not_have_is_refused_with_its_line(
    files: Path, cpu: str, memory: str, told: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        load_template(sized(files, cpu, memory), AWS)
    assert str(caught.value).startswith("aws/backend-task-definition.json:")
    assert str(caught.value).endswith(told)
    assert "Give one of" in caught.value.fix
    assert caught.value.exit_code == 2


def test_a_role_that_may_not_be_passed_is_named(clients: StubbedClients, report: Recorder) -> None:
    clients.ecs_stub.add_client_error("describe_task_definition", "ClientException", "Unable to describe")
    clients.ecs_stub.add_client_error(
        "register_task_definition",
        "AccessDeniedException",
        "User: arn:aws:sts::727646509464:assumed-role/SpryteGithubDeployRole/GitHubActions is not authorized to "
        "perform: iam:PassRole on resource: arn:aws:iam::727646509464:role/ecsTaskExecutionRole because no "
        "identity-based policy allows the iam:PassRole action",
    )
    with pytest.raises(AccessDeniedError) as caught:
        register(PUSHED, clients, report)
    assert "the permission iam:PassRole is missing" in str(caught.value)
    assert caught.value.exit_code == 3
