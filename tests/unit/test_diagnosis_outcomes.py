"""Success means that the version asked for serves: all answers of ECS and of the service are walked through."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from tasks.errors import DeployError
from tasks.http import Answer, HttpClient
from tasks.release import pipeline
from tasks.release.interruption import InterruptedMidwayError
from tasks.release.rollout_judge import judge
from tests.support.models import AWS, as_service, ecs_deployment, ecs_event, ecs_service, rollout
from tests.support.replay import Moving, ReplayClients
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
LIMIT = 5
DRAINING = ecs_event(1, "(service a) has begun draining connections on 1 tasks.", 2)
STARTING = ecs_deployment(7, rolloutState="IN_PROGRESS", runningCount=0)
RUNS = ecs_deployment(7, rolloutState="IN_PROGRESS")
OLD = ecs_deployment(4, "ecs-svc/1", status="ACTIVE")
GOING = {**OLD, "desiredCount": 0}
GROUP = {"loadBalancers": [{"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-2:1:targetgroup/a/0123"}]}


@dataclass(frozen=True)
class End:
    """What ECS shows in the end, and whether our version alone serves then."""

    look: list[dict[str, object]]
    ours: bool = False
    settings: dict[str, object] = field(default_factory=dict)
    targets: tuple[str, ...] = ("healthy",)


# ECS's last word, with the events and targets that may mislead
ENDS = {
    "it is complete": End([ecs_deployment(7)], ours=True),
    "its last old task drains": End([RUNS, GOING], ours=True, settings={"events": [DRAINING]}),
    "its last old task drains and the balancer agrees": End(
        [RUNS, GOING], ours=True, settings={"events": [DRAINING], **GROUP}, targets=("healthy", "draining")
    ),
    "an old task drains, another one serves, and one of two new is not healthy": End(
        [{**RUNS, "desiredCount": 2, "runningCount": 2}, OLD], settings={"events": [DRAINING]}
    ),
    "no old task is wanted and the balancer calls the new one unhealthy": End(
        [RUNS, GOING], settings={"events": [DRAINING], **GROUP}, targets=("unhealthy", "draining")
    ),
    "old tasks may be stopped before new ones are healthy": End(
        [RUNS, GOING], settings={"events": [DRAINING], "deploymentConfiguration": {"minimumHealthyPercent": 0}}
    ),
    "one of our own tasks drains": End([{**RUNS, "failedTasks": 1}, GOING], settings={"events": [DRAINING]}),
    "it is not healthy yet": End([RUNS, OLD]),
    "it does not start": End([STARTING, OLD]),
    "ECS calls it failed": End([ecs_deployment(7, rolloutState="FAILED"), OLD]),
    "ECS went back": End([ecs_deployment(4, "ecs-svc/3")]),
    "another one took over": End([ecs_deployment(8, "ecs-svc/8")]),
}
# What the balancer answers, again and again: new tasks and old ones take turns
TURNS = {
    "ours": ("0.1.5",),
    "the one before": ("0.1.4",),
    "both": ("0.1.5", "0.1.4"),
    "three times ours and once the one before": ("0.1.5", "0.1.5", "0.1.5", "0.1.4"),
    "the one before once in a while": (*["0.1.5"] * 20, "0.1.4"),
    "another one": ("0.1.6",),
}
BEGINS = ("over another version", "adopted", "forced", "first deploy", "run again after Ctrl-C")


@dataclass
class Account(Moving):
    """An account that moves on from the look at which a deploy finds it, until the look that stays."""

    begins: str = ""

    def __post_init__(self) -> None:
        """Let the service be as it is before."""
        super().__post_init__()
        self.revisions = {1: "", 4: "0.1.4", 7: "0.1.5", 8: "0.1.6"}
        if self.begins == "adopted":
            self.deployments, self.ahead = [STARTING], [[STARTING, OLD], *self.looks]
        if self.begins == "forced":
            self.deployments = [ecs_deployment(7, "ecs-svc/1")]
        if self.begins == "first deploy":
            self.deployments = [ecs_deployment(1, "ecs-svc/0", desiredCount=0, runningCount=0)]
            self.settings = {**self.settings, "desiredCount": 0}
        if self.begins == "run again after Ctrl-C":
            self.looks = (self.looks[0], KeyboardInterrupt(), *self.looks)


class Turns(HttpClient):
    """A balancer's answers, in turn."""

    def __init__(self, turns: tuple[str, ...]) -> None:
        self._turns = itertools.cycle(turns)

    def get(self, url: str) -> Answer:
        """Answer with the next version."""
        return Answer(url, 200, {"X-App-Version": next(self._turns)})


