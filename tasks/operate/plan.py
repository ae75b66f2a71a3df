"""plan: what a deploy would change against what runs now, and what of it was changed outside git."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.documents import Document, as_object
from tasks.git import Git, GitError
from tasks.release import registry, revisions
from tasks.release.difference import differences
from tasks.release.dry_run import UNKNOWN_DIGEST
from tasks.release.service_state import running
from tasks.release.source import inspect
from tasks.release.task_definition import Identity, Template, complete_secrets, load_template, render
from tasks.release.version import refusal
from tasks.report import Outcome
from tasks.sdk_errors import DockerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tasks.clients import Clients
    from tasks.command import Work
    from tasks.documents import Json
    from tasks.release.revisions import Registered
    from tasks.release.service_state import Running
    from tasks.settings import Service, Settings, Target

CHANGES_FOUND = 11
COMMIT = re.compile(r"[0-9a-f]{40}")  # it comes from AWS: nothing else may reach git's command line


@dataclass(frozen=True)
class Plan:
    """What a deploy would change of a service.

    `by_hand` are those settings of the running revision that the template of its own commit does not have;
    None where that cannot be told. `undone` are the paths of those that a deploy would take back. `new_image`
    says, where no version is asked for, that the service's folder is not what runs.
    """

    state: Running
    version: str
    changes: tuple[str, ...]
    by_hand: tuple[str, ...] | None
    notes: tuple[str, ...]
    undone: frozenset[str] = frozenset()
    new_image: bool = False

    @property
    def has_changes(self) -> bool:
        """Whether a deploy would change anything."""
        return bool(self.changes) or self.new_image or self.state.never_deployed

    @property
    def own_changes(self) -> tuple[str, ...]:
        """The changes that do more than undo what was changed by hand."""
        return tuple(change for change in self.changes if _path(change) not in self.undone)


@dataclass(frozen=True)
class _Found:
    """What there is: the template in the checkout, the revision that runs, and the newest one."""

    template: Template
    state: Running
    now: Registered | None
    newest: Registered | None

    @property
    def service(self) -> Service:
        return self.template.service

    @property
    def runs(self) -> Mapping[str, Json]:
        """The running definition; empty where there is none."""
        return self.now.definition if self.now else {}

    @property
    def secrets(self) -> Mapping[str, str]:
        """The newest revision's, as register itself takes them."""
        return complete_secrets(self.newest.definition if self.newest else {})


@dataclass(frozen=True)
class _Goal:
    """What a deploy would register."""

    identity: Identity
    notes: tuple[str, ...] = ()
    new_image: bool = False


def plan(work: Work, *, exit_code: bool = False) -> Outcome:
    """Compare each service's template, and the version if one is given, with the revision that runs."""
    version = work.version if work.options.version else ""
    clients = work.connect()
    plans = [look(service, version, work.settings, clients) for service in work.services]
    found = any(each.has_changes for each in plans)
    document: dict[str, Json] = {
        "target": work.settings.target.name,
        "changes": found,
        "services": [_document(each) for each in plans],
    }
    lines = tuple(line for each in plans for line in lines_of(each))
    return Outcome(document, lines, CHANGES_FOUND if found and exit_code else 0)


def look(service: Service, version: str, settings: Settings, clients: Clients) -> Plan:
    """Compare one service; an empty version stands for the version and the image that run.

    Raises:
        DocumentError, InvalidDefinitionError: the template is malformed.
        GitError: a version was given, and this is no usable checkout.
        ServiceMissingError: there is no such service.
    """
    template, state = load_template(service, settings.target), running(service, clients)
    found = _Found(
        template=template,
        state=state,
        now=revisions.find(service, state.arn, clients),
        newest=revisions.find(service, service.family, clients),
    )
    goal = _of_version(found, version, clients) if version else _of_running(found)
    new = render(found.template, goal.identity, settings.target)
    committed = _committed(found, settings.target)
    by_hand = None if committed is None else differences(committed, found.runs)
    return Plan(
        state=state,
        version=version or state.version,
        changes=() if state.never_deployed and not version else differences(found.runs, new),
        by_hand=by_hand,
        undone=_paths(by_hand or ()) - _paths(differences(committed or {}, new)),
        notes=(*_notes(found), *goal.notes),
        new_image=goal.new_image,
    )


def _notes(found: _Found) -> Iterator[str]:
    """Yield what is to be known of the service beside any change."""
    state, newest = found.state, found.newest
    if state.deployment and state.deployment.get("rolloutState") == "IN_PROGRESS":
        yield f"a deployment of {state.name} is in progress"
    if newest and newest.arn != state.arn and newest.number > (found.now.number if found.now else 0):
        yield f"{newest.label} is registered and does not run"
    if state.desired == 0 and not state.never_deployed:
        yield f"a deploy would be refused: {found.service.ecs_service} is scaled to 0"


