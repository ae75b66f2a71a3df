"""The GitHub Environment of the deploys, with a stand-in for `gh`: what it leaves open, and what closes it."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tasks.command import Options, Work
from tasks.doctor import account_checks
from tasks.report import Report
from tasks.settings import load
from tasks.setup import environment, github
from tasks.setup.gh import GitHub
from tests.support.gh import StandIn, make_stand_in, path_with
from tests.support.project import HERE
from tests.support.runbook import RUNBOOK

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.documents import Json
    from tasks.report import Outcome

SERVICES = ("backend", "frontend")
KNOWN = {
    **RUNBOOK,
    "APP_URL": "https://spryte.example.com",
    "GITHUB_REPOSITORY": "siruscoder/spryte",
    "DEPLOY_TARGET": "aws",
    "DEPLOY_ENVIRONMENT": "production",
}
CUSTOM: Json = {"protected_branches": False, "custom_branch_policies": True}
REVIEWED: Json = [
    {"type": "branch_policy"},
    {"type": "required_reviewers", "reviewers": [{"type": "User", "reviewer": {"id": 7}}]},
]
MAIN: Json = {"id": 3, "name": "main", "type": "branch"}
EVERY_TAG: Json = {"id": 3, "name": "*", "type": "tag"}
OURS: list[Json] = [
    {"id": 1, "name": "backend-v*", "type": "tag"},
    {"id": 2, "name": "frontend-v*", "type": "tag"},
]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The stand-in, where `gh` is looked for."""
    monkeypatch.setenv("PATH", path_with(tmp_path))
    return make_stand_in(tmp_path)


def test_an_environment_for_the_tags_alone_and_with_reviewers_leaves_nothing_open(hub: StandIn) -> None:
    remember(hub, CUSTOM, OURS)

    assert gaps() == ()


@pytest.mark.parametrize(
    ("policy", "patterns", "told"),
    [
        (None, [], "the Environment production accepts every branch and tag"),
        (
            {"protected_branches": True, "custom_branch_policies": False},
            [],
            "the Environment production accepts protected branches and no tags",
        ),
        (CUSTOM, OURS[:1], "the Environment production does not accept the tags frontend-v*"),
        (
            CUSTOM,
            [*OURS, MAIN],
            "the Environment production also accepts branches main",
        ),
        (
            CUSTOM,
            [*OURS, EVERY_TAG],
            "the Environment production also accepts the tags *",
        ),
    ],
)
def test_what_is_open_is_told_and_closed_by_the_command_beside_it(
    hub: StandIn, policy: Json, patterns: list[Json], told: str
) -> None:
    remember(hub, policy, patterns)

    (only,) = gaps()

    assert (only.what, only.is_open) == (told, True)
    subprocess.run(["sh", "-c", only.fix], check=True)
    assert gaps() == ()  # the reviewers stayed


def test_an_environment_that_is_missing_is_made_by_the_commands_beside_it(hub: StandIn) -> None:
    (only,) = gaps("blue/green")

    assert only.what == "there is no Environment blue/green: GitHub makes it at its first use, for every branch"
    assert only.fix.startswith("gh api -X PUT repos/siruscoder/spryte/environments/blue%2Fgreen ")
    subprocess.run(["sh", "-c", only.fix], check=True)
    assert [each.is_open for each in gaps("blue/green")] == [False]
    assert hub.variables == {}


def test_without_reviewers_it_is_worth_a_warning_and_no_difference(hub: StandIn) -> None:
    remember(hub, CUSTOM, OURS, rules=[])
    run(check=False)

    outcome = run(check=True)
    found = [each for each in account_checks.github_variables(load(HERE, KNOWN)) if each.verdict != "OK"]

    assert outcome.exit_code == 0
    assert outcome.lines[-1].startswith("note     the Environment production has no reviewers: ")
    assert [each.verdict for each in found] == ["WARN"]
    assert "GitHub Enterprise" in found[0].fix


def test_check_counts_an_open_environment_as_a_difference_that_is_left_to_a_person(hub: StandIn) -> None:
    remember(hub, CUSTOM, OURS)
    run(check=False)
    remember(hub, None, [])

    outcome = run(check=True)

    assert outcome.exit_code == 11
    assert outcome.document["differences"] == ["Environment"]
    (line,) = outcome.lines
    assert line.startswith(
        "! the Environment production accepts every branch and tag; to close it: gh api -X PUT "
    )


def test_doctor_fails_where_any_branch_might_take_the_environment_s_name(hub: StandIn) -> None:
    remember(hub, CUSTOM, OURS)
    run(check=False)
    assert verdicts() == ["OK", "OK"]

    hub.remember(environments={})

    assert verdicts() == ["OK", "FAIL"]


def test_doctor_still_compares_the_variables_where_the_environment_is_not_shown(hub: StandIn) -> None:
    hub.remember(refusals={"api": "gh: Resource not accessible by personal access token (HTTP 403)"})

    found = list(account_checks.github_variables(load(HERE, KNOWN)))

    assert [each.verdict for each in found[:-1]] == ["FAIL"] * 15
    assert (found[-1].verdict, "'Actions' (read)" in found[-1].fix) == ("SKIPPED", True)


def remember(hub: StandIn, policy: Json, patterns: list[Json], rules: Json = REVIEWED) -> None:
    found: Json = {"protection_rules": rules, "deployment_branch_policy": policy}
    hub.remember(environments={"production": {"rules": found, "patterns": patterns}})


def gaps(name: str = "production") -> tuple[environment.Gap, ...]:
    return environment.gaps(GitHub("siruscoder/spryte"), name, SERVICES)


def verdicts() -> list[str]:
    return [each.verdict for each in account_checks.github_variables(load(HERE, KNOWN))]


def run(*, check: bool) -> Outcome:
    report = Report(sys.stderr, time.monotonic)
    return github.github(Work(Options(target="aws", yes=True), report, KNOWN), check=check)
