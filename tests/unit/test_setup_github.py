"""setup.github, with a stand-in for `gh`: variables compared and set, the secret never seen."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tasks.command import Options, Work
from tasks.doctor import account_checks
from tasks.report import Report
from tasks.settings import load
from tasks.setup import github
from tasks.setup.gh import GitHub, GitHubError
from tests.support.gh import StandIn, make_stand_in, path_with
from tests.support.project import HERE
from tests.support.runbook import RUNBOOK
from tests.support.terminal import command_on_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.documents import Json
    from tasks.report import Outcome

ARN = "arn:aws:iam::727646509464:role/SpryteGithubDeployRole"
ADDRESS = {"APP_URL": "https://spryte.example.com"}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The stand-in, where `gh` is looked for."""
    monkeypatch.setenv("PATH", path_with(tmp_path))
    return make_stand_in(tmp_path)


@pytest.fixture
def nothing_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `gh` anywhere."""
    monkeypatch.setenv("PATH", str(tmp_path))


def test_the_runbook_s_twelve_variables_the_address_and_the_secret_are_set(hub: StandIn) -> None:
    outcome = run()

    assert hub.variables == {**RUNBOOK, **ADDRESS}
    assert hub.secrets == {"AWS_ROLE_TO_ASSUME": ARN}
    assert outcome.lines[0] == "set AWS_REGION"
    assert len(outcome.lines) == 14


def test_a_second_run_sets_nothing(hub: StandIn) -> None:
    run()
    before = len(hub.calls)

    outcome = run()

    assert outcome.lines == ("siruscoder/spryte has all 13 variables and AWS_ROLE_TO_ASSUME",)
    assert [call[:2] for call in hub.calls[before:]] == [["variable", "list"], ["secret", "list"]]


def test_the_secret_goes_through_stdin_and_is_in_no_command_line_and_no_output(
    hub: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = run()

    assert hub.secrets["AWS_ROLE_TO_ASSUME"] == ARN
    assert ARN not in str(hub.calls)
    assert ARN not in capsys.readouterr().err + "".join(outcome.lines) + str(outcome.document)


def test_check_names_each_difference_and_changes_nothing(hub: StandIn) -> None:
    run()
    variables = {**hub.variables, "AWS_REGION": "eu-west-1", "DEPLOY_ENVIRONMENT": "production"}
    del variables["ECR_REPOSITORY_BACKEND"]
    hub.remember(variables=variables, secrets={})

    outcome = run(check=True)

    assert outcome.exit_code == 11
    assert outcome.lines == (
        "~ AWS_REGION: eu-west-1 -> us-east-2",
        "+ ECR_REPOSITORY_BACKEND: spryte-backend",
        "+ AWS_ROLE_TO_ASSUME (secret)",
        "- DEPLOY_ENVIRONMENT: production (not set here; set it, or: gh variable delete DEPLOY_ENVIRONMENT)",
    )
    assert hub.variables == variables


def test_an_environment_that_is_set_there_only_is_left_to_a_person(hub: StandIn) -> None:
    run()
    hub.remember(variables={**hub.variables, "DEPLOY_ENVIRONMENT": "production"})

    assert "- DEPLOY_ENVIRONMENT" in run().lines[0]
    assert hub.variables["DEPLOY_ENVIRONMENT"] == "production"


def test_the_environment_is_a_thirteenth_variable_where_it_is_configured(hub: StandIn) -> None:
    run(DEPLOY_ENVIRONMENT="production")

    assert hub.variables["DEPLOY_ENVIRONMENT"] == "production"


@pytest.mark.parametrize(("answer", "code", "count"), [("n", 130, 0), ("", 130, 0), ("y", 0, 13)])
def test_the_plan_is_shown_and_only_an_answer_of_yes_sets_anything(
    hub: StandIn, answer: str, code: int, count: int
) -> None:
    known = environment(PATH=path_with(hub.folder))

    spoken = command_on_terminal("setup.github", f"{answer}\n", known)

    question = "This changes the variables and secrets of siruscoder/spryte on GitHub. Go on? [y/N]"
    assert (spoken.code, len(hub.variables), len(hub.secrets)) == (code, count, min(count, 1))
    assert spoken.text.index("+ AWS_REGION: us-east-2") < spoken.text.index(question)
    assert ("Nothing was done." in spoken.text) is (count == 0)


def test_a_dry_run_sets_nothing(hub: StandIn) -> None:
    outcome = run(dry_run=True)

    assert outcome.lines[0] == "+ AWS_REGION: us-east-2"
    assert outcome.exit_code == 0
    assert hub.variables == {}


@pytest.mark.usefixtures("nothing_on_path")
def test_without_gh_the_exact_commands_are_printed() -> None:
    outcome = run()

    assert len(outcome.lines) == 15
    assert outcome.lines[0] == "# gh is not installed here; run:"
    assert outcome.lines[1] == "gh variable set AWS_REGION --repo siruscoder/spryte --body us-east-2"
    assert outcome.lines[-1] == (
        "aws iam get-role --role-name SpryteGithubDeployRole --query Role.Arn --output text "
        "| gh secret set AWS_ROLE_TO_ASSUME --repo siruscoder/spryte"
    )


@pytest.mark.usefixtures("nothing_on_path")
def test_without_gh_nothing_can_be_compared() -> None:
    with pytest.raises(github.NoGitHubCommandError, match="nothing can be compared") as raised:
        run(check=True)

    assert raised.value.exit_code == 3


def test_gh_that_is_not_logged_in_says_so(hub: StandIn) -> None:
    hub.remember(logged_in=False)

    with pytest.raises(
        GitHubError, match="gh variable list failed for siruscoder/spryte: To get started"
    ) as raised:
        run()

    assert "gh auth login" in raised.value.fix


@pytest.mark.parametrize(
    ("command", "said", "fix"),
    [
        ("variable", "unknown flag: --json", "Update gh (https://cli.github.com): this needs 2.45 or newer."),
        ("variable", 'unknown command "variable" for "gh"', "Update gh (https://cli.github.com): this needs 2.45"),
        ("variable", "failed to get variables: HTTP 403: Resource not accessible", "'Variables' (read)"),
        ("secret", "failed to get secrets: HTTP 403: Must have admin rights to Repository.", "'Secrets' (read)"),
        ("secret", "HTTP 403: API rate limit exceeded for user ID 1.", "gh api rate_limit"),
        ("variable", "HTTP 404: Not Found", "Log in as somebody who may administer the repository: gh auth login"),
    ],
)
def test_what_gh_refuses_names_the_step_that_helps(hub: StandIn, command: str, said: str, fix: str) -> None:
    hub.remember(refusals={command: said})

    with pytest.raises(GitHubError, match=re.escape(said)) as raised:
        run()

    assert fix in raised.value.fix


def test_a_right_to_write_that_is_missing_is_named_as_such(hub: StandIn) -> None:
    hub.remember(refusals={"variable": "HTTP 403: Resource not accessible by personal access token"})

    with pytest.raises(GitHubError) as raised:
        GitHub("siruscoder/spryte").set_variable("AWS_REGION", "us-east-2")

    assert "'Variables' (write)" in raised.value.fix


@pytest.mark.parametrize(
    "changes",
    [
        {"logged_in": False},
        {"refusals": {"variable": "unknown flag: --json"}},
        {"refusals": {"secret": "HTTP 403: Must have admin rights to Repository."}},
    ],
)
def test_doctor_does_not_judge_variables_that_gh_does_not_show(hub: StandIn, changes: dict[str, Json]) -> None:
    hub.remember(**changes)

    (only,) = account_checks.github_variables(load(HERE, environment()))

    assert (only.verdict, only.what.startswith("not looked at: gh ")) == ("SKIPPED", True)
    assert "gh" in only.fix


def test_gh_tells_the_ids_of_the_repository(hub: StandIn) -> None:
    assert GitHub("siruscoder/spryte").ids() == ("4242", "987654")
    assert hub.calls == [["api", "repos/siruscoder/spryte"]]


def test_what_the_workflow_reads_is_what_is_set() -> None:
    workflow = (HERE / ".github/workflows/deploy.yml").read_text()
    should = github.wanted(load(HERE, environment(DEPLOY_ENVIRONMENT="production")))

    assert {name for name in should if f"vars.{name} }}}}" in workflow} == set(should)


def run(*, check: bool = False, dry_run: bool = False, **variables: str) -> Outcome:
    options = Options(target="aws", dry_run=dry_run, yes=True)
    report = Report(sys.stderr, time.monotonic)
    return github.github(Work(options, report, environment(**variables)), check=check)


def environment(**variables: str) -> dict[str, str]:
    return {**RUNBOOK, **ADDRESS, "GITHUB_REPOSITORY": "siruscoder/spryte", "DEPLOY_TARGET": "aws", **variables}