def _of_running(found: _Found) -> _Goal:
    """Return the version and the image that run, in the template of the checkout."""
    image = found.now.image if found.now else ""
    identity = Identity(image, found.state.version, found.state.commit, found.secrets)
    return _Goal(identity, new_image=found.now is not None and _has_other_content(found.service, found.now))


def _of_version(found: _Found, version: str, clients: Clients) -> _Goal:
    """Return a version of this checkout's commit, with what there is to say of its image."""
    service, source = found.service, inspect(found.service, version)
    digest = registry.tagged(service, (source.tag,), clients).get(source.tag, UNKNOWN_DIGEST)
    notes: list[str] = []
    if digest == UNKNOWN_DIGEST:
        notes.append(f"the image of commit {source.tag[:12]} is not in ECR yet")
        if found.now and _tree_of(service, found.now.commit) == source.tree:
            notes.append(f"{service.folder}/ has the content of the running image")
    try:
        if refused := refusal(source, clients):
            notes.append(f"a deploy would be refused: {refused}")
    except DockerUnavailableError:
        notes.append(f"version {version} is in ECR; whether as this content cannot be told without Docker")
    identity = Identity(
        f"{clients.target.registry}/{service.repository}@{digest}", version, source.tag, found.secrets
    )
    return _Goal(identity, tuple(notes))


def _has_other_content(service: Service, now: Registered) -> bool:
    """Whether the service's folder is not that of the running commit; False where nobody can tell."""
    tree = _tree_of(service, now.commit)
    try:
        return bool(tree) and Git(service.root).tree(service.folder) != tree
    except GitError:
        return False


def _tree_of(service: Service, commit: str) -> str:
    """Return the hash of the service's folder in a commit, empty where this checkout does not know it."""
    if not COMMIT.fullmatch(commit):
        return ""
    git = Git(service.root)
    try:
        folder = f"{commit}:{git.run('rev-parse', '--show-prefix')}{service.folder}"
        return git.run("rev-parse", folder) if git.succeeds("cat-file", "-e", folder) else ""
    except GitError:
        return ""


def _committed(found: _Found, target: Target) -> dict[str, Json] | None:
    """Return the running revision as the template of its own commit has it; None where that cannot be told."""
    service, now, git = found.service, found.now, Git(found.service.root)
    if now is None or not COMMIT.fullmatch(now.commit):  # none, or uncommitted content
        return None
    try:
        prefix = git.run("rev-parse", "--show-prefix")
        text = git.run("show", f"{now.commit}:{prefix}{service.template}")
        document = Document(service.template, as_object(json.loads(text)), {})
    except (GitError, json.JSONDecodeError):
        return None
    identity = Identity(now.image, now.version, now.commit, complete_secrets(now.definition))
    return render(Template(service, document), identity, target)


def _path(change: str) -> str:
    return change.partition(": ")[0]


def _paths(changes: Iterable[str]) -> frozenset[str]:
    return frozenset(_path(change) for change in changes)


def lines_of(each: Plan) -> list[str]:
    """Return what is told of a service; what was changed by hand and would be undone is told once."""
    name, state = each.state.service.name, each.state
    if state.never_deployed and not each.version:
        return [f"{name:<9} was never deployed: everything is new (give --version to see what)"]
    return [
        f"{name:<9} runs {state.name} ({state.version or 'no version'}); a deploy would {_headline(each)}",
        *_listed(each.own_changes),
        *_listed([_new_image(each)] if each.own_changes and each.new_image else []),
        *_lines_by_hand(each),
        *(f"{'':<9} note: {note}" for note in each.notes),
    ]


def _headline(each: Plan) -> str:
    """Return what follows `a deploy would`."""
    if each.own_changes:
        return "change:"
    if each.new_image:
        return _new_image(each)
    if each.changes:
        return "only undo what was changed by hand"
    return "change nothing"


def _new_image(each: Plan) -> str:
    return f"build a new image: {each.state.service.folder}/ is not that of {each.state.commit[:12]}"


def _lines_by_hand(each: Plan) -> list[str]:
    by_hand = each.by_hand or ()
    undone = [change for change in by_hand if _path(change) in each.undone]
    kept = [change for change in by_hand if _path(change) not in each.undone]
    head = f"{'':<9} changed by hand, not in the template of commit {each.state.commit[:12]}"
    return [
        *([f"{head}; a deploy would undo it:", *_listed(undone)] if undone else []),
        *([f"{head}:", *_listed(kept)] if kept else []),
    ]


def _listed(changes: Iterable[str]) -> list[str]:
    return [f"{'':<9}   {change}" for change in changes]


def _document(each: Plan) -> Json:
    return {
        "service": each.state.service.name,
        "version": each.version,
        "running": {"revision": each.state.name, "version": each.state.version, "commit": each.state.commit},
        "changes": list(each.changes),
        "new_image": each.new_image,
        "changed_by_hand": None if each.by_hand is None else list(each.by_hand),
        "notes": list(each.notes),
    }
