"""Starting a deployment: one UpdateService, or none where the revision runs or comes up already."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tasks.errors import NotReadyError
from tasks.release.deployment import start
from tasks.release.service_state import DeploymentInProgressError, NothingRunsError, running, to_return_to
from tasks.sdk_errors import AccessDeniedError
from tests.support.models import (
    BACKEND,
    BEGAN,
    NEVER_DEPLOYED,
    OWN,
    arn,
    ecs_deployment,
    ecs_service,
    registered,
    revision,
)
from tests.support.models import running as runs

if TYPE_CHECKING:
    from tests.support.fakes import StubbedClients

UPDATE: dict[str, object] = {
    "cluster": "spryte-cluster",
    "service": "spryte-backend-service",
    "taskDefinition": arn(7),
}
STARTED = {"service": ecs_service(ecs_deployment(7, rolloutState="IN_PROGRESS", runningCount=0))}


def expect_update(clients: StubbedClients, **fields: object) -> None:
    """Expect UpdateService with exactly these fields beside the service and the revision."""
    clients.ecs_stub.add_response("update_service", STARTED, UPDATE | fields)


def test_the_service_is_updated_and_its_answers_deployment_followed(clients: StubbedClients) -> None:
    expect_update(clients)
    started = start(revision(7), runs(4), clients)
    assert (started.id, started.adopted) == (OWN, False)
    assert started.before.name == "spryte-backend:4"
    assert (started.rollout.id, started.rollout.arn, started.rollout.before) == (OWN, arn(7), arn(4))


@pytest.mark.parametrize("state", ["COMPLETED", "IN_PROGRESS"])
def test_a_deployment_of_the_same_revision_is_adopted_and_nothing_updated(
    clients: StubbedClients, state: str
) -> None:
    started = start(revision(4), runs(4, rolloutState=state), clients)
    assert (started.id, started.adopted) == ("ecs-svc/1", True)


def test_a_failed_deployment_of_the_same_revision_is_started_anew(clients: StubbedClients) -> None:
    expect_update(clients, taskDefinition=arn(4), forceNewDeployment=True)
    assert not start(revision(4), runs(4, rolloutState="FAILED"), clients).adopted


def test_force_starts_the_same_revision_anew(clients: StubbedClients) -> None:
    anew = ecs_deployment(4, rolloutState="IN_PROGRESS", runningCount=0, createdAt=BEGAN + timedelta(seconds=60))
    answer = {"service": ecs_service(ecs_deployment(4, "ecs-svc/1", status="ACTIVE"), anew)}
    request = UPDATE | {"taskDefinition": arn(4), "forceNewDeployment": True}
    clients.ecs_stub.add_response("update_service", answer, request)
    started = start(revision(4), runs(4), clients, force=True)
    assert (started.id, started.adopted) == (OWN, False)


def test_force_replaces_a_deployment_in_progress(clients: StubbedClients) -> None:
    expect_update(clients, forceNewDeployment=True)
    assert start(revision(7), runs(4, rolloutState="IN_PROGRESS"), clients, force=True).id == OWN


@pytest.mark.parametrize("before", [4, 7])
def test_a_deployment_that_ecs_gave_up_before_it_answered_is_followed_and_not_the_one_it_went_back_to(
    clients: StubbedClients, before: int
) -> None:
    ours = ecs_deployment(7, status="ACTIVE", rolloutState="FAILED", createdAt=BEGAN + timedelta(seconds=60))
    earlier = ecs_deployment(7, "ecs-svc/2", status="ACTIVE", rolloutState="FAILED")
    back = ecs_deployment(4, "ecs-svc/1", rolloutState="IN_PROGRESS")
    answer = {"service": ecs_service(earlier, ours, back)}
    clients.ecs_stub.add_response("update_service", answer)
    started = start(revision(7), runs(before, rolloutState="FAILED"), clients)
    assert (started.id, started.began) == (OWN, BEGAN + timedelta(seconds=60))


def test_without_a_deployment_of_ours_in_its_answer_no_other_one_is_followed(clients: StubbedClients) -> None:
    clients.ecs_stub.add_response("update_service", {"service": ecs_service(ecs_deployment(9))})
    assert start(revision(7), runs(4), clients).id == ""


STUCK = ecs_deployment(5, "ecs-svc/3", rolloutState="IN_PROGRESS", runningCount=0)
GOOD = ecs_deployment(4, "ecs-svc/1", status="ACTIVE")


@pytest.mark.parametrize("state", ["IN_PROGRESS", "FAILED"])
def test_the_way_back_from_a_stuck_deployment_is_the_one_that_ecs_completed_before(
    clients: StubbedClients, state: str
) -> None:
    never_up = ecs_deployment(3, "ecs-svc/0", status="ACTIVE", rolloutState="FAILED")
    clients.services_are(ecs_service({**STUCK, "rolloutState": state}, never_up, GOOD))
    clients.ecs_stub.add_response("describe_task_definition", registered(4, "0.1.4"), {"taskDefinition": arn(4)})
    before = to_return_to(BACKEND, clients)
    assert (before.name, before.version) == ("spryte-backend:4", "0.1.4")
    assert before.deployment
    assert before.deployment["id"] == "ecs-svc/3"


@pytest.mark.parametrize(
    "deployments",
    [
        (STUCK,),
        (STUCK, {**GOOD, "runningCount": 0}),
        (STUCK, {**GOOD, "rolloutState": "FAILED"}),
        (ecs_deployment(5, "ecs-svc/3"), GOOD),
    ],
    ids=["no other", "its tasks are gone", "it failed too", "nothing is stuck"],
)
def test_else_it_is_what_the_service_is_set_to(
    clients: StubbedClients, deployments: tuple[dict[str, object], ...]
) -> None:
    clients.services_are(ecs_service(*deployments))
    clients.ecs_stub.add_response("describe_task_definition", registered(5, "0.1.5"), {"taskDefinition": arn(5)})
    assert to_return_to(BACKEND, clients).name == "spryte-backend:5"


def test_a_deployment_that_comes_up_is_adopted_although_the_way_back_is_another(clients: StubbedClients) -> None:
    clients.services_are(ecs_service(STUCK, GOOD))
    clients.ecs_stub.add_response("describe_task_definition", registered(4, "0.1.4"))
    started = start(revision(5), to_return_to(BACKEND, clients), clients)
    assert (started.id, started.adopted, started.before.name) == ("ecs-svc/3", True, "spryte-backend:4")


def test_the_first_deploy_raises_the_number_of_tasks(clients: StubbedClients) -> None:
    expect_update(clients, desiredCount=3)
    before = replace(NEVER_DEPLOYED, service=replace(BACKEND, first_count=3))
    assert start(revision(7), before, clients).id == OWN


def test_the_first_deploy_of_the_revision_that_is_set_already_raises_it_too(clients: StubbedClients) -> None:
    expect_update(clients, desiredCount=1)
    assert not start(revision(7), replace(NEVER_DEPLOYED, arn=arn(7)), clients).adopted


@pytest.mark.parametrize("force", [False, True])
def test_a_service_scaled_to_zero_is_refused(clients: StubbedClients, force: bool) -> None:
    with pytest.raises(NothingRunsError) as caught:
        start(revision(7), replace(runs(4), desired=0), clients, force=force)
    assert str(caught.value).startswith("spryte-backend-service has a desired count of 0")
    assert caught.value.fix.endswith(
        "aws ecs update-service --cluster spryte-cluster --service spryte-backend-service --desired-count 1"
    )
    assert caught.value.exit_code == 3


def test_a_deployment_of_another_revision_in_progress_is_refused(clients: StubbedClients) -> None:
    with pytest.raises(DeploymentInProgressError) as caught:
        start(revision(7), runs(5, rolloutState="IN_PROGRESS"), clients)
    assert str(caught.value) == (
        "spryte-backend-service: a deployment of spryte-backend:5 is in progress (ecs-svc/1, "
        "since 2026-01-05 12:00:00+00:00)."
    )
    assert caught.value.fix == "Wait for it to end, or replace it with --force."
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    "reason",
    [
        "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.",
        "ECS deployment rollback in progress.",
    ],
)
def test_a_way_back_of_ecs_own_is_not_told_as_somebody_s_deployment(clients: StubbedClients, reason: str) -> None:
    with pytest.raises(DeploymentInProgressError) as caught:
        start(revision(7), runs(5, rolloutState="IN_PROGRESS", rolloutStateReason=reason), clients)
    assert str(caught.value) == (
        "spryte-backend-service: ECS goes back to spryte-backend:5, "
        "since the deployment after it failed (ecs-svc/1)."
    )
    assert caught.value.fix == (
        "Wait for it to end; why it failed: ./inv diagnose --service=backend. Or replace it with --force."
    )


@pytest.mark.parametrize("action", ["ecs:UpdateService", "iam:PassRole"])
def test_a_missing_permission_is_named(clients: StubbedClients, action: str) -> None:
    clients.ecs_stub.add_client_error(
        "update_service", "AccessDeniedException", f"x is not authorized to perform: {action} on y"
    )
    with pytest.raises(AccessDeniedError, match=f"updating the service .*: the permission {action} is missing"):
        start(revision(7), runs(4), clients)


def test_what_ecs_refuses_is_told_in_its_words(clients: StubbedClients) -> None:
    clients.ecs_stub.add_client_error("update_service", "InvalidParameterException", "TaskDefinition is inactive")
    with pytest.raises(NotReadyError, match="TaskDefinition is inactive"):
        start(revision(7), runs(4), clients)


def test_what_runs_is_read_from_the_service_and_its_definition(clients: StubbedClients) -> None:
    clients.services_are(ecs_service(ecs_deployment(4), desiredCount=2))
    clients.ecs_stub.add_response("describe_task_definition", registered(4, "0.1.4"), {"taskDefinition": arn(4)})
    found = running(BACKEND, clients)
    assert (found.name, found.version, found.desired, found.never_deployed) == (
        "spryte-backend:4",
        "0.1.4",
        2,
        False,
    )


def test_a_service_that_its_stack_made_was_never_deployed(clients: StubbedClients) -> None:
    clients.services_are(ecs_service(ecs_deployment(1, desiredCount=0, runningCount=0), desiredCount=0))
    clients.ecs_stub.add_response("describe_task_definition", registered(1))
    found = running(BACKEND, clients)
    assert (found.version, found.never_deployed) == ("", True)
