"""Every failure of docs/failures.md, replayed as a whole deploy: why, what to do, and what serves then."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from tasks.commands import point
from tasks.diagnosis import rules
from tasks.diagnosis.findings import Case
from tasks.diagnosis.gather import gather
from tasks.rehearsal.defects import NOT_HERE
from tasks.rehearsal.practice import PRACTISED
from tests.support.catalogue_left import CATALOGUE, GIVEN_UP, GOES_BACK, LEFT, REFUSED, SERVED_WRONG, SLOW
from tests.support.fakes import Recorder
from tests.support.models import AWS, BACKEND, BEGAN, LOCAL, PUSHED, arn, ecs_event
from tests.support.project import HERE
from tests.support.replay import FORGOTTEN, LEFT_FAILED, Example, Moving, Replayed, deploy, play, replaying

PROVED = "Version 0.1.4 serves again, proved over HTTP."
DOCUMENT = (HERE / "docs/failures.md").read_text()


@cache
def told(what: str) -> tuple[Example, Replayed, str]:
    """Return an example, how its deploy ended, and what was shown meanwhile."""
    report = Recorder()
    return CATALOGUE[what], play(CATALOGUE[what], report), report.text


@pytest.mark.parametrize("what", GOES_BACK)
def test_a_deploy_names_its_failure_and_the_version_before_answers_when(what: str) -> None:
    example, played, shown = told(what)
    assert played.error is not None
    assert played.error.exit_code == example.code
    assert played.error.evidence[0].startswith("cause: ")
    assert example.cause in played.error.evidence[0]
    assert played.error.evidence[0].endswith(f" (docs/failures.md#{example.name})")
    assert example.next_step in played.error.fix
    assert played.error.evidence[-1] == PROVED
    assert played.answers == "0.1.4"
    assert shown.index("cause: ") < shown.index("answers 200, version 0.1.4, 3 times in a row")


@pytest.mark.parametrize("what", GIVEN_UP)
def test_what_ecs_has_taken_back_is_not_updated_again_when(what: str) -> None:
    _, played, _ = told(what)
    assert [each["taskDefinition"] for each in played.account.requests("ecs:UpdateService")] == [arn(7)]


@pytest.mark.parametrize("what", SERVED_WRONG)
def test_what_only_http_shows_is_taken_back_by_the_deploy_when(what: str) -> None:
    _, played, _ = told(what)
    assert [each["taskDefinition"] for each in played.account.requests("ecs:UpdateService")] == [arn(7), arn(4)]


def test_a_service_that_ecs_leaves_failed_is_taken_back_by_the_deploy(report: Recorder) -> None:
    example = GIVEN_UP["it crashes"]
    played = play(replace(example, account=replace(example.account, looks=LEFT_FAILED)), report)
    assert played.error is not None
    assert (played.error.exit_code, played.error.evidence[-1], played.answers) == (7, PROVED, "0.1.4")
    assert [each["taskDefinition"] for each in played.account.requests("ecs:UpdateService")] == [arn(7), arn(4)]


def test_a_rollback_is_no_success_where_ecs_lists_the_failed_deployment_no_longer(report: Recorder) -> None:
    example = GIVEN_UP["it crashes"]
    played = play(replace(example, account=replace(example.account, looks=FORGOTTEN)), report)
    assert played.error is not None
    assert (played.error.exit_code, played.error.evidence[-1], played.answers) == (7, PROVED, "0.1.4")
    assert example.cause in played.error.evidence[0]


def test_an_event_of_hours_ago_misleads_no_deploy_that_ecs_lists_no_longer(report: Recorder) -> None:
    old = ecs_event(1, "(task 0) is unhealthy in (target-group x): failed with these codes: [404]", -36_000)
    account = Moving(looks=FORGOTTEN, settings={"events": [old]}, denied={"ecs:ListTasks"})
    account.definitions[7]["registeredAt"] = (BEGAN - timedelta(days=30)).timestamp()
    played = play(Example(account, "", "", ""), report)
    assert played.error is not None
    assert "not known" in played.error.evidence[0]
    assert "404" not in "\n".join(played.error.evidence)


@pytest.mark.parametrize("what", REFUSED)
def test_a_deploy_is_refused_before_anything_changes_when(what: str) -> None:
    example, played, _ = told(what)
    assert played.error is not None
    assert played.error.exit_code == example.code
    assert example.cause in str(played.error)
    assert example.next_step in played.error.fix
    assert played.account.requests("ecs:UpdateService") == []
    assert played.answers == example.answers


@pytest.mark.parametrize("what", LEFT)
def test_a_deploy_says_why_it_stops_and_rolls_nothing_back_when(what: str) -> None:
    example, played, _ = told(what)
    assert played.error is not None
    assert played.error.exit_code == example.code
    assert example.cause in str(played.error)
    assert example.next_step in played.error.fix
    assert [each["taskDefinition"] for each in played.account.requests("ecs:UpdateService")] == [arn(7)]
    assert played.answers == example.answers


@pytest.mark.parametrize("what", [what for what, example in LEFT.items() if example.name != "superseded"])
def test_what_was_left_in_the_middle_is_told_with_the_way_on_and_the_way_back_when(what: str) -> None:
    _, played, _ = told(what)
    assert played.error is not None
    lines = "\n".join((str(played.error), *played.error.evidence, played.error.fix))
    assert "before it spryte-backend:4 ran, version 0.1.4. Nothing was rolled back." in lines
    assert "To go on: the same command again, it picks this deployment up." in lines
    assert "To go back: ./inv rollback --service=backend --revision=4" in lines


def test_tasks_that_ignore_sigterm_fail_no_deploy_and_are_told_afterwards(report: Recorder) -> None:
    with replaying(SLOW) as (clients, site):
        deploy(PUSHED, clients, report)
        found = rules.explain(gather(Case(BACKEND, arn(7), "0.1.5", asks_http=True), clients))
        assert clients.http.get(f"{site.url}/api/health").headers["X-App-Version"] == SLOW.answers
    assert found.name == SLOW.name
    assert SLOW.cause in found.cause
    assert SLOW.next_step in found.next_step


def test_to_try_it_on_the_embedded_cloud_is_said_of_production_alone() -> None:
    steps = {played.error.fix for _, played, _ in map(told, GOES_BACK) if played.error}
    (advised,) = {each for each in steps if "try it here" in each}
    assert "try it here" in point(advised, AWS)
    assert point(advised, LOCAL) == "Fix what its last lines say, then deploy the next version."


def test_no_two_failures_have_the_same_next_step() -> None:
    steps: dict[str, set[str]] = {}
    for what in {**GOES_BACK, **REFUSED, **LEFT}:
        example, played, _ = told(what)
        assert played.error is not None
        steps.setdefault(played.error.fix, set()).add(example.name)
    assert [names for names in steps.values() if len(names) > 1] == []


def test_the_catalogue_the_tests_and_what_can_be_practised_name_the_same_failures() -> None:
    described = re.findall(r"^### (.+)$", DOCUMENT, re.MULTILINE)
    assert len(described) == len(set(described))
    assert {example.name for example in CATALOGUE.values()} == set(described)
    assert {*PRACTISED, *NOT_HERE} == set(described)


@pytest.mark.parametrize("name", [*PRACTISED, *NOT_HERE])
def test_the_catalogue_says_how_a_failure_is_practised_or_why_it_cannot_be(name: str) -> None:
    entry = DOCUMENT.partition(f"\n### {name}\n")[2].partition("\n#")[0]
    (practise,) = re.findall(r"^- Practise: (.+)", entry, re.MULTILINE)
    if name in PRACTISED:
        assert re.match(rf"`\./inv rehearse --service=(backend|frontend) --failure={name}`", practise)
    else:
        assert practise.startswith("not on the embedded cloud: ")


def test_the_table_of_times_has_every_failure_with_the_exit_codes_it_ends_with() -> None:
    rows = re.findall(r"^\| \[(.+)\]\(#\1\) \|.*\| ([0-9, ]+) \|$", DOCUMENT, re.MULTILINE)
    timed = {name: {int(code) for code in codes.split(", ")} for name, codes in rows}
    ends: dict[str, set[int]] = {}
    for example in CATALOGUE.values():
        ends.setdefault(example.name, set()).add(example.code)
    assert timed == ends
