"""What a deploy changes in the definition that runs, and which of it only takes back what was changed by hand."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.documents import Document, as_list, as_object
from tasks.git import Git, GitError
from tasks.release.difference import differences
from tasks.release.task_definition import (
    COMMIT_VARIABLE,
    VERSION_VARIABLE,
    Identity,
    Template,
    complete_secrets,
    environment_of,
    render,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tasks.documents import Json
    from tasks.settings import Service, Target

COMMIT = re.compile(r"[0-9a-f]{40}")  # it comes from AWS: nothing else may reach git's command line


@dataclass(frozen=True)
class Compared:
    """How a definition differs from the one that runs, a line each, as `difference.differences` tells it.

    `by_hand` are those settings of the running one that the template of its own commit does not have; None where
    that cannot be told. `undone` are those of the changes that only take these back.
    """

    changes: tuple[str, ...]
    by_hand: tuple[str, ...] | None = None
    undone: frozenset[str] = frozenset()

    @property
    def lines(self) -> tuple[str, ...]:
        """The changes as people are shown them: one that takes back what was changed by hand says so."""
        return tuple(f"{each} (undoes a change by hand)" if each in self.undone else each for each in self.changes)


def compare(template: Template, runs: Mapping[str, Json], new: Mapping[str, Json], target: Target) -> Compared:
    """Compare what runs with what shall run; git is asked for the template of the running commit."""
    changes, committed = differences(runs, new), _committed(template, runs, target)
    if committed is None:
        return Compared(changes)
    by_hand = differences(committed, runs)
    taken_back = paths(by_hand) - paths(differences(committed, new))
    return Compared(changes, by_hand, frozenset(each for each in changes if path(each) in taken_back))


def path(change: str) -> str:
    """Return which setting a change is about."""
    return change.partition(": ")[0]


def paths(changes: Iterable[str]) -> set[str]:
    """Return which settings changes are about."""
    return {path(change) for change in changes}


def _committed(template: Template, runs: Mapping[str, Json], target: Target) -> dict[str, Json] | None:
    """Return the running definition as the template of its own commit has it; None where that cannot be told."""
    service, git = template.service, Git(template.service.root)
    environment = environment_of(runs, service.container)
    version, commit = environment.get(VERSION_VARIABLE, ""), environment.get(COMMIT_VARIABLE, "")
    if not COMMIT.fullmatch(commit):  # none, or uncommitted content
        return None
    try:
        prefix = git.run("rev-parse", "--show-prefix")
        text = git.run("show", f"{commit}:{prefix}{service.template}")
        document = Document(service.template, as_object(json.loads(text)), {})
    except (GitError, json.JSONDecodeError):
        return None
    identity = Identity(_image(runs, service), version, commit, complete_secrets(runs))
    return render(Template(service, document), identity, target)


def _image(definition: Mapping[str, Json], service: Service) -> str:
    containers = map(as_object, as_list(definition.get("containerDefinitions") or []))
    return next((str(each.get("image")) for each in containers if each.get("name") == service.container), "")
