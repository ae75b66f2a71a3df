"""The same service, the same embedded cloud, one run: this tool against fabfuel's ecs-deploy.

Run it from the project's root; it takes about ten minutes, most of them ecs-deploy's own time limit:

    .venv/bin/python -m benchmarks.peers

ecs-deploy is installed from `benchmarks/peers.txt` into a virtual environment of its own. The cloud is one of this
run's own, in a copy of the project, and is taken down at the end. Every figure is wall-clock time from the command
to its answer, start-up included. The two do not do the same work: this tool also looks for the image, tags it in
ECR, proves the version over HTTP, and records that; ecs-deploy registers, updates and waits.

The official GitHub actions are not here: they cannot be installed from a package registry.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tasks.clients import Clients
from tasks.release.service_state import describe
from tasks.release.smoke import VERSION_HEADER
from tasks.settings import load
from tests.support.project import free_port, make_project

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.project import Project

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3
STARTS = 5
TEMPLATE = "aws/backend-task-definition.json"
LAST_WORDS = "the database is on fire"
CRASH = f"python3 -c \"print('{LAST_WORDS}', flush=True); exit(7)\""
MOST_SECONDS = 420.0
SHOWN_LINES = 12


@dataclass(frozen=True)
class Answer:
    """What a command answered, and after how many seconds."""

    seconds: float
    code: int
    text: str

    @property
    def names_the_cause(self) -> bool:
        """Whether both the exit code and the last words of the container are told."""
        return LAST_WORDS in self.text and "exit code 7" in self.text


@dataclass(frozen=True)
class Crash:
    """What a tool answered to a version that crashes, and what served afterwards."""

    answer: Answer
    serves: str


@dataclass(frozen=True)
class Tool:
    """A tool's commands, in the copy of the project."""

    name: str
    start_up: tuple[str, ...]
    healthy: Callable[[int], tuple[str, ...]]
    crashing: tuple[str, ...]


def timed(command: Sequence[str], project: Project) -> Answer:
    """Run a command to its end, `MOST_SECONDS` at most."""
    began = time.monotonic()
    done = subprocess.run(
        command,
        cwd=project.root,
        env=_environment(project),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=MOST_SECONDS,
    )
    return Answer(time.monotonic() - began, done.returncode, done.stdout)


def install(folder: Path) -> Path:
    """Return ecs-deploy's program, installed with the pinned hashes into a virtual environment of its own."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin/pip"), "install", "--quiet", "--quiet", "--require-hashes"]
    subprocess.run([*pip, "--requirement", str(ROOT / "benchmarks/peers.txt")], check=True)
    return folder / "bin/ecs"


def tools(program: Path, project: Project) -> tuple[Tool, Tool]:
    """Return this tool and ecs-deploy, each with its own way to say the same."""
    service = load(project.root, project.environment).select("backend")[0]
    inv = str(project.root / "inv")
    change = (str(program), "deploy", service.cluster, service.ecs_service, "--no-diff")
    ours = Tool(
        "this tool",
        (inv, "--list"),
        lambda number: (inv, "deploy", "--service=backend", f"--version=0.2.{number}"),
        (inv, "deploy", "--service=backend", "--version=0.4.0"),
    )
    peer = Tool(
        "ecs-deploy",
        (str(program), "--help"),
        lambda number: (*change, "--env", service.container, "APP_VERSION", f"0.3.{number}"),
        (*change, "--command", service.container, CRASH, "--env", service.container, "APP_VERSION", "0.4.0"),
    )
    return ours, peer


def start_up(tool: Tool, project: Project) -> float:
    """Return the median of several starts, in seconds."""
    return median(timed(tool.start_up, project).seconds for _ in range(STARTS))


def rollouts(tool: Tool, project: Project) -> float:
    """Return the median of several deploys of a version that comes up, in seconds."""
    answers = [timed(tool.healthy(number), project) for number in range(ROUNDS)]
    for answer in answers:
        if answer.code:
            raise SystemExit(f"{tool.name} did not deploy:\n{answer.text}")
    return median(answer.seconds for answer in answers)


def serving(project: Project) -> str:
    """Return the version that answers now, and whether its revision may still be run."""
    settings = load(project.root, project.environment)
    clients, service = Clients(settings.target), settings.select("backend")[0]
    answer = clients.http.get(f"{settings.target.app_url}{service.health_path}")
    arn = describe(service, clients)["taskDefinition"]
    status = clients.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]["status"]
    return f"{answer.headers.get(VERSION_HEADER, 'no version')} answers, its revision is {status}"


def main() -> None:
    """Measure, and print a row for each question."""
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder), LOCAL_PORT=str(free_port()))
        program = install(Path(folder) / "peer")
        try:
            _measure(tools(program, project), project)
        finally:
            timed([str(project.root / "inv"), "local.down"], project)


def _measure(both: tuple[Tool, Tool], project: Project) -> None:
    first = timed(both[0].healthy(9), project)  # makes .venv, the cloud and the image
    if first.code:
        raise SystemExit(first.text)
    starts = tuple(start_up(tool, project) for tool in both)
    deploys = tuple(rollouts(tool, project) for tool in both)
    crashes: list[Crash] = []
    for tool in both:
        timed(both[0].healthy(5), project)  # a good version, deployed in the same way, is what the crash replaces
        with project.changed(TEMPLATE, crashing_template()):  # ecs-deploy's command says the same
            answer = timed(tool.crashing, project)
        crashes.append(Crash(answer, serving(project)))
    names = [tool.name for tool in both]
    sys.stdout.writelines(f"| {' | '.join(row)} |\n" for row in table(names, starts, deploys, crashes))
    for name, crash in zip(names, crashes, strict=True):
        sys.stdout.write(f"\nwhat {name} says of the crash, its last lines:\n")
        sys.stdout.writelines(f"    {line}\n" for line in crash.answer.text.splitlines()[-SHOWN_LINES:])


def table(
    names: Sequence[str], starts: Sequence[float], deploys: Sequence[float], crashes: Sequence[Crash]
) -> list[tuple[str, ...]]:
    """Return the rows, this tool's column first; a ratio is this tool's time divided by the other's."""
    fast = [crash.answer.seconds for crash in crashes]
    return [
        ("", *names, "ratio"),
        ("---",) * 4,
        ("start-up, median of 5", *(f"{each:.2f} s" for each in starts), f"{starts[0] / starts[1]:.1f}"),
        ("healthy rollout, median of 3", *(f"{each:.1f} s" for each in deploys), f"{deploys[0] / deploys[1]:.1f}"),
        ("image that crashes at start", *(f"{each:.1f} s" for each in fast), f"{fast[0] / fast[1]:.2f}"),
        ("its exit code", *(str(crash.answer.code) for crash in crashes), ""),
        ("names exit code and log line", *("yes" if c.answer.names_the_cause else "no" for c in crashes), ""),
        ("afterwards", *(crash.serves for crash in crashes), ""),
    ]


def crashing_template() -> str:
    """Return the backend's template with a command that ends at once, with an exit code and last words."""
    template = json.loads((ROOT / TEMPLATE).read_text())
    template["containerDefinitions"][0]["command"] = shlex.split(CRASH)
    return json.dumps(template, indent=2)


def _environment(project: Project) -> dict[str, str]:
    """Return the copy's environment, with the embedded cloud's address and key for a tool that knows no target."""
    target = load(project.root, project.environment).target
    return {
        **project.environment,
        "AWS_ENDPOINT_URL": target.endpoint_url or "",
        "AWS_DEFAULT_REGION": target.region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


if __name__ == "__main__":
    main()
