"""plan: what a deploy would change against what runs now, and what of it was changed outside git."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.git import Git, GitError
from tasks.release import registry, revisions
from tasks.release.by_hand import COMMIT, compare, path, paths
from tasks.release.dry_run import UNKNOWN_DIGEST
from tasks.release.service_state import running
from tasks.release.source import inspect
from tasks.release.task_definition import Identity, complete_secrets, load_template, render
from tasks.report import Outcome

if TYPE_CHECKING:
    from tasks.clients import Clients
    from tasks.command import Work
    from tasks.documents import Json
    from tasks.release.revisions import Registered
    from tasks.release.service_state import Running
    from tasks.settings import Service, Settings

CHANGES_FOUND = 11


@dataclass(frozen=True)
class Plan:
    """What a deploy would change of a service.

    `by_hand` are those settings of the running revision that the template of its own commit does not have;
    None where that cannot be told. `undone` are those of the changes that only take these back. `new_image` says,
    where no version is asked for, that the service's folder is not what runs.
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
    template = load_template(service, settings.target)
    state = running(service, clients)
    now = revisions.find(service, state.arn, clients)
    old = now.definition if now else {}
    newest = revisions.find(service, service.family, clients)
    notes: list[str] = []
    if state.deployment and state.deployment.get("rolloutState") == "IN_PROGRESS":
        notes.append(f"a deployment of {state.name} is in progress")
    if newest and newest.arn != state.arn and newest.number > (now.number if now else 0):
        notes.append(f"{newest.label} is registered and does not run")
    if state.desired == 0 and not state.never_deployed:
        notes.append(f"a deploy would be refused: {service.ecs_service} is scaled to 0")
    image, commit = now.image if now else "", state.commit
    if version:
        image, commit, said = _image(service, version, now, clients)
        notes += said
    # the newest revision's secrets, as register itself takes them
    secrets = complete_secrets(newest.definition if newest else {})
    new = render(template, Identity(image, version or state.version, commit, secrets), settings.target)
    compared = compare(template, old, new, settings.target)
    changes = () if state.never_deployed and not version else compared.changes
    new_image = not version and now is not None and _has_other_content(service, now)
    told = (state, version or state.version, changes)
    return Plan(*told, compared.by_hand, tuple(notes), compared.undone, new_image)


def _image(service: Service, version: str, now: Registered | None, clients: Clients) -> tuple[str, str, list[str]]:
    """Return the image a deploy of this checkout would run, the commit it would name, and what to say of it."""
    source = inspect(service, version)
    there = registry.tagged(service, (source.tag, version), clients)
    digest = there.get(source.tag, UNKNOWN_DIGEST)
    notes = [] if digest != UNKNOWN_DIGEST else [f"the image of commit {source.tag[:12]} is not in ECR yet"]
    same = bool(notes) and now is not None and _tree_of(service, now.commit) == source.tree
    if same:
        notes.append(f"{service.folder}/ has the content of the running image")
    if version in there and there[version] != there.get(source.tag, there[version] if same else ""):
        notes.append(f"a deploy would be refused: version {version} is in ECR as another image")
    return f"{clients.target.registry}/{service.repository}@{digest}", source.tag, notes


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


def lines_of(each: Plan) -> list[str]:
    """Return what is told of a service; what was changed by hand and would be undone is told once."""
    name, state = each.state.service.name, each.state
    if state.never_deployed and not each.version:
        return [f"{name:<9} was never deployed: everything is new (give --version to see what)"]
    runs = f"{state.name} ({state.version or 'no version'})"
    own = [change for change in each.changes if change not in each.undone]
    other = f"{state.service.folder}/ is not that of {state.commit[:12]}"
    image = f"build a new image: {other}"
    lines = [f"{name:<9} runs {runs}; a deploy would {image if each.new_image else 'change nothing'}"]
    if own and each.new_image:
        own.append(image)
    if own:
        lines = [f"{name:<9} runs {runs}; a deploy would change:", *(f"{'':<9}   {change}" for change in own)]
    elif each.changes and not each.new_image:
        lines = [f"{name:<9} runs {runs}; a deploy would only undo what was changed by hand"]
    undone, by_hand = paths(each.undone), f"changed by hand, not in the template of commit {state.commit[:12]}"
    for end, is_undone in (("; a deploy would undo it:", True), (":", False)):
        part = [change for change in each.by_hand or () if (path(change) in undone) == is_undone]
        lines += [f"{'':<9} {by_hand}{end}", *(f"{'':<9}   {change}" for change in part)] if part else []
    return [*lines, *(f"{'':<9} note: {note}" for note in each.notes)]


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
