"""GitHub's expressions and filter patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks.rehearsal.expressions import ExpressionError, condition, evaluate, interpolate
from tasks.rehearsal.filters import matches, push_filters, started_by_tag

if TYPE_CHECKING:
    from tasks.documents import Json

CONTEXTS: dict[str, Json] = {
    "vars": {"AWS_REGION": "us-east-2", "EMPTY": ""},
    "secrets": {"ROLE": "arn:aws:iam::1:role/x"},
    "inputs": {"service": "backend"},
    "steps": {"version": {"outputs": {"version": "0.1.5"}, "outcome": "success"}},
    "github": {"ref": "refs/tags/backend-v0.1.5", "run_attempt": 1},
    "env": {},
    "job": {"status": "success"},
}
FAILED: dict[str, Json] = {**CONTEXTS, "job": {"status": "failure"}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${{ vars.AWS_REGION }}", "us-east-2"),
        ("${{vars.aws_region}}", "us-east-2"),
        ("a ${{ inputs.service }} b ${{ steps.version.outputs.version }}", "a backend b 0.1.5"),
        ("${{ vars.UNSET }}", ""),
        ("${{ steps.nothing.outputs.x }}", ""),
        ("${{ vars.EMPTY || 'default' }}", "default"),
        ("${{ inputs.service == 'BACKEND' && 'yes' || 'no' }}", "yes"),
        ("${{ !vars.EMPTY }}", "true"),
        ("${{ (1 == 2) != true }}", "true"),
        ("${{ 'it''s' }}", "it's"),
        ("${{ null }}${{ false }}${{ 1.5 }}${{ 2 }}", "false1.52"),
        ("${{ startsWith(github.ref, 'refs/tags/') }}", "true"),
        ("${{ contains('abc', 'B') }}${{ endsWith('abc', 'b') }}", "truefalse"),
        ("${HOME} $ {{ x }}", "${HOME} $ {{ x }}"),
    ],
)
def test_an_expression_is_replaced_by_its_value(text: str, expected: str) -> None:
    assert interpolate(text, CONTEXTS) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("variables.X", "names no known context"),
        ("secret.ROLE", "Did you mean 'secrets'?"),
        ("vars.", "has no name after a dot"),
        ("toJSON(vars)", "calls toJSON()"),
        ("vars.A vars.B", "goes on with 'vars'"),
        ("(1 == 1", "lacks a ')'"),
        ("1 ==", "ends too early"),
        ("vars.A | vars.B", "has '|'"),
        (")", "has ')' where a value should be"),
        ("contains('a' 'b')", "lacks a ','"),
    ],
)
def test_what_cannot_be_evaluated_is_told_and_never_guessed(text: str, said: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, CONTEXTS)

    assert said in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "after_success", "after_failure"),
    [
        ("", True, False),
        ("success()", True, False),
        ("failure()", False, True),
        ("always()", True, True),
        ("cancelled()", False, False),
        ("${{ always() && inputs.service == 'backend' }}", True, True),
        ("inputs.service == 'backend'", True, False),
        ("${{ inputs.service == 'frontend' }}", False, False),
        ("failure() || steps.version.outcome == 'success'", True, True),
    ],
)
def test_a_step_runs_after_success_unless_its_condition_names_a_status(
    text: str, after_success: bool, after_failure: bool
) -> None:
    assert condition(text, CONTEXTS) is after_success
    assert condition(text, FAILED) is after_failure


# The examples of GitHub's own cheat sheet, and the filters of this project.
@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("backend-v*.*.*", "backend-v0.1.5", True),
        ("backend-v*.*.*", "backend-v1.2.3-rc1", True),
        ("backend-v*.*.*", "backend-v1.2", False),
        ("backend-v*.*.*", "backendv1.2.3", False),
        ("backend-v*.*.*", "x/backend-v1.2.3", False),
        ("backend-v*.*.*", "backend-v1.2/3.4", False),
        ("feature/*", "feature/my-branch", True),
        ("feature/*", "feature/a/b", False),
        ("feature/**", "feature/a/b", True),
        ("**", "all/the/branches", True),
        ("*feature", "ver-10-feature", True),
        ("v2*", "v2.9", True),
        ("v[12].[0-9]+.[0-9]+", "v1.10.1", True),
        ("v[12].[0-9]+.[0-9]+", "v3.10.1", False),
        ("*.jsx?", "page.js", True),
        ("*.jsx?", "page.jsx", True),
        (r"v1\*", "v1*", True),
        (r"v1\*", "v12", False),
    ],
)
def test_a_pattern_matches_as_github_s_does(pattern: str, name: str, expected: bool) -> None:
    assert matches([pattern], name) is expected


def test_the_last_pattern_that_fits_decides() -> None:
    assert not matches(["v*", "!v1*"], "v1.2")
    assert matches(["v*", "!v1*", "v1.2"], "v1.2")
    assert not matches(["!v1*"], "v2")


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ("push", True),
        (["pull_request", "push"], True),
        ({"push": None}, True),
        ({"push": {"tags": ["backend-v*.*.*"]}}, True),
        ({"push": {"tags": "frontend-v*.*.*"}}, False),
        ({"push": {"tags-ignore": ["backend-*"]}}, False),
        ({"push": {"tags-ignore": ["frontend-*"]}}, True),
        ({"push": {"branches": ["main"]}}, False),
        ({"push": {"branches": ["main"], "tags": ["backend-v*"]}}, True),
        ({"push": {"paths": ["backend/**"]}}, True),
        ({"workflow_call": {}}, None),
        (["pull_request"], None),
        ("workflow_dispatch", None),
    ],
)
def test_a_push_of_a_tag_starts_a_workflow_by_its_filters(events: Json, expected: bool | None) -> None:
    push = push_filters(events)

    assert (None if push is None else started_by_tag(push, "backend-v0.1.5")) is expected
