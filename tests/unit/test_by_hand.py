"""What a deploy changes in the definition that runs, which need not be the newest one that was registered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.release import pipeline
from tests.support.fakes import StubbedClients
from tests.support.models import (
    AWS,
    DIGEST,
    NEVER_DEPLOYED,
    arn,
    ecs_deployment,
    ecs_service,
    registered,
    revision,
)
from tests.support.web import serving, version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.documents import Json
    from tests.support.fakes import Recorder

OPTIONS = pipeline.DeployOptions(timeout=600, force=False, roll_back=True)
CPU = "cpu: 256 -> 512"


@pytest.fixture
def clients() -> Iterator[StubbedClients]:
    """Clients of a service that answers with version 0.1.5."""
    with serving(lambda _: version("0.1.5")) as site:
        yield StubbedClients(replace(AWS, app_url=site.url))


def content(number: int, **fields: object) -> dict[str, Json]:
    """Return a definition of the backend's version 0.1.5."""
    found = registered(number, "0.1.5", **fields)["taskDefinition"]
    assert isinstance(found, dict)
    return found


def deploys(
    clients: StubbedClients, report: Recorder, definition: dict[str, Json], *, reused: bool = False
) -> tuple[str, ...]:
    """Deploy revision 10 over revision 7, which has 256 CPU units; return what changed by its own account."""
    clients.services_are(ecs_service(ecs_deployment(7, "ecs-svc/1")))
    clients.ecs_stub.add_response(
        "describe_task_definition", registered(7, "0.1.5", cpu="256"), {"taskDefinition": arn(7)}
    )
    clients.tags_are(("deployed-spryte-backend-10-over-7", DIGEST))
    clients.ecs_stub.add_response("update_service", {"service": ecs_service(ecs_deployment(10))})
    clients.services_are(ecs_service(ecs_deployment(10)))
    clients.ecs_stub.add_client_error("list_tasks", "AccessDeniedException", "not authorized: ecs:ListTasks on y")
    made = replace(revision(10), reused=reused, definition=definition, changes=())
    released = pipeline.deploy(made, clients, report, OPTIONS)
    assert released.deployment.compared
    return released.deployment.compared.changes


@pytest.mark.parametrize("reused", [False, True], ids=["new", "reused"])
def test_what_a_failed_revision_brought_is_told_again_by_the_next_one(
    clients: StubbedClients, report: Recorder, reused: bool
) -> None:
    """Revision 9 brought 512 CPU units, failed, and 7 serves: revision 10 changes nothing in 9, but much in 7."""
    assert deploys(clients, report, content(10, cpu="512"), reused=reused) == (CPU,)
    assert "changes in the task definition that runs (spryte-backend:7):\n" in report.text
    assert report.text.index(f"  {CPU}\n") < report.text.index("spryte-backend:7 -> spryte-backend:10, deployment")


def test_a_revision_of_the_same_content_changes_nothing_and_says_so(
    clients: StubbedClients, report: Recorder
) -> None:
    assert deploys(clients, report, content(10, cpu="256")) == ()
    assert "nothing changes in the task definition that runs (spryte-backend:7)" in report.text


def test_secrets_are_told_by_name_only(clients: StubbedClients, report: Recorder) -> None:
    secret: dict[str, Json] = {"name": "JWT_SECRET_KEY", "value": "the-very-secret-value"}
    definition = content(10, cpu="256")
    definition["containerDefinitions"] = [{"name": "spryte-backend", "image": "x", "environment": [
        {"name": "APP_VERSION", "value": "0.1.5"}, secret]}]  # fmt: skip
    (change,) = deploys(clients, report, definition)
    assert "JWT_SECRET_KEY" in change
    assert "the-very-secret-value" not in report.text + change


def test_a_first_deploy_is_told_in_one_line(clients: StubbedClients, report: Recorder) -> None:
    nothing = ecs_service(ecs_deployment(1, "ecs-svc/1", desiredCount=0, runningCount=0), desiredCount=0)
    clients.services_are(nothing)
    clients.ecs_stub.add_response("describe_task_definition", registered(1, cpu="256"))
    clients.ecs_stub.add_response("update_service", {"service": ecs_service(ecs_deployment(10))})
    clients.services_are(ecs_service(ecs_deployment(10)))
    clients.ecs_stub.add_client_error("list_tasks", "AccessDeniedException", "not authorized: ecs:ListTasks on y")
    pipeline.deploy(replace(revision(10), definition=content(10, cpu="512")), clients, report, OPTIONS)
    assert f"everything is new: {NEVER_DEPLOYED.name} only held its place" in report.text
    assert CPU not in report.text
