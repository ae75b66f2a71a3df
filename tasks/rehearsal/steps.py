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
from tasks.rehearsal.expressions import ExpressionError
from tasks.rehearsal.uses import Played

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.documents import Json
    from tasks.rehearsal.contexts import JobState
    from tasks.rehearsal.stage import Stage
    from tasks.rehearsal.workflow import Job, Step

# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
SHELLS = {
    "": ("bash", "-e"),
    "bash": ("bash", "--noprofile", "--norc", "-eo", "pipefail"),
    "sh": ("sh", "-e"),
}


class FolderError(UsageError):
    """A step's working directory does not exist."""

    def __init__(self, step: Step, folder: Path) -> None:
        super().__init__(
            f"An error occurred trying to start process 'bash' with working directory '{folder}'. No such file or "
            "directory.",
            fix=f"Correct `working-directory` in {step.document.name}, or make the folder in a step before.",
        )


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
        code, refused, outputs = 0, False, dict[str, str]()
        try:
            if not self.state.runs(step.text("if")):
                self._remember(step, "skipped", "skipped", {})
                return Result(self.name(step), "skipped")
            files.make()
            code = self._do(step, files)
            outputs = files.outputs()
            self._keep(files)
        except DeployError as error:
            code, refused = error.exit_code, isinstance(error, RefusedError)
            for line in error.evidence:
                log.plain(line)
            log.annotate("Error", f"{error} {error.fix}")
        tolerated = code != 0 and self._tolerates(step)
        outcome = "failure" if code else "success"
        self._remember(step, outcome, "success" if tolerated else outcome, outputs)
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
            "CI": "true",
            **self.state.environment,
            **own,
            # GitHub ignores an attempt to set one of these
            **contexts.variables(self.state),
            "GITHUB_ACTION": self._action(),
            **files.variables,
        }
        found["PATH"] = os.pathsep.join([*reversed(self.state.paths), found.get("PATH", os.defpath)])
        return found

    def _action(self) -> str:
        """Return the step's id, or what GitHub calls a script without one: `__run`, `__run_2` and so on."""
        ran = [each for each in self.job.steps if each.text("run") and not each.text("id")]
        step = self.job.steps[self.number - 1]
        count = ran.index(step) + 1 if step in ran else 0
        return step.text("id") or ("__run" if count < 2 else f"__run_{count}")

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
        folder = workspace / self.state.text(step.text("working-directory"))
        if not folder.is_dir():
            raise FolderError(step, folder)
        return folder

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

    def _remember(self, step: Step, outcome: str, conclusion: str, outputs: Mapping[str, str]) -> None:
        """Keep what `steps.ID` holds; the conclusion of a failure that is tolerated is a success.

        https://docs.github.com/en/actions/reference/workflows-and-actions/contexts#steps-context
        """
        if step.text("id"):
            known: dict[str, Json] = {"outputs": {**outputs}, "outcome": outcome, "conclusion": conclusion}
            self.state.outputs[step.text("id")] = known

    def _keep(self, files: CommandFiles) -> None:
        self.state.environment |= files.environment()
        self.state.paths += files.paths()

    def _tolerates(self, step: Step) -> bool:
        return self.state.text(step.text("continue-on-error")).lower() == "true"
