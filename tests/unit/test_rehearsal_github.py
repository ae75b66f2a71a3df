"""What GitHub tells each step: its variables and contexts, the push itself, and how the steps before it went."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tasks.rehearsal import places
from tasks.rehearsal.places import Places
from tests.support.theatre import Theatre

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repository import Repository

# https://docs.github.com/en/actions/reference/workflows-and-actions/variables#default-environment-variables
# but for those of composite actions and of a debug log
GITHUB = """
ACTION ACTIONS ACTOR ACTOR_ID API_URL BASE_REF ENV EVENT_NAME EVENT_PATH GRAPHQL_URL HEAD_REF JOB OUTPUT PATH REF
REF_NAME REF_PROTECTED REF_TYPE REPOSITORY REPOSITORY_ID REPOSITORY_OWNER REPOSITORY_OWNER_ID RETENTION_DAYS
RUN_ATTEMPT RUN_ID RUN_NUMBER SERVER_URL SHA STEP_SUMMARY TRIGGERING_ACTOR WORKFLOW WORKFLOW_REF WORKFLOW_SHA
WORKSPACE
"""
RUNNER = "ARCH ENVIRONMENT NAME OS TEMP TOOL_CACHE"
DOCUMENTED = {"CI", *(f"GITHUB_{name}" for name in GITHUB.split()), *(f"RUNNER_{name}" for name in RUNNER.split())}


@pytest.fixture
def theatre(tmp_path: Path) -> Theatre:
    return Theatre(tmp_path, [])


def seen(theatre: Theatre) -> dict[str, str]:
    """Return the variables that a step sees, by what it printed."""
    theatre.play("      - run: env\n")
    return dict(line.strip().split("=", 1) for line in theatre.said if "=" in line)


def test_a_step_has_every_variable_that_github_documents(theatre: Theatre) -> None:
    variables = seen(theatre)

    given = {name for name in variables if name == "CI" or name.startswith(("GITHUB_", "RUNNER_"))}
    assert given - {"GITHUB_STATE"} == DOCUMENTED  # that one is for actions


def test_the_variables_say_who_runs_what(theatre: Theatre) -> None:
    variables = seen(theatre)

    assert variables["GITHUB_WORKFLOW_REF"] == (
        "siruscoder/spryte/.github/workflows/deploy-backend.yml@refs/tags/backend-v0.1.5"
    )
    assert (variables["GITHUB_SHA"], variables["GITHUB_WORKFLOW_SHA"]) == ("c" * 40, "c" * 40)
    assert (variables["GITHUB_REPOSITORY_OWNER_ID"], variables["GITHUB_REPOSITORY_ID"]) == ("1001", "2002")
    assert (variables["GITHUB_REF_PROTECTED"], variables["GITHUB_ACTION"]) == ("false", "__run")


def test_the_push_is_told_as_json_and_in_the_context(theatre: Theatre) -> None:
    theatre.play(
        """
      - run: cat "$GITHUB_EVENT_PATH"
      - run: echo "${{ github.event.head_commit.message }} by ${{ github.event.pusher.name }}"
"""
    )

    event = json.loads("\n".join(theatre.said[2 : theatre.said.index("    }") + 1]))
    assert (event["ref"], event["after"]) == ("refs/tags/backend-v0.1.5", "c" * 40)
    assert event["before"] == "0" * 40
    assert event["repository"]["full_name"] == "siruscoder/spryte"
    assert event["repository"]["id"] == 2002
    assert "    Start by siruscoder" in theatre.said


def test_a_push_says_of_its_commit_what_git_knows(tmp_path: Path, repository: Repository) -> None:
    commit = repository.commit("Say it\n\nAt length")
    subprocess.run(
        ["git", "clone", "--quiet", "--bare", str(repository.root), str(Places(tmp_path).github)], check=True
    )

    head = places.head(Places(tmp_path), commit)

    assert (head.name, head.email, head.message) == ("Test", "test@example.com", "Say it\n\nAt length")
    assert head.tree == repository.run("rev-parse", f"{commit}^{{tree}}")


def test_a_step_cannot_change_what_github_tells(theatre: Theatre) -> None:
    theatre.play(
        """
      - run: echo GITHUB_REF_NAME=other >>"$GITHUB_ENV"
      - {run: 'echo "$GITHUB_REF_NAME $GITHUB_ACTION"', env: {GITHUB_REF_NAME: other}}
"""
    )

    assert "    backend-v0.1.5 __run_2" in theatre.said


def test_how_each_step_went_is_known_to_those_after_it(theatre: Theatre) -> None:
    theatre.play(
        """
      - {id: good, run: echo}
      - {id: left, if: failure(), run: echo}
      - {id: tolerated, run: exit 4, continue-on-error: true}
      - {id: action, uses: aws-actions/configure-aws-credentials@v6}
      - {id: after, run: echo}
      - if: always()
        run: |
          echo "${{ steps.good.outcome }} ${{ steps.good.conclusion }}"
          echo "${{ steps.left.outcome }} ${{ steps.left.conclusion }}"
          echo "${{ steps.tolerated.outcome }} ${{ steps.tolerated.conclusion }}"
          echo "${{ steps.action.outcome }} ${{ steps.action.conclusion }}"
          echo "${{ steps.after.outcome }} ${{ steps.after.conclusion }}"
"""
    )

    assert [line.strip() for line in theatre.said[-6:-1]] == [
        "success success",
        "skipped skipped",
        "failure success",
        "failure failure",
        "skipped skipped",
    ]


def test_a_step_runs_because_an_action_before_it_failed(theatre: Theatre) -> None:
    run = theatre.play(
        """
      - {id: credentials, uses: aws-actions/configure-aws-credentials@v6}
      - {if: failure() && steps.credentials.outcome == 'failure', run: echo explained}
"""
    )

    assert [each.state for each in run.steps] == ["failed", "ok"]
