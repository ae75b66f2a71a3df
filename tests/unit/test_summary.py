"""The end of a command: in words, as JSON, and in the summary of a GitHub run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks import github_summary
from tasks.documents import as_list, as_object
from tasks.errors import BuildError
from tasks.release import outcomes
from tasks.release.by_hand import Compared
from tasks.release.pipeline import Released
from tasks.release.rollout import RolloutFailedError
from tasks.release.smoke import VerifiedVersion
from tasks.release.wait_advice import Wait
from tasks.release.wait_phases import Phase
from tasks.report import Timing
from tasks.settings import Settings, load
from tests.support.fakes import Recorder
from tests.support.models import (
    BACKEND,
    COMMIT,
    DIGEST,
    IMAGE,
    NEVER_DEPLOYED,
    OWN,
    PUSHED,
    REGISTRY,
    deployment,
    revision,
    rollout,
    running,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.report import Outcome

URL = "http://spryte.alb.localhost:4566/api/health"
VERIFIED = VerifiedVersion(BACKEND, "0.1.5", COMMIT, URL)


@pytest.fixture
def settings(files: Path) -> Settings:
    """Settings whose target is the embedded cloud."""
    return load(files, {})


def test_a_deploy_ends_with_what_is_where(settings: Settings, report: Recorder) -> None:
    outcome = outcomes.deployed([Released(deployment(), VERIFIED)], settings, report)
    text = "\n".join(outcome.lines)
    for told in (
        f"version 0.1.5 serves, commit {COMMIT[:12]}",
        "spryte-cluster/spryte-backend-service runs spryte-backend:7, before it 0.1.4 (spryte-backend:4)",
        f"{REGISTRY}/spryte-backend@{DIGEST}",
        URL,
        "http://spryte.alb.localhost:4566/",
    ):
        assert told in text
    (service,) = map(as_object, as_list(outcome.document["services"]))
    assert service["service"] == "backend"
    assert (service["version"], service["commit"], service["digest"]) == ("0.1.5", COMMIT, DIGEST)
    assert (service["revision"], service["deployment"]) == ("spryte-backend:7", OWN)
    assert service["before"] == {"revision": "spryte-backend:4", "version": "0.1.4"}


def test_a_deploy_says_where_its_wait_went_and_what_would_shorten_it(
    settings: Settings, report: Recorder, tmp_path: Path
) -> None:
    wait = Wait(
        (Phase(("provisioning",), 0), Phase(("image pull",), 12), Phase(("draining",), 300)), "the delay (300 s)"
    )
    outcome = outcomes.deployed([Released(deployment(), VERIFIED, wait)], settings, report)
    github_summary.outcome("deploy", outcome, {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")})
    text = "\n".join(outcome.lines)
    assert "ECS took 312.0 s: draining 300.0 s, image pull 12.0 s\n" in text
    assert "to shorten draining: the delay (300 s)" in text
    (service,) = map(as_object, as_list(outcome.document["services"]))
    assert service["wait"] == {
        "seconds": 312,
        "phases": [
            {"phase": "provisioning", "seconds": 0},
            {"phase": "image pull", "seconds": 12},
            {"phase": "draining", "seconds": 300},
        ],
        "longest": "draining",
        "setting": "the delay (300 s)",
    }
    assert "To shorten draining: the delay (300 s)." in (tmp_path / "summary.md").read_text()


def test_the_summary_of_a_run_holds_what_its_revision_changes(
    settings: Settings, report: Recorder, tmp_path: Path
) -> None:
    changed = replace(revision(7), changes=("cpu: 256 -> 512", "environment.A: <b> -> (absent)"))
    outcome = outcomes.registered([changed], settings, report)
    github_summary.outcome("register", outcome, {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")})
    text = (tmp_path / "summary.md").read_text()
    assert "<details><summary>2 changes in the task definition</summary>\n\n- `cpu: 256 -> 512`\n" in text
    assert "- `environment.A: <b> -> (absent)`" in text
    assert "<details>" not in _summary_of(outcomes.registered([revision(7)], settings, report), tmp_path)


def _summary_of(outcome: Outcome, folder: Path) -> str:
    github_summary.outcome("register", outcome, {"GITHUB_STEP_SUMMARY": str(folder / "another.md")})
    return (folder / "another.md").read_text()


def test_a_first_deploy_had_nothing_before_it(settings: Settings, report: Recorder) -> None:
    outcome = outcomes.deployed([Released(deployment(NEVER_DEPLOYED), VERIFIED)], settings, report)
    assert "before it nothing" in "\n".join(outcome.lines)


def test_an_adopted_deployment_runs_as_before(settings: Settings, report: Recorder) -> None:
    adopted = replace(deployment(), adopted=True)
    assert "as before" in "\n".join(outcomes.deployed([Released(adopted, VERIFIED)], settings, report).lines)


@pytest.mark.parametrize(("reused", "word"), [(True, "existed"), (False, "built")])
def test_a_build_says_whether_anything_was_built(
    settings: Settings, report: Recorder, reused: bool, word: str
) -> None:
    outcome = outcomes.built([replace(IMAGE, reused=reused)], settings, report)
    assert outcome.lines[0] == f"backend   spryte-backend:content-0123 (50 MB, {word})"


def test_a_push_says_which_tags_are_new(settings: Settings, report: Recorder) -> None:
    assert outcomes.pushed([PUSHED], settings, report).lines[0].endswith("(was there already)")
    new = replace(PUSHED, new_tags=("0.1.5",))
    assert outcomes.pushed([new], settings, report).lines[0].endswith("(new tags: 0.1.5)")


def test_a_registration_says_whether_the_revision_is_new(settings: Settings, report: Recorder) -> None:
    assert outcomes.registered([revision(7)], settings, report).lines[0] == "backend   spryte-backend:7 (new)"


RUN = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "siruscoder/spryte"}
WHOLE = f"""\
### deploy

