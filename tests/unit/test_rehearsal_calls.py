"""What a called workflow may be handed and ask for: what GitHub would refuse, a rehearsal refuses too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks.documents import DocumentError
from tests.support.theatre import CALLED, CALLER, Theatre

if TYPE_CHECKING:
    from pathlib import Path

FILE = ".github/workflows/deploy-backend.yml"
CHECKOUT = "      - {uses: actions/checkout@v7}\n"


@pytest.fixture
def theatre(tmp_path: Path) -> Theatre:
    return Theatre(tmp_path, [])


def called(permissions: str, steps: str = "      - {run: echo}\n") -> str:
    """Return the called workflow with a job of these permissions."""
    return CALLED.replace("    name: Deploy", f"    permissions: {permissions}\n    name: Deploy").replace(
        "[STEPS]", f"\n{steps}"
    )


def caller(permissions: str) -> str:
    """Return the calling workflow with a job of these permissions."""
    return CALLER.replace("    uses:", f"    permissions: {permissions}\n    uses:")


BOTH = "contents: write, id-token: write"


@pytest.mark.parametrize(
    ("granted", "asked", "wants", "has"),
    [
        ("{}", f"{{{BOTH}}}", BOTH, "contents: none, id-token: none"),
        ("{contents: read, id-token: write}", f"{{{BOTH}}}", BOTH, "contents: read, id-token: write"),
        ("read-all", f"{{{BOTH}}}", BOTH, "contents: read, id-token: none"),
        ("{contents: read}", "write-all", "all: write", "all: none"),
    ],
)
def test_a_called_job_cannot_ask_for_more_than_its_caller_has(
    tmp_path: Path, granted: str, asked: str, wants: str, has: str
) -> None:
    theatre = Theatre(tmp_path, [])
    with pytest.raises(DocumentError) as caught:
        theatre.play_files(called(asked), caller(granted))

    assert str(caught.value) == (
        f"{FILE}:6: jobs.call.permissions: the nested job 'work' of .github/workflows/deploy.yml is requesting "
        f"'{wants}', but is only allowed '{has}'"
    )
    assert theatre.said == []


def test_a_caller_that_names_no_permissions_gives_no_token(theatre: Theatre) -> None:
    """What a repository gives by default is reading."""
    with pytest.raises(DocumentError, match="but is only allowed 'contents: read, id-token: none'"):
        theatre.play_files(called("{contents: read, id-token: write}"))


@pytest.mark.parametrize(
    ("granted", "asked"),
    [
        ("{contents: read, id-token: write}", "{contents: read, id-token: write}"),
        ("write-all", "{contents: write, id-token: write}"),
        ("{contents: write}", "{contents: read, id-token: none}"),
        ("{}", "{}"),
    ],
)
def test_a_called_job_may_ask_for_what_its_caller_has(theatre: Theatre, granted: str, asked: str) -> None:
    assert theatre.play_files(called(asked), caller(granted)).failure is None


def test_a_checkout_needs_to_read_the_contents(theatre: Theatre) -> None:
    run = theatre.play_files(called("{}", CHECKOUT), caller("{contents: read}"))

    assert run.failure is not None
    assert "the permission `contents: read` is missing" in run.failure.errors[-1]


def test_a_secret_that_the_called_workflow_does_not_declare_is_told_where_it_is_passed(theatre: Theatre) -> None:
    with pytest.raises(DocumentError) as caught:
        theatre.play("      - {run: echo}\n", CALLER.replace("secrets: {TOKEN:", "secrets: {TOKN:"))

    assert str(caught.value) == (
        f"{FILE}:8: jobs.call.secrets.TOKN: .github/workflows/deploy.yml declares no secret 'TOKN'. "
        "Did you mean 'TOKEN'?"
    )


def test_a_secret_that_is_required_is_told_where_it_should_be_passed(theatre: Theatre) -> None:
    required = CALLED.replace("TOKEN: {}", "TOKEN: {required: true}").replace("[STEPS]", "\n      - {run: echo}\n")

    with pytest.raises(DocumentError, match=r"jobs\.call\.secrets: .* requires 'TOKEN'"):
        theatre.play_files(required, CALLER.replace("""    secrets: {TOKEN: "${{ secrets.TOKEN }}"}\n""", ""))


def test_a_called_workflow_that_calls_another_is_not_left_out_unnoticed(theatre: Theatre) -> None:
    nested = (
        "on: {workflow_call: {inputs: {service: {}}, secrets: {TOKEN: {}}}}\njobs: {deeper: {uses: ./x.yml}}\n"
    )

    with pytest.raises(DocumentError, match=r"deploy\.yml:2: jobs\.deeper\.uses: .* is not played by a rehearsal"):
        theatre.play_files(nested)


def test_inherited_secrets_need_no_declaration(theatre: Theatre) -> None:
    inherited = CALLER.replace("""secrets: {TOKEN: "${{ secrets.TOKEN }}"}""", "secrets: inherit")

    assert theatre.play("      - {run: echo}\n", inherited).failure is None
