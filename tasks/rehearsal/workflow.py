"""A workflow as its file says it, checked so far that nothing in it is left out of a rehearsal unnoticed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from tasks.documents import as_list, as_object, read_yaml
from tasks.errors import UsageError
from tasks.rehearsal import parsed
from tasks.rehearsal.expressions import as_text
from tasks.rehearsal.filters import push_filters, started_by_tag

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.documents import Document, DocumentError, Json

FOLDER = ".github/workflows"
OWN = ("./", "$/")  # the two ways to name a workflow of the same repository and commit
OLDEST_PYTHON = 3.5
# Whatever else GitHub knows is refused, so that nothing is left out unnoticed.
WORKFLOW_KEYS = {"name", "run-name", "on", "permissions", "concurrency", "env", "jobs"}
JOB_KEYS = {
    "name", "runs-on", "timeout-minutes", "concurrency", "environment", "permissions", "defaults", "env",
    "steps", "uses", "with", "secrets",
}  # fmt: skip
STEP_KEYS = {
    "name", "id", "if", "uses", "with", "run", "env", "shell", "working-directory", "continue-on-error",
    "timeout-minutes",
}  # fmt: skip


class NothingStartsError(UsageError):
    """No workflow's filter means the tag."""

    def __init__(self, tag: str, filters: tuple[str, ...]) -> None:
        super().__init__(
            f"GitHub would run nothing: no workflow is started by the tag '{tag}'.",
            fix="Use a tag that one of these is for.",
            evidence=filters,
        )


@dataclass(frozen=True)
class Step:
    """One step. `key` is its place in the document, for messages."""

    document: Document
    key: str
    data: Mapping[str, Json]

    @property
    def name(self) -> str:
        """What GitHub calls it in the log."""
        first = self.text("run").strip().splitlines()[:1]
        return self.text("name") or self.text("uses") or f"Run {''.join(first)}"

    def text(self, name: str) -> str:
        """Return one of its keys as a text, empty where it has none."""
        return as_text(self.data.get(name))

    def mapping(self, name: str) -> dict[str, Json]:
        """Return one of its keys as a mapping, empty where it has none."""
        return as_object(self.data.get(name))


@dataclass(frozen=True)
class Job:
    """One job: its own steps, or the workflow it calls."""

    document: Document
    key: str
    data: Mapping[str, Json]

    @property
    def name(self) -> str:
        """What GitHub calls it."""
        return as_text(self.data.get("name")) or self.key.rpartition(".")[2]

    @property
    def calls(self) -> str:
        """The file of the workflow it calls, empty for a job with steps of its own."""
        return as_text(self.data.get("uses"))

    @property
    def shell(self) -> str:
        """The shell of steps that name none."""
        return as_text(as_object(as_object(self.data.get("defaults")).get("run")).get("shell"))

    @property
    def environment(self) -> str:
        """The expression that names its GitHub Environment."""
        value = self.data.get("environment")
        return as_text(as_object(value).get("name")) if isinstance(value, dict) else as_text(value)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Its steps in order."""
        listed = enumerate(as_list(self.data.get("steps")))
        return tuple(Step(self.document, f"{self.key}.steps.{number}", as_object(each)) for number, each in listed)

    def mapping(self, name: str) -> dict[str, Json]:
        """Return one of its keys as a mapping, empty where it has none."""
        return as_object(self.data.get(name))


@dataclass(frozen=True)
class Workflow:
    """A workflow file."""

    document: Document

    @property
    def name(self) -> str:
        """What GitHub calls it."""
        return as_text(self.document.data.get("name")) or self.document.name

    @property
    def events(self) -> Json:
        """What starts it. YAML 1.1 takes the key `on` for a truth value."""
        data = cast("Mapping[object, Json]", self.document.data)
        return data.get(True, data.get("on"))

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Its jobs, in the order of the file."""
        jobs = as_object(self.document.data.get("jobs")).items()
        return tuple(Job(self.document, f"jobs.{name}", as_object(job)) for name, job in jobs)


def read(root: Path, file: str) -> Workflow:
    """Read and check a workflow.

    Args:
        root: the folder that holds `.github`.
        file: its path below that.

    Raises:
        DocumentError: it is malformed, or holds something that a rehearsal cannot play, such as an
            expression that GitHub would refuse (file, line, key).
    """
    found = Workflow(read_yaml(root / file, file))
    for key in found.document.data:
        if str(key) not in {*WORKFLOW_KEYS, "True"}:  # what YAML 1.1 makes of `on`
            raise _not_played(found.document, key, WORKFLOW_KEYS)
    for job in found.jobs:
        _only(job.document, job.key, job.data, JOB_KEYS)
        defaults = as_object(job.data.get("defaults"))
        _only(job.document, f"{job.key}.defaults", defaults, {"run"})
        _only(job.document, f"{job.key}.defaults.run", as_object(defaults.get("run")), {"shell"})
        for step in job.steps:
            _only(step.document, step.key, step.data, STEP_KEYS)
            _check_version(step)
    parsed.check(found.document)
    return found


def started_by(root: Path, tag: str) -> tuple[Workflow, ...]:
    """Return the workflows that a pushed tag starts.

    Raises:
        NothingStartsError: none.
        DocumentError: a workflow is no YAML, or one that is started cannot be played.
    """
    files = sorted(each.name for each in (root / FOLDER).glob("*.y*ml"))
    filters, started = list[str](), list[str]()
    for name in files:
        push = push_filters(Workflow(read_yaml(root / FOLDER / name, f"{FOLDER}/{name}")).events)
        if push is None:
            continue
        tags = ", ".join(map(as_text, as_list(push.get("tags")))) or "no tags"
        filters.append(f"{FOLDER}/{name}: {tags}")
        if started_by_tag(push, tag):
            started.append(f"{FOLDER}/{name}")
    if not started:
        raise NothingStartsError(tag, tuple(filters))
    return tuple(read(root, name) for name in started)


def called(root: Path, job: Job) -> Workflow:
    """Return the workflow that a job calls.

    Raises:
        DocumentError: it is not this repository's own, or calls another one in turn.
    """
    if not job.calls.startswith(OWN):
        raise job.document.wrong(
            f"{job.key}.uses", f"'{job.calls}' is not of this repository", f"A rehearsal plays {OWN[0]}{FOLDER}/…"
        )
    found = read(root, job.calls[2:])
    for inner in found.jobs:
        if inner.calls:
            raise inner.document.wrong(
                f"{inner.key}.uses",
                "a workflow that a called one calls in turn is not played by a rehearsal",
                "Call it from the workflow that the push starts.",
            )
    return found


def _check_version(step: Step) -> None:
    """Refuse a version that YAML takes for a number and thereby changes; no action knows a Python 3.1."""
    version = step.mapping("with").get("python-version")
    if isinstance(version, float) and version < OLDEST_PYTHON:
        raise step.document.wrong(
            f"{step.key}.with.python-version",
            f"YAML reads this as the number {version}",
            f"Quote it: '{version:.2f}'.",
        )


def _only(document: Document, key: str, data: Mapping[str, Json], known: set[str]) -> None:
    for name in data:
        if name not in known:
            raise _not_played(document, f"{key}.{name}", known)


def _not_played(document: Document, key: str, known: set[str]) -> DocumentError:
    return document.wrong(key, "is not played by a rehearsal", f"It knows: {', '.join(sorted(known))}.")
