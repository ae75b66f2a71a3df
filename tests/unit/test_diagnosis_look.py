"""Which revision `diagnose` looks at when none is named."""

from __future__ import annotations

from tasks.diagnosis.gather import failed_revision
from tasks.release.service_state import describe
from tests.support.models import BACKEND, arn, ecs_deployment
from tests.support.recorded import Recorded, RecordedClients, ended

FAILED = ecs_deployment(7, status="ACTIVE", rolloutState="FAILED")
CRASHED = ended("Essential container in task exited", exit_code=1)
REPLACED = ended("Scaling activity initiated by (deployment ecs-svc/2)", "ServiceSchedulerInitiated", exit_code=0)


def looked_at(account: Recorded) -> str:
    """Return the revision that is taken for the failed one."""
    clients = RecordedClients(account)
    return failed_revision(BACKEND, describe(BACKEND, clients), clients)


def test_the_one_that_ecs_calls_failed() -> None:
    assert looked_at(Recorded(deployments=[ecs_deployment(4, "ecs-svc/1"), FAILED])) == arn(7)


def test_the_one_whose_tasks_ended_by_themselves_where_ecs_has_forgotten_its_deployment() -> None:
    assert looked_at(Recorded(deployments=[ecs_deployment(4, "ecs-svc/1")], stopped=[REPLACED, CRASHED])) == arn(7)


def test_none_when_tasks_were_only_replaced() -> None:
    assert looked_at(Recorded(deployments=[ecs_deployment(4, "ecs-svc/1")], stopped=[REPLACED])) == ""


def test_none_when_another_revision_was_deployed_since() -> None:
    assert looked_at(Recorded(deployments=[ecs_deployment(8, "ecs-svc/1"), FAILED], stopped=[CRASHED])) == ""
