"""What is asked, in what order, and what is made of it where some of it may not be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks.diagnosis import rules
from tasks.diagnosis.explain import explain
from tasks.diagnosis.findings import Case
from tasks.diagnosis.gather import gather
from tasks.errors import DeploymentFailedError
from tests.support.models import BACKEND, BEGAN, REGISTRY, arn
from tests.support.recorded import GROUP, Recorded, RecordedClients, ended, event
from tests.support.web import Page, serving, version

if TYPE_CHECKING:
    from tasks.documents import Json
    from tests.support.fakes import Recorder

EXIT = "Essential container in task exited"
NO_KEY = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
    "unable to retrieve secret from asm: retrieved secret from Secrets Manager did not contain json key K"
)
LISTENS = "Listening at: http://0.0.0.0:5000 (1)"


@pytest.mark.parametrize(
    ("answer", "name", "cause"),
    [
        (version("0.1.4"), "wrong-version", "ECS runs version 0.1.5, but version 0.1.4 answers."),
        (Page(body="ok"), "wrong-version", "but no version at all answers."),
        (Page(500, {"X-App-Version": "0.1.5"}), "http-500", "answers its health check with 500"),
        (Page(502), "not-answering", "nothing answers through the load balancer"),
        (Page(404), "not-answering", "/api/health is answered with 404"),
    ],
)
def test_what_answers_over_http_names_the_cause(answer: Page, name: str, cause: str) -> None:
    with serving(lambda _: answer) as site:
        case = Case(BACKEND, arn(7), "0.1.5", asks_http=True)
        found = rules.explain(gather(case, RecordedClients(Recorded(), site.url)))
    assert found.name == name
    assert cause in found.cause


def test_a_page_is_told_apart_from_the_api_it_asks() -> None:
    account = Recorded()
    environment: list[Json] = [{"name": "VITE_API_URL", "value": "http://127.0.0.1:9"}]
    account.definitions[7] = {"containerDefinitions": [{"name": "spryte-backend", "environment": environment}]}
    with serving(lambda _: version("0.1.5")) as site:
        case = Case(BACKEND, arn(7), "0.1.5", asks_http=True)
        found = rules.explain(gather(case, RecordedClients(account, site.url)))
    assert found.name == "api-unreachable"
    assert found.evidence[0] == "http://127.0.0.1:9/api/health: no connection"


def test_a_running_task_that_is_called_unhealthy_is_looked_at_too() -> None:
    account = Recorded(
        tasks=[{"taskArn": "a/0123", "taskDefinitionArn": arn(7), "lastStatus": "RUNNING", "containers": []}],
        unhealthy=("Target.ResponseCodeMismatch", "Health checks failed with these codes: [404]"),
        settings={"loadBalancers": [{"targetGroupArn": GROUP}]},
        log=(LISTENS,),
    )
    found = rules.explain(gather(Case(BACKEND, arn(7), "0.1.5"), RecordedClients(account)))
    assert found.name == "target-health-path"
    assert found.evidence[0].startswith("target: unhealthy, Target.ResponseCodeMismatch")


def test_events_alone_are_enough_where_tasks_may_not_be_listed() -> None:
    message = f"was unable to place a task. Reason: {NO_KEY}."
    account = Recorded(denied={"ecs:ListTasks"}, settings={"events": [event(message)]})
    found = rules.explain(gather(Case(BACKEND, arn(7), "0.1.5"), RecordedClients(account)))
    assert found.name == "secret-key-missing"
    assert found.evidence[-1] == "not known: why its tasks stopped: the permission ecs:ListTasks is missing"


def test_an_event_that_the_diagnosis_names_is_told_once(report: Recorder) -> None:
    account = Recorded(settings={"events": [event("has begun draining connections on 1 tasks.")]})
    said = "(service spryte-backend-service) has begun draining connections on 1 tasks."
    error = DeploymentFailedError("It failed.", fix="Look.", evidence=[said, "another"])

    explain(error, Case(BACKEND, arn(7), "0.1.5"), RecordedClients(account), report)

    assert error.evidence == ("cause: not known from what could be asked.", f"event: {said}", "another")


@pytest.mark.parametrize("denied", ["ecs:ListTasks", "ecs:DescribeTasks", "ecs:DescribeServices"])
def test_what_may_not_be_asked_is_named_with_the_policy_that_would_help(denied: str) -> None:
    account = Recorded(denied={denied}, stopped=[ended(EXIT, exit_code=1)] if "Services" not in denied else [])
    account.tags.add("sha256:" + "a" * 64)
    found = rules.explain(gather(Case(BACKEND, arn(7), "0.1.5"), RecordedClients(account)))
    assert found.name == ""
    assert any(denied in line for line in found.evidence)
    assert "aws/iam/diagnose-policy.json" in found.next_step


def test_a_log_that_may_not_be_read_leaves_the_exit_code() -> None:
    account = Recorded(denied={"logs:GetLogEvents"}, stopped=[ended(EXIT, exit_code=3)])
    found = rules.explain(gather(Case(BACKEND, arn(7), "0.1.5"), RecordedClients(account)))
    assert found.name == "crash-at-start"
    assert "not known: what it wrote last: the permission logs:GetLogEvents is missing" in found.evidence


def test_a_log_group_that_is_gone_is_told_with_the_crash() -> None:
    account = Recorded(stopped=[ended(EXIT, exit_code=3)], log_error="The specified log group does not exist.")
    found = rules.explain(gather(Case(BACKEND, arn(7), "0.1.5"), RecordedClients(account)))
    assert "there is no log group /ecs/spryte-backend" in found.evidence


def test_an_image_that_is_not_in_the_registry_is_found_without_any_task() -> None:
    account = Recorded(definitions={7: {"containerDefinitions": [
        {"name": "spryte-backend", "image": f"{REGISTRY}/spryte-backend@sha256:{'f' * 64}"}
    ]}})  # fmt: skip
    found = rules.explain(gather(Case(BACKEND, arn(7), "0.1.5"), RecordedClients(account)))
    assert found.name == "image-missing"


def test_of_several_tasks_the_newest_of_the_revision_speaks() -> None:
    old: dict[str, object] = {"taskArn": "a/old", "stoppedAt": BEGAN.timestamp()}
    other: dict[str, object] = {
        "taskArn": "a/other",
        "taskDefinitionArn": arn(4),
        "stoppedAt": BEGAN.timestamp() + 3600,
    }
    account = Recorded(
        stopped=[ended(EXIT, exit_code=1, **old), ended(EXIT, exit_code=2), ended(EXIT, exit_code=3, **other)]
    )
    found = rules.explain(gather(Case(BACKEND, arn(7), "0.1.5"), RecordedClients(account)))
    assert "exit code 2" in found.cause


def test_a_password_that_a_service_writes_is_not_repeated() -> None:
    log = ("pymongo: cannot connect to mongodb://admin:hunter2@db.example.com/spryte",)
    account = Recorded(stopped=[ended("Essential container in task exited", exit_code=1)], log=log)
    found = rules.explain(gather(Case(BACKEND, arn(7), "0.1.5"), RecordedClients(account)))
    assert "mongodb://admin:***@db.example.com/spryte" in found.cause
    assert "hunter2" not in "\n".join(found.lines)
