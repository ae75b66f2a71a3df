"""Success means that the version asked for serves: all answers of ECS and of the service are walked through."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.errors import DeployError
from tasks.release import pipeline
from tasks.release.rollout_judge import judge
from tests.support.models import AWS, as_service, ecs_deployment, ecs_service, rollout
from tests.support.web import Page, serving, version
from tests.unit.test_diagnosis_midway import Watching, revision

if TYPE_CHECKING:
    from tests.support.fakes import Recorder

STATUSES = ("PRIMARY", "ACTIVE", "INACTIVE")
STATES = ("IN_PROGRESS", "COMPLETED", "FAILED")
OTHERS = (0, 3, 4, 7, 8)
ANSWERS = {
    "the version asked for": version("0.1.5"),
    "the version before": version("0.1.4"),
    "no version": Page(body="ok"),
    "the version asked for with a 500": Page(500, {"X-App-Version": "0.1.5"}),
    "a load balancer without targets": Page(503),
    "a redirect": Page(302, {"X-App-Version": "0.1.5", "Location": "/"}),
}


def test_a_rollout_is_done_only_when_our_own_deployment_is_primary_completed_and_complete() -> None:
    walked = 0
    for status, state, running, failed, other in itertools.product(STATUSES, STATES, (0, 1, 2), (0, 1, 3), OTHERS):
        ours = ecs_deployment(
            7, status=status, rolloutState=state, runningCount=running, desiredCount=2, failedTasks=failed
        )
        rivals = [ecs_deployment(other, "ecs-svc/9", status="ACTIVE" if status == "PRIMARY" else "PRIMARY")]
        verdict = judge(as_service(ecs_service(ours, *(rivals if other else []))), rollout())
        done = status == "PRIMARY" and state == "COMPLETED" and running == 2 and failed < 3
        assert (verdict.state == "done") is done, (status, state, running, failed, other)
        walked += 1
    assert walked == 405


@pytest.mark.parametrize("without", ["rolloutState", "runningCount", "status"])
def test_an_answer_that_lacks_something_is_no_success_of_another_revision(without: str) -> None:
    for number in (3, 4, 8):
        rival = ecs_deployment(number, "ecs-svc/9")
        rival.pop(without)
        state = judge(as_service({**ecs_service(), "deployments": [rival]}), rollout()).state
        assert state in ("failed", "superseded")


@pytest.mark.parametrize("what", ANSWERS)
@pytest.mark.parametrize("number", [4, 7, 8])
def test_a_deploy_succeeds_only_when_ecs_and_http_both_say_the_version_asked_for(
    number: int, what: str, report: Recorder
) -> None:
    with serving(lambda _: ANSWERS[what]) as site:
        clients = Watching(replace(AWS, app_url=site.url), ends_with=number)
        options = pipeline.DeployOptions(timeout=3, force=False, roll_back=False)
        if (number, what) == (7, "the version asked for"):
            assert pipeline.deploy(revision(7), clients, report, options).verified.version == "0.1.5"
            return
        with pytest.raises(DeployError) as caught:
            pipeline.deploy(revision(7), clients, report, options)
    assert caught.value.exit_code == {4: 7, 7: 9, 8: 10}[number]
