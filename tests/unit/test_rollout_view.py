"""What a person sees of a rollout beside its events: the health of the targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.release.rollout_view import View
from tests.support.account import Account, AccountClients
from tests.support.models import as_service, ecs_deployment, ecs_service, rollout

if TYPE_CHECKING:
    from tests.support.fakes import Recorder

GROUP = {"loadBalancers": [{"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-2:1:targetgroup/a/0123"}]}
RUNNING = as_service(ecs_service(ecs_deployment(7), **GROUP))
ASK = "elasticloadbalancing:DescribeTargetHealth"


def show(view: View, reason: str) -> None:
    """Ask and show, as a wait does at each look."""
    view.targets(RUNNING)
    view.show(RUNNING, reason)


def test_targets_are_counted_by_state_the_healthy_ones_first(report: Recorder) -> None:
    account = Account(targets=("draining", "initial", "healthy", "initial"))
    show(View(rollout(), AccountClients(account), report), "")
    assert report.text == "1 of 1 running; targets 1 healthy, 1 draining, 2 initial\n"


def test_a_change_of_their_health_is_a_change(report: Recorder) -> None:
    account = Account(targets=("initial",))
    view = View(rollout(), AccountClients(account), report)
    show(view, "settling")
    account.targets = ("healthy",)
    show(view, "settling")
    assert report.text.splitlines() == [
        "1 of 1 running; targets 1 initial; settling",
        "1 of 1 running; targets 1 healthy; settling",
    ]


def test_a_role_that_may_not_ask_is_told_so_once_and_asks_no_more(report: Recorder) -> None:
    account = Account(denied={ASK})
    view = View(rollout(), AccountClients(account), report)
    show(view, "")
    show(view, "settling")
    assert report.text.splitlines() == [
        f"target health is not shown: the permission {ASK} is missing",
        "1 of 1 running",
        "1 of 1 running; settling",
    ]
    assert len(account.requests(ASK)) == 1


def test_a_service_without_a_load_balancer_has_no_targets_to_ask_for(report: Recorder) -> None:
    account = Account()
    alone = as_service(ecs_service(ecs_deployment(7)))
    view = View(rollout(), AccountClients(account), report)
    assert view.targets(alone) is None
    view.show(alone, "")
    assert report.text == "1 of 1 running\n"
    assert account.asked == []


def test_a_deployment_that_ecs_wants_nothing_of_any_more_is_not_counted_as_0_of_0(report: Recorder) -> None:
    failed = ecs_deployment(7, rolloutState="FAILED", runningCount=0, desiredCount=0, failedTasks=3)
    view = View(rollout(), AccountClients(Account()), report)
    view.show(as_service(ecs_service(failed)), "the circuit breaker was triggered.")
    assert report.text == "given up, 3 failed; the circuit breaker was triggered.\n"
