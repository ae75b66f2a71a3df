"""What a rehearsal ends with, in words and as JSON."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks.documents import as_list, as_object
from tasks.rehearsal import told
from tasks.rehearsal.event import Event
from tasks.rehearsal.places import Places
from tasks.rehearsal.play import JobRun
from tasks.rehearsal.rehearse import Rehearsal, uncommitted
from tasks.rehearsal.stage import World
from tasks.rehearsal.steps import Result
from tasks.rehearsal.wanted import Wanted
from tasks.settings import load
from tasks.setup.policies import Repository
from tests.support.models import LOCAL
from tests.support.project import HERE

if TYPE_CHECKING:
    from tasks.report import Outcome
    from tests.support.repository import Repository as Checkout

OWNER = "siruscoder"
TAG = "refs/tags/backend-v0.1.5"
REFUSED = Result("Get credentials", "failed", 3, 0.5, ("Not authorized.",), refused=True)
BROKEN = Result("Build", "failed", 4, 0.5)


def tell(wanted: Wanted, *steps: Result, notice: str = "") -> Outcome:
    """Tell how a rehearsal went."""
    owner = "somebody-else" if wanted.fork else OWNER
    only = bool(wanted.branch or wanted.fork)
    variables = {"DEPLOY_ENVIRONMENT": wanted.environment}
    rehearsal = Rehearsal(
        event=Event(Repository(owner, "spryte"), wanted.ref, "c" * 40),
        workflows=(),
        world=World(LOCAL, variables, {}, {}, "role", credentials_only=only),
        places=Places(Path()),
        to_be_refused=wanted.is_to_be_refused(""),
        notices=(notice,) if notice else (),
    )
    return told.outcome(rehearsal, (JobRun("Deploy Backend", "backend", steps),))


@pytest.mark.parametrize(
    ("wanted", "who"),
    [
        (Wanted("backend-v0.1.5", branch="main"), "main"),
        (Wanted("backend-v0.1.5", fork=True), "backend-v0.1.5 of somebody-else/spryte"),
        (Wanted("backend-v0.1.5", environment="x"), "backend-v0.1.5 in the Environment 'x'"),
    ],
)
def test_a_refusal_that_is_wanted_is_called_one(wanted: Wanted, who: str) -> None:
    outcome = tell(wanted, REFUSED)

    assert outcome.lines == (
        f"{who} is refused, as it should be: Deploy Backend / backend, step 'Get credentials', exit code 3",
        "Not authorized.",
    )
    assert outcome.exit_code == 3


def test_a_refusal_of_a_tag_is_a_failure() -> None:
    assert tell(Wanted("backend-v0.1.5"), REFUSED).lines[0].startswith("backend-v0.1.5 would fail: ")


def test_another_failure_of_who_is_to_be_refused_is_no_refusal() -> None:
    assert "would fail: " in tell(Wanted("backend-v0.1.5", environment="x"), BROKEN).lines[0]


def test_the_document_says_what_was_rehearsed_and_how_it_ended() -> None:
    document = tell(Wanted("backend-v0.1.5"), BROKEN).document

    assert (document["ok"], document["exit_code"]) == (False, 4)
    assert (document["tag"], document["version"]) == ("backend-v0.1.5", "0.1.5")


@pytest.mark.parametrize(
    ("wanted", "tag"),
    [(Wanted("backend-v0.1.5", branch="x-v1.2.3"), None), (Wanted("backend-v1.2"), "backend-v1.2")],
)
def test_what_is_no_tag_or_no_version_is_null_in_the_document(wanted: Wanted, tag: str | None) -> None:
    document = tell(wanted).document

    assert (document["tag"], document["version"]) == (tag, None)


def test_a_step_s_exit_code_is_null_when_it_was_skipped_and_said_when_it_announced_nothing() -> None:
    steps = (Result("Fine", "ok"), REFUSED, BROKEN, Result("After", "skipped"))

    (job,) = map(as_object, as_list(tell(Wanted("backend-v0.1.5"), *steps).document["jobs"]))

    told_of = [(each["exit_code"], each["errors"]) for each in map(as_object, as_list(job["steps"]))]
    assert told_of == [(0, []), (3, ["Not authorized."]), (4, ["exit code 4"]), (None, [])]


@pytest.mark.parametrize("step", [BROKEN, Result("Build", "ok")])
def test_the_last_line_says_what_was_not_rehearsed(step: Result) -> None:
    outcome = tell(Wanted("backend-v0.1.5"), step, notice="1 uncommitted change")

    assert outcome.lines[-1] == "1 uncommitted change"
    assert outcome.document["notices"] == ["1 uncommitted change"]


def test_uncommitted_changes_are_counted(repository: Checkout) -> None:
    settings = replace(load(HERE, {}), root=repository.root)
    before = uncommitted(settings)
    repository.write("backend/new.py", "new\n")

    assert before == ""
    assert uncommitted(settings).startswith("1 uncommitted change is not in the commit that is rehearsed;")
