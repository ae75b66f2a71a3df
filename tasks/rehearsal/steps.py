"""One step of a job, run or played as GitHub would, with what it leaves for the steps after it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.errors import DeployError, UsageError
from tasks.rehearsal import contexts, permissions, uses
from tasks.rehearsal.account import RefusedError
from tasks.rehearsal.command_files import CommandFiles
from tasks.rehearsal.expressions import ExpressionError, as_text
from tasks.rehearsal.uses import Played

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.documents import Json
    from tasks.rehearsal.contexts import JobState
    from tasks.rehearsal.uses import Stage
    from tasks.rehearsal.workflow import Job, Step

# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
SHELLS = {
    "": ("bash", "-e"),
    "bash": ("bash", "--noprofile", "--norc", "-eo", "pipefail"),
    "sh": ("sh", "-e"),
}


class ShellError(UsageError):
    """A step wants a shell that is not played here."""

    def __init__(self, step: Step, shell: str) -> None:
        super().__init__(
            f"{step.document.name}: {step.key}: the shell '{shell}' is not played by a rehearsal.",
            fix="Use bash or sh.",
        )


@dataclass(frozen=True)
class Result:
    """How a step went: `ok`, `failed` or `skipped`, its exit code, how long it took in seconds, its errors.

    `refused` says that it failed because STS did not let the run take the role.
    """

    name: str
    state: str
    code: int = 0
    seconds: float = 0.0
    errors: tuple[str, ...] = ()
    summary: str = ""
    tolerated: bool = False
    refused: bool = False


@dataclass(frozen=True)
class Machine:
    """What the runner's machine gives every step: its variables, and the role that is asked about."""

    variables: Mapping[str, str]
    role: str


@dataclass
class Runner:
    """Runs the steps of one job."""

    job: Job
    environment: str
    state: JobState
    stage: Stage
    machine: Machine
    number: int = field(default=0)

    def run(self, step: Step) -> Result:
        """Run a step, unless its `if` says no. What goes wrong is in the result, not raised."""
        self.number += 1
        clock, log = self.stage.clients.clock, self.stage.log
        began, announced = clock(), len(log.annotations)
        files = CommandFiles(self.stage.places.temporary / f"step-{self.number}")
        code, refused = 0, False
        try:
            if not self.state.runs(step.text("if")):
                return Result(self.name(step), "skipped")
            files.make()
            code = self._do(step, files)
            self._keep(step, files, code)
        except DeployError as error:
            code, refused = error.exit_code, isinstance(error, RefusedError)
            for line in error.evidence:
                log.plain(line)
            log.annotate("Error", f"{error} {error.fix}")
        tolerated = code != 0 and self._tolerates(step)
        self.state.failed = self.state.failed or (code != 0 and not tolerated)
        return Result(
            name=self.name(step),
            state="failed" if code else "ok",
            code=code,
            seconds=clock() - began,
            errors=tuple(log.annotations[announced:]),
            summary=log.masked(files.summary()),
            tolerated=tolerated,
            refused=refused,
        )

    def name(self, step: Step) -> str:
        """Return what GitHub calls a step in the log; its expressions stay as they are where one is wrong."""
        try:
            return self.stage.log.masked(self.state.text(step.name))
        except ExpressionError:
            return step.name

    def _do(self, step: Step, files: CommandFiles) -> int:
        own = self.state.texts(step.mapping("env"))
        if step.text("uses"):
            inputs = self.state.texts(step.mapping("with"), **own)
            uses.play(step, Played(inputs, self.environment), self.state, self.stage)
            return 0
        variables = self._variables(own, files)
        script = self.state.text(step.text("run"), **own)
        folder = self._folder(step)
        needed = permissions.needs(script, folder, variables)
        permissions.require(needed, self.machine.role, self.stage.clients)
        return self._execute(self._command(step, script), folder, variables)

    def _variables(self, own: Mapping[str, str], files: CommandFiles) -> dict[str, str]:
        """Return a step's whole environment; the later ones win, as on GitHub."""
        found = {
            **self.machine.variables,
            **contexts.variables(self.state.github, self.stage.places.temporary),
            **self.state.environment,
            **own,
            **files.variables,
        }
        found["PATH"] = os.pathsep.join([*reversed(self.state.paths), found.get("PATH", os.defpath)])
        return found

    def _command(self, step: Step, script: str) -> tuple[str, ...]:
        shell = step.text("shell") or self.job.shell
        if shell not in SHELLS:
            raise ShellError(step, shell)
        file = self.stage.places.temporary / f"step-{self.number}.sh"
        file.write_text(script, encoding="utf-8")
        return (*SHELLS[shell], str(file))

    def _folder(self, step: Step) -> Path:
        workspace = self.stage.places.workspace(self.stage.event.repository.name)
        workspace.mkdir(parents=True, exist_ok=True)
        return workspace / self.state.text(step.text("working-directory"))

    def _execute(self, command: tuple[str, ...], folder: Path, variables: Mapping[str, str]) -> int:
        with subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                self.stage.log.line(line.rstrip("\n"))
        if process.returncode:
            self.stage.log.plain(f"Error: Process completed with exit code {process.returncode}.")
        return process.returncode

    def _keep(self, step: Step, files: CommandFiles, code: int) -> None:
        if step.text("id"):
            outputs = {name: as_text(value) for name, value in files.outputs().items()}
            outcome = "failure" if code else "success"
            known: dict[str, Json] = {"outputs": {**outputs}, "outcome": outcome, "conclusion": outcome}
            self.state.outputs[step.text("id")] = known
        self.state.environment |= files.environment()
        self.state.paths += files.paths()

    def _tolerates(self, step: Step) -> bool:
        return self.state.text(step.text("continue-on-error")).lower() == "true"
