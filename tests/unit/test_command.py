"""How a task runs: its result on stdout, its failure on stderr, a question only on a terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from invoke.exceptions import Exit

from tasks.command import Options, run
from tasks.errors import BuildError, StoppedByUserError, SupersededError
from tasks.report import Outcome
from tests.support.project import HERE, clean_environment
from tests.support.runbook import RUNBOOK
from tests.support.terminal import on_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.command import Work

ASK = """
import os, sys, time
from tasks.command import Options, Work, run
from tasks.report import Outcome, Report
def action(work):
    work.confirm("Deploy?")
    return Outcome({}, ("deployed",))
run("ask", action, Options(yes="YES" in os.environ))
"""
INVOKE = "from invoke.exceptions import Exit\ntry:\n" + "".join(
    f"    {line}\n" for line in ASK.strip().splitlines()
) + "except Exit as end:\n    raise SystemExit(end.code)\n"  # fmt: skip


@pytest.fixture(autouse=True)
def no_github(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep these runs out of the summary of a real GitHub run."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def succeed(work: Work) -> Outcome:
    """Say a line of progress and succeed."""
    work.report.say("working")
    return Outcome({"services": []}, ("done",))


def fail(work: Work) -> Outcome:
    """Say a line of progress and fail."""
    work.report.say("working")
    raise BuildError("It failed.", fix="Fix it.")


def interrupt(_: Work) -> Outcome:
    """Be interrupted from the keyboard."""
    raise KeyboardInterrupt


def test_progress_goes_to_stderr_and_the_result_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    run("task", succeed, Options())
    assert capsys.readouterr() == ("done\n", "working\n")


def test_json_is_exactly_one_document_on_success(capsys: pytest.CaptureFixture[str]) -> None:
    run("task", succeed, Options(json=True))
    out, err = capsys.readouterr()
    assert json.loads(out) == {"ok": True, "services": []}
    assert err == "working\n"


def test_a_failure_goes_to_stderr_and_ends_with_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit) as caught:
        run("task", fail, Options())
    assert caught.value.code == 4
    assert capsys.readouterr() == ("", "working\n\nerror: It failed.\n  fix: Fix it.\n")


def test_json_is_exactly_one_document_on_failure_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit):
        run("task", fail, Options(json=True))
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["message"] == "It failed."
    assert json.loads(out)["ok"] is False
    assert "error: It failed." in err


CANCELLED = """
import os, signal
from tasks.command import Options, run
run("end", lambda work: os.kill(os.getpid(), signal.SIGTERM), Options())
"""


def test_what_ci_cancels_ends_like_an_interruption() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CANCELLED],
        cwd=HERE,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "error: Interrupted." in ended.stderr
    assert "Run the command again" in ended.stderr


def test_what_is_to_be_run_after_a_failure_in_production_acts_on_production(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_there(work: Work) -> Outcome:
        service = work.settings.select("backend")[0].name
        raise SupersededError("It failed.", fix=f"To go back: ./inv rollback --service={service} --revision=4.")

    for name, value in RUNBOOK.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("APP_URL", "https://spryte.example.com")
    with pytest.raises(Exit):
        run("task", fail_there, Options("backend", target="aws"))
    assert (
        "fix: To go back: ./inv rollback --service=backend --revision=4 --target=aws.\n" in capsys.readouterr().err
    )


def test_an_interruption_ends_with_130_and_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit) as caught:
        run("task", interrupt, Options())
    assert caught.value.code == 130
    assert capsys.readouterr().err == (
        "\nerror: Interrupted.\n  fix: Run the command again: it goes on from what exists already.\n"
    )


def test_a_defect_of_the_tool_keeps_its_traceback() -> None:
    def defect(_: Work) -> Outcome:
        raise KeyError("a defect")

    with pytest.raises(KeyError, match="a defect"):
        run("task", defect, Options())


def test_each_failure_ends_with_its_own_code() -> None:
    def superseded(_: Work) -> Outcome:
        raise SupersededError("Another one.", fix="Look.")

    with pytest.raises(Exit) as caught:
        run("task", superseded, Options())
    assert caught.value.code == 10


def test_a_github_run_keeps_the_result_and_the_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    run("build", succeed, Options())
    with pytest.raises(Exit):
        run("build", fail, Options())
    written = (tmp_path / "summary.md").read_text()
    assert "### build\n" in written
    assert "### build failed\n\n**It failed.**\n\nFix: Fix it.\n" in written


@pytest.mark.parametrize("answer", ["y", " YES "])
def test_on_a_terminal_a_yes_goes_on(answer: str) -> None:
    spoken = on_terminal(INVOKE, f"{answer}\n")
    assert spoken.code == 0
    assert "Deploy? [y/N] " in spoken.text
    assert spoken.text.endswith("deployed\n")


@pytest.mark.parametrize("answer", ["n", "", "yess"])
def test_on_a_terminal_anything_else_stops_with_130(answer: str) -> None:
    spoken = on_terminal(INVOKE, f"{answer}\n", NO_COLOR="1")
    assert spoken.code == 130
    assert "error: Nothing was done.\n  fix: Answer y, or give --yes.\n" in spoken.text
    assert "deployed" not in spoken.text


@pytest.mark.parametrize("environment", [{"CI": "true"}, {"YES": "1"}])
def test_with_yes_or_in_ci_nothing_is_asked(environment: dict[str, str]) -> None:
    spoken = on_terminal(INVOKE, **environment)
    assert (spoken.code, spoken.text) == (0, "deployed\n")


def test_without_a_terminal_there_is_nobody_to_ask_and_nothing_is_done() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INVOKE],
        cwd=HERE,
        env={name: value for name, value in clean_environment().items() if name != "CI"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "no terminal to ask on: Deploy?" in done.stderr
    assert "--yes" in done.stderr


def test_invokes_own_dry_run_is_refused_because_it_would_go_ahead() -> None:
    command = [sys.executable, "-m", "invoke", "--dry", "tag", "--service=backend", "--version=0.1.5"]
    done = subprocess.run(command, cwd=HERE, env=clean_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Use --dry-run" in done.stderr


def test_the_error_for_a_no_is_not_a_failure_of_the_tool() -> None:
    assert StoppedByUserError("x", fix="y").exit_code == 130
