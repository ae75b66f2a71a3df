"""A runner without AWS: two workflows in a folder, and what playing them shows."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.clients import Clients
from tasks.rehearsal import play, workflow
from tasks.rehearsal.event import Event, Head
from tasks.rehearsal.log import Log
from tasks.rehearsal.places import Places
from tasks.rehearsal.stage import Stage, World
from tasks.setup.policies import Repository
from tests.support.models import LOCAL

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.rehearsal.play import JobRun

HEAD = Head("t" * 40, "Ann", "ann@example.com", "2026-05-01T12:00:00+00:00", "Start")
WORLD = World(
    target=replace(LOCAL, build_args={"PYTHON_IMAGE": "stand-in"}),
    variables={"AWS_REGION": "us-east-2"},
    secrets={"TOKEN": "hunter2"},
    machine={"PATH": os.environ["PATH"], "HOME": "/home/me", "AWS_PROFILE": "mine", "GITHUB_TOKEN": "mine"},
    role="arn:aws:iam::727646509464:role/SpryteGithubDeployRole",
)
CALLED = """
on:
  workflow_call:
    inputs: {service: {required: true}, size: {default: small}}
    secrets: {TOKEN: {}}
env: {OUTER: workflow, SHADOW: workflow}
jobs:
  work:
    name: Deploy ${{ inputs.service }}
    env: {SHADOW: job, SIZE: "${{ inputs.size }}"}
    defaults: {run: {shell: bash}}
    steps: [STEPS]
"""
CALLER = """
name: Deploy Backend
on: {push: {tags: ['backend-v*.*.*']}}
jobs:
  call:
    uses: $/.github/workflows/deploy.yml
    with: {service: backend}
    secrets: {TOKEN: "${{ secrets.TOKEN }}"}
"""


@dataclass(frozen=True)
class Theatre:
    """A folder with two workflows, the second called by the first, and a runner for them."""

    root: Path
    said: list[str]

    def play(self, steps: str, caller: str = CALLER) -> JobRun:
        """Run the steps of a called workflow."""
        return self.play_files(CALLED.replace("[STEPS]", f"\n{steps}"), caller)

    def play_files(self, called: str, caller: str = CALLER) -> JobRun:
        """Run a called workflow, as it is written."""
        folder = self.root / "workflows" / workflow.FOLDER
        folder.mkdir(parents=True)
        (folder / "deploy.yml").write_text(called)
        (folder / "deploy-backend.yml").write_text(caller)
        places = Places(self.root)
        event = Event(
            Repository("siruscoder", "spryte", "1001", "2002"), "refs/tags/backend-v0.1.5", "c" * 40, HEAD
        )
        stage = Stage(WORLD, event, places, Clients(LOCAL), Log(self.said.append))
        (started,) = workflow.started_by(places.files, "backend-v0.1.5")
        (run,) = play.play(started, stage)
        return run

    @property
    def text(self) -> str:
        """Everything that was shown."""
        return "\n".join(self.said)
