"""A step that GitHub cancels: what it signals is the command itself, which says so before it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.project import HERE
from tests.support.workflows import GITHUB_BASH, step

if TYPE_CHECKING:
    from pathlib import Path

STAND_IN = f"""#!/bin/sh
exec '{sys.executable}' command.py "$@"
"""
COMMAND = """
import signal, sys
from invoke.exceptions import Exit
from tasks.command import Options, run

def deploy(work):
    print("under way", sys.argv[1:], flush=True)
    signal.pause()

try:
    run("deploy", deploy, Options())
except Exit as end:
    sys.exit(end.code)
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_deploy_says_so_in_the_log_and_in_the_summary(tmp_path: Path, sent: signal.Signals) -> None:
    """GitHub sends SIGINT, after 7.5 s SIGTERM, and kills 2.5 s later."""
    (tmp_path / "inv").write_text(STAND_IN)
    (tmp_path / "inv").chmod(0o755)
    (tmp_path / "command.py").write_text(COMMAND)
    script, summary = tmp_path / "step.sh", tmp_path / "summary"
    script.write_text(str(step("Deploy to ECS service (wait-for-service-stability)")["run"]))
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(HERE),
        "GITHUB_STEP_SUMMARY": str(summary),
        "SERVICE": "backend",
        "VERSION": "0.1.5",
    }

    with subprocess.Popen(
        [*GITHUB_BASH, str(script)],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "under way ['deploy', '--service=backend', '--version=0.1.5']\n"
        process.send_signal(sent)
        try:
            shown, _ = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # a command that the signal did not reach
            raise

    assert process.returncode == 130
    assert "Interrupted." in shown
    assert "### deploy failed\n\n**Interrupted.**" in summary.read_text()
