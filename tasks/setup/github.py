"""setup.github: the variables and the secret that the workflows read, through gh, or as commands to paste."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks import variables
from tasks.errors import NotReadyError
from tasks.report import Outcome
from tasks.setup import environment, gh, repository
from tasks.setup.aws import DIFFERENT
from tasks.setup.policies import ROLE, ROLE_SECRET, role_arn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tasks.command import Work
    from tasks.documents import Json
    from tasks.settings import Settings
    from tasks.setup.environment import Gap

ENVIRONMENT = "DEPLOY_ENVIRONMENT"


class NoGitHubCommandError(NotReadyError):
    """Comparing needs `gh`."""

    def __init__(self) -> None:
        super().__init__("gh, GitHub's command line, is not installed: nothing can be compared.", fix=gh.INSTALL)


@dataclass(frozen=True)
class Difference:
    """A variable or the secret that is not as it should be; one that is there unwanted is left for a person."""

    name: str
    line: str
    settable: bool = True


def github(work: Work, *, check: bool = False) -> Outcome:
    """Compare, show, ask, set; with `check` only compare, and exit with 11 when something differs.

    Without gh the exact commands are the result.

    Raises:
        UsageError: a variable is missing or malformed, or nothing says which repository this is.
        GitHubError: gh is not logged in, or GitHub refuses.
        NoGitHubCommandError: `check` without gh.
    """
    settings = work.settings
    who = repository.find(settings).full_name
    should = wanted(settings)
    if not gh.is_installed():
        if check:
            raise NoGitHubCommandError
        commands = tuple(_commands(who, should))
        listed: list[Json] = list(commands)
        unseen = _unseen(should, settings)
        return Outcome(
            {"repository": who, "commands": listed}, ("# gh is not installed here; run:", *commands, *unseen)
        )
    hub = gh.GitHub(who)
    opened = environment.gaps(hub, should[ENVIRONMENT], settings.service_names) if ENVIRONMENT in should else ()
    found = (*differences(should, hub.variables(), hub.secrets()), *_of_environment(opened))
    names: list[Json] = [each.name for each in found]
    document: dict[str, Json] = {"repository": who, "differs": bool(found), "differences": names}
    told = tuple(each.line for each in found) or (f"{who} has all {len(should)} variables and {ROLE_SECRET}",)
    told = (*told, *(f"note     {each.what}. {each.fix}" for each in opened if not each.is_open))
    if check or work.options.dry_run:
        return Outcome(document, told, DIFFERENT if check and found else 0)
    if not any(each.settable for each in found):
        return Outcome(document, told)
    for line in told:
        work.report.say(line)
    work.confirm(f"This changes the variables and secrets of {who} on GitHub. Go on?")
    done = _set([each.name for each in found if each.settable], should, hub, role_arn(settings.target.account))
    left = tuple(f"left as it is: {each.line}" for each in found if not each.settable)
    return Outcome(document, (*done, *left))


def wanted(settings: Settings) -> dict[str, str]:
    """Return the variables that the workflows read; raises `UsageError` for one that is missing or malformed."""
    known = {"AWS_REGION": settings.target.region, "AWS_ACCOUNT_ID": settings.target.account}
    for service in settings.select("all"):
        known |= {
            service.variable("ECS_CLUSTER"): service.cluster,
            service.variable("ECS_SERVICE"): service.ecs_service,
            service.variable("ECS_TASK_DEFINITION"): service.family,
            service.variable("ECS_CONTAINER_NAME"): service.container,
            service.variable("ECR_REPOSITORY"): service.repository,
        }
    known["APP_URL"] = settings.variables.get("APP_URL", variables.URL)
    configured = repository.environment(settings)
    return {**known, ENVIRONMENT: configured} if configured else known


def differences(
    should: Mapping[str, str], there: Mapping[str, str], secrets: tuple[str, ...]
) -> tuple[Difference, ...]:
    """Return what is missing or different. Whether the secret is the right one, GitHub tells nobody."""
    found = []
    for name, value in should.items():
        if name not in there:
            found.append(Difference(name, f"+ {name}: {value}"))
        elif there[name] != value:
            found.append(Difference(name, f"~ {name}: {there[name]} -> {value}"))
    if ROLE_SECRET not in secrets:
        found.append(Difference(ROLE_SECRET, f"+ {ROLE_SECRET} (secret)"))
    if ENVIRONMENT in there and ENVIRONMENT not in should:
        # with it, runs send another subject than the trust policy was made for
        line = (
            f"- {ENVIRONMENT}: {there[ENVIRONMENT]} (not set here; set it, or: gh variable delete {ENVIRONMENT})"
        )
        found.append(Difference(ENVIRONMENT, line, settable=False))
    return tuple(found)


def _of_environment(opened: Sequence[Gap]) -> tuple[Difference, ...]:
    """Return what lets others into the Environment: for a person, because it is theirs to say who may deploy."""
    return tuple(
        Difference("Environment", f"! {each.what}; to close it: {each.fix}", settable=False)
        for each in opened
        if each.is_open
    )


def _unseen(should: Mapping[str, str], settings: Settings) -> tuple[str, ...]:
    if ENVIRONMENT not in should:
        return ()
    listed = ", ".join(environment.patterns(settings.service_names))
    return (
        f"# and see that the Environment {should[ENVIRONMENT]} accepts the tags {listed} alone (docs/runbook.md)",
    )


def _set(names: Sequence[str], should: Mapping[str, str], hub: gh.GitHub, arn: str) -> tuple[str, ...]:
    for name in names:
        if name == ROLE_SECRET:
            hub.set_secret(name, arn)
        else:
            hub.set_variable(name, should[name])
    return tuple(f"set {name}" for name in names)


def _commands(who: str, should: Mapping[str, str]) -> Iterator[str]:
    for name, value in should.items():
        yield shlex.join(("gh", *gh.set_variable(who, name, value)))
    # piped, so that the value is in no command line
    read = ("aws", "iam", "get-role", "--role-name", ROLE, "--query", "Role.Arn", "--output", "text")
    yield f"{shlex.join(read)} | {shlex.join(('gh', *gh.set_secret(who, ROLE_SECRET)))}"
