"""Which revision `diagnose` looks at when none is named."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tasks.commands import point
from tasks.diagnosis import rules
from tasks.diagnosis.findings import Case
from tasks.diagnosis.gather import failed_revision, gather
from tasks.diagnosis.look import case, remarks_on, unless_scaled_to_zero
from tasks.release.service_state import describe
from tests.support.account import verified
from tests.support.models import AWS, BACKEND, BEGAN, LOCAL, arn, ecs_deployment, ecs_event
from tests.support.recorded import Recorded, RecordedClients, ended
from tests.support.web import Page, serving

if TYPE_CHECKING:
    from tasks.diagnosis.rules import Explanation

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


def case_of(*, status: int = 0, log: tuple[str, ...] = (), marks: set[str] | None = None) -> Case:
    """Return what is looked at after revision 7 ran and the service was returned to revision 4."""
    account = returned(status=status, log=log)
    account.tags = marks or set()
    return case(BACKEND, 0, RecordedClients(account))


def returned(*, status: int = 0, log: tuple[str, ...] = ()) -> Recorded:
    """Return an account whose revision 7 ran and was stopped, with what its log says."""
    asked = (json.dumps({"path": "/api/health", "status": status}),) if status else ()
    return Recorded(deployments=[ecs_deployment(4, "ecs-svc/3")], stopped=[REPLACED], log=(*log, *asked))


def test_what_ran_was_never_verified_and_runs_no_more_was_taken_back() -> None:
    found = case_of()
    assert (found.arn, found.taken_back, found.asks_http) == (arn(7), True, False)


def test_what_was_verified_was_rolled_back_from_and_did_not_fail() -> None:
    found = case_of(marks=verified(7))
    assert (found.arn, found.taken_back, found.asks_http) == (arn(4), False, True)


@pytest.mark.parametrize(
    ("status", "log", "name", "cause"),
    [
        (0, ("Listening at: http://0.0.0.0:5001 (1)",), "port-mismatch", "The service listens on port 5001"),
        (404, ("Listening at: http://0.0.0.0:5000 (1)",), "not-answering", "itself answers its health path"),
        (500, ("Listening at: http://0.0.0.0:5000 (1)",), "http-500", "answers its health check with 500"),
        (0, ("still loading",), "not-answering", "neither a request nor a port"),
        (200, ("Listening at: http://0.0.0.0:5000 (1)",), "", "not known"),
    ],
)
def test_why_it_was_taken_back_is_read_from_its_log(
    status: int, log: tuple[str, ...], name: str, cause: str
) -> None:
    clients = RecordedClients(returned(status=status, log=log))
    found = rules.explain(gather(case(BACKEND, 0, clients), clients))
    assert found.name == name
    assert cause in found.cause


def test_to_try_here_what_never_listened_is_said_of_production_alone() -> None:
    clients = RecordedClients(returned(status=0, log=("still loading",)))
    step = rules.explain(gather(case(BACKEND, 0, clients), clients)).next_step
    assert "try it here" in point(step, AWS)
    assert point(step, LOCAL).endswith("before it listens: ./inv logs --service=backend --since=1h.")


def test_a_log_that_may_not_be_read_does_not_say_that_it_never_listened() -> None:
    account = returned()
    account.denied.add("logs:GetLogEvents")
    clients = RecordedClients(account)
    assert rules.explain(gather(case(BACKEND, 0, clients), clients)).name == ""


def remarks(number: int, runs: int, newest: int, *, failed: bool = True, status: int = 200) -> tuple[str, ...]:
    """Return what is said beside the diagnosis of a revision, where the service answers with that status."""
    versions = {each: f"0.1.{each}" for each in (4, 7, newest)}
    account = Recorded(revisions=versions, deployments=[ecs_deployment(runs, "ecs-svc/1")])
    with serving(lambda _: Page(status)) as site:
        case, clients = Case(BACKEND, arn(number), f"0.1.{number}"), RecordedClients(account, site.url)
        return remarks_on(case, clients, failed=failed)


@pytest.mark.parametrize("status", [200, 503])
def test_what_runs_now_and_how_it_answers_is_said_beside_what_failed(status: int) -> None:
    said = remarks(7, runs=4, newest=7, status=status)
    assert said == (f"now: spryte-backend:4 runs, version 0.1.4; /api/health answers {status}",)


def test_what_crashed_once_and_runs_again_is_said_to_run() -> None:
    assert remarks(7, runs=7, newest=7) == ("now: spryte-backend:7 runs, version 0.1.5; /api/health answers 200",)


def test_a_crash_after_days_is_no_crash_at_start() -> None:
    started = BEGAN - timedelta(days=3)
    crashed = ended("Essential container in task exited", exit_code=1, startedAt=started.timestamp())
    cause = diagnosed(Recorded(stopped=[crashed], log=("out of file handles",))).cause
    assert cause == "The container crashed after it ran for 3 days, with exit code 1: out of file handles"


def test_events_from_before_the_deployment_mislead_nobody_when_ecs_lists_it_no_longer() -> None:
    message = (
        "(task 0) is unhealthy in (target-group x) due to (reason Health checks failed with these codes: [404])"
    )
    old = ecs_event(1, message, -36_000)
    account = Recorded(
        deployments=[ecs_deployment(4, "ecs-svc/3")], settings={"events": [old]}, denied={"ecs:ListTasks"}
    )
    account.definitions[7]["registeredAt"] = (BEGAN - timedelta(days=30)).timestamp()
    clients = RecordedClients(account)
    assert rules.explain(gather(Case(BACKEND, arn(7), "0.1.5", since=BEGAN), clients)).name == ""
    assert rules.explain(gather(Case(BACKEND, arn(7), "0.1.5"), clients)).name == "target-health-path"


def test_nor_where_nobody_knows_when_it_began_and_its_revision_is_newer_than_they_are() -> None:
    old = ecs_event(1, "(task 0) failed ELB health checks: these codes: [404]", -36_000)
    account = Recorded(
        deployments=[ecs_deployment(4, "ecs-svc/3")], settings={"events": [old]}, denied={"ecs:ListTasks"}
    )
    account.definitions[7]["registeredAt"] = BEGAN.timestamp()
    assert diagnosed(account).name == ""


def test_a_newer_revision_that_failed_in_a_way_ecs_does_not_know_of_is_pointed_at() -> None:
    said = remarks(7, runs=4, newest=9)[1]
    assert said.startswith("newer: spryte-backend:9, version 0.1.9, does not run: it failed over HTTP")
    assert said.endswith("./inv diagnose --service=backend --revision=9")


def test_how_many_tasks_run_is_said_where_some_are_missing() -> None:
    runs = ecs_deployment(4, "ecs-svc/1", runningCount=0)
    account = Recorded(revisions={4: "0.1.4", 7: "0.1.7"}, deployments=[runs])
    assert remarks_on(Case(BACKEND, arn(7), "0.1.7"), RecordedClients(account), failed=True) == (
        "now: spryte-backend:4, version 0.1.4, with 0 of 1 tasks running",
    )


def diagnosed(account: Recorded) -> Explanation:
    """Return what is told of revision 7."""
    case, clients = Case(BACKEND, arn(7), "0.1.5"), RecordedClients(account)
    return unless_scaled_to_zero(rules.explain(gather(case, clients)), case, clients)


def test_a_service_that_is_scaled_to_zero_is_told_as_that() -> None:
    account = Recorded(
        deployments=[ecs_deployment(7, desiredCount=0, runningCount=0)], settings={"desiredCount": 0}
    )
    found = diagnosed(account)
    assert found.name == "desired-count-zero"
    assert found.cause == "The service is scaled to 0 tasks: nothing of it runs."
    assert "--desired-count 1" in found.next_step


def test_a_revision_that_crashed_before_the_service_was_scaled_to_zero_is_told_as_crashed() -> None:
    account = Recorded(settings={"desiredCount": 0}, stopped=[CRASHED])
    assert diagnosed(account).name == "crash-at-start"


def test_nothing_is_said_beside_what_runs_and_is_the_newest() -> None:
    assert remarks(9, runs=9, newest=9, failed=False) == ()