| | |
|---|---|
| service | **backend** |
| version | `0.1.5` |
| commit | [`{COMMIT[:12]}`](https://github.com/siruscoder/spryte/commit/{COMMIT}) |
| digest | `{DIGEST}` |
| revision | `spryte-backend:7` |
| deployment | `{OWN}` |
| url | {URL} |


<details><summary>2 changes in the task definition that ran, spryte-backend:4</summary>

- `cpu: 256 -> 512`
- `containerDefinitions.spryte-backend.environment.DEBUG: true -> (absent)` (undoes a change by hand)

</details>

ECS took 312 s: image pull 12 s, draining 300 s. To shorten draining: the delay (300 s).

Took 61.5 s: backend rollout 60 s, backend verify 1.5 s.

"""
DEBUG = "containerDefinitions.spryte-backend.environment.DEBUG: true -> (absent)"


def summary(folder: Path) -> dict[str, str]:
    """Return the variables of a GitHub run that keeps its summary in a folder."""
    return {**RUN, "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}


def test_the_summary_of_a_deploy_holds_all_that_the_run_is_asked_for(settings: Settings, tmp_path: Path) -> None:
    compared = Compared(("cpu: 256 -> 512", DEBUG), (), frozenset({DEBUG}))
    wait = Wait((Phase(("image pull",), 12), Phase(("draining",), 300)), "the delay (300 s)")
    report = Recorder()
    report.timings += [Timing("backend", "rollout", 60), Timing("backend", "verify", 1.5)]
    released = Released(replace(deployment(), compared=compared), VERIFIED, wait)
    github_summary.outcome("deploy", outcomes.deployed([released], settings, report), summary(tmp_path))
    assert (tmp_path / "summary.md").read_text() == WHOLE


def test_a_deploy_is_told_with_what_changes_in_what_ran_for_machines_too(
    settings: Settings, report: Recorder
) -> None:
    reused = replace(revision(7), reused=True, changes=())
    compared = Compared(("cpu: 256 -> 512", DEBUG), (), frozenset({DEBUG}))
    released = Released(replace(deployment(), revision=reused, compared=compared), VERIFIED)
    (service,) = map(as_object, as_list(outcomes.deployed([released], settings, report).document["services"]))
    assert service["changes"] == ["cpu: 256 -> 512", DEBUG]
    assert service["undone"] == [DEBUG]
    assert service["compared_with"] == "spryte-backend:4"


def test_a_run_again_that_changes_nothing_says_so(settings: Settings, report: Recorder, tmp_path: Path) -> None:
    again = Released(replace(deployment(running(7)), adopted=True, compared=Compared(())), VERIFIED)
    github_summary.outcome("deploy", outcomes.deployed([again], settings, report), summary(tmp_path))
    text = (tmp_path / "summary.md").read_text()
    assert "\nNothing changes in the task definition that ran: `spryte-backend:7`.\n" in text
    assert "<details>" not in text


FAILED = """\
### deploy failed

**spryte-backend-service: version 0.1.5 (spryte-backend:7) did not come up: 3 tasks failed in a row.**

```
cause: The container crashes at start with exit code 1 (docs/failures.md#crash-at-start)
log: KeyError: 'x'
Version 0.1.4 serves again, proved over HTTP.
```

Fix: Look into its log.

"""


def test_the_summary_of_a_failed_deploy_holds_cause_evidence_and_next_step(tmp_path: Path) -> None:
    error = RolloutFailedError(rollout(), "3 tasks failed in a row.", ("log: KeyError: 'x'",))
    cause = "cause: The container crashes at start with exit code 1 (docs/failures.md#crash-at-start)"
    error.evidence, error.fix = (cause, *error.evidence), "Look into its log."
    error.add_evidence("Version 0.1.4 serves again, proved over HTTP.")
    github_summary.failure("deploy", error, summary(tmp_path))
    assert (tmp_path / "summary.md").read_text() == FAILED


def test_a_github_run_gets_a_table_with_a_link_to_the_commit(
    settings: Settings, report: Recorder, tmp_path: Path
) -> None:
    outcome = outcomes.deployed([Released(deployment(), VERIFIED)], settings, report)
    environment = {
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "siruscoder/spryte",
    }
    github_summary.outcome("deploy", outcome, environment)
    written = (tmp_path / "summary.md").read_text()
    assert "| version | `0.1.5` |" in written
    assert f"| commit | [`{COMMIT[:12]}`](https://github.com/siruscoder/spryte/commit/{COMMIT}) |" in written
    assert f"| digest | `{DIGEST}` |" in written


def test_evidence_cannot_break_out_of_its_block(tmp_path: Path) -> None:
    error = BuildError("a | b <script>", fix="Fix it.", evidence=["```", "<script>"])
    github_summary.failure("build", error, {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")})
    written = (tmp_path / "summary.md").read_text()
    assert "**a \\| b &lt;script>**" in written
    assert written.count("```") == 2


def test_outside_a_github_run_nothing_is_written(tmp_path: Path) -> None:
    github_summary.failure("build", BuildError("x", fix="y"), {})
    assert list(tmp_path.iterdir()) == []