class Walked(ReplayClients):
    """Clients of such an account, behind such a balancer."""

    def __init__(self, account: Account, turns: tuple[str, ...]) -> None:
        super().__init__(account)
        self._answers = Turns(turns)

    @property
    def http(self) -> HttpClient:
        """The balancer."""
        return self._answers


def outcome(begins: str, end: End, turns: tuple[str, ...], report: Recorder) -> bool:
    """Deploy revision 7, again where the first try was interrupted; return whether it was called a success."""
    account = Account(begins=begins, looks=([STARTING, OLD], end.look), settings=end.settings, targets=end.targets)
    clients = Walked(account, turns)
    options = pipeline.DeployOptions(timeout=LIMIT, force=begins == "forced", roll_back=False)
    if begins == "run again after Ctrl-C":
        with pytest.raises(InterruptedMidwayError):
            pipeline.deploy(revision(7), clients, report, options)
    try:
        released = pipeline.deploy(revision(7), clients, report, options)
    except DeployError:
        return False
    assert released.verified.version == "0.1.5"
    return True


@pytest.mark.parametrize("begins", BEGINS)
def test_no_path_reports_success_while_another_version_serves(begins: str, report: Recorder) -> None:
    called = {
        (end, turns): outcome(begins, ENDS[end], TURNS[turns], report)
        for end, turns in itertools.product(ENDS, TURNS)
        # ECS calls nothing complete while old tasks answer: then a turn of theirs comes from a cache, and at once
        if end != "it is complete" or turns in ("ours", "the one before", "both", "another one")
    }
    succeeds = {(end, "ours") for end in ENDS if ENDS[end].ours}
    assert {case for case, success in called.items() if success} == succeeds


@pytest.mark.parametrize("turns", TURNS)
def test_a_revision_that_runs_already_succeeds_only_where_it_alone_answers(turns: str, report: Recorder) -> None:
    account = Account(looks=([ecs_deployment(7)],), deployments=[ecs_deployment(7, "ecs-svc/7")])
    clients = Walked(account, TURNS[turns])
    options = pipeline.DeployOptions(timeout=LIMIT, force=False, roll_back=False)
    if "ours" in turns or turns.endswith("a while"):
        assert pipeline.deploy(revision(7), clients, report, options).deployment.adopted
        return
    with pytest.raises(DeployError) as caught:
        pipeline.deploy(revision(7), clients, report, options)
    assert caught.value.exit_code == 9


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


@pytest.mark.parametrize(
    ("last", "code"),
    [([ecs_deployment(7, rolloutState="FAILED"), OLD], 7), ([ecs_deployment(8, "ecs-svc/8")], 10)],
    ids=["ECS gave it up", "another one took over"],
)
def test_what_happens_while_a_version_is_proved_before_ecs_calls_it_complete_is_seen(
    last: list[dict[str, object]], code: int, report: Recorder
) -> None:
    draining = ENDS["its last old task drains"]
    account = Account(looks=([STARTING, OLD], *[draining.look] * 5, last), settings=draining.settings)
    options = pipeline.DeployOptions(timeout=LIMIT, force=False, roll_back=False)
    with pytest.raises(DeployError) as caught:
        pipeline.deploy(revision(7), Walked(account, TURNS["ours"]), report, options)
    assert "times in a row over 20 s" in report.text
    assert caught.value.exit_code == code
