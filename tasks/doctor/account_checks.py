"""doctor, for what is not one service's: Docker, the deploy role and whom it lets in, GitHub's variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.doctor.finding import Finding, ok
from tasks.sdk_errors import asking_docker
from tasks.setup import aws, environment, gh, github, policies, repository, role, trust
from tasks.setup.policies import ROLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks.clients import Clients
    from tasks.doctor.finding import Verdict
    from tasks.documents import Json
    from tasks.settings import Settings
    from tasks.setup.policies import Repository

PLATFORM = ("linux", "amd64")
NAMES = {"x86_64": "amd64", "aarch64": "arm64"}
VERSION = "0.0.0"
GITHUB = "github"
SHOWN = 5  # differences in one line


def docker(clients: Clients) -> Iterator[Finding]:
    """Whether an engine answers, and builds for the platform that Fargate runs."""
    with asking_docker("looking for the Docker Engine"):
        found = clients.docker.version()
    yield platform(str(found.get("Os", "")), str(found.get("Arch", "")), str(found.get("Version", "")))


def platform(system: str, machine: str, version: str) -> Finding:
    """Return whether an engine's own platform is the images'."""
    machine = NAMES.get(machine, machine)
    shown = f"Docker Engine {version}, {system}/{machine}"
    if (system, machine) == PLATFORM:
        return ok("docker", shown)
    if system != PLATFORM[0]:
        return Finding(
            "FAIL", "docker", f"{shown}; images are for linux/amd64", "Switch Docker to Linux containers."
        )
    return Finding(
        "WARN",
        "docker",
        f"{shown}: builds for linux/amd64 are emulated, which is slow",
        "If a build says 'exec format error': docker run --privileged --rm tonistiigi/binfmt --install amd64",
    )


def deploy_role(settings: Settings, clients: Clients) -> Iterator[Finding]:
    """Whether GitHub's runs are let in, nobody else is, and the role may do what a deploy does."""
    # a deploy from a laptop, and any into the embedded cloud, goes without the role
    verdict: Verdict = "FAIL" if settings.target.name == "aws" else "WARN"
    try:
        repository.find(settings)
    except repository.RepositoryUnknownError as error:
        yield Finding("SKIPPED", "deploy role", str(error), error.fix)
        return
    found = role.look(clients)
    who = aws.known_repository(settings, found, ask_gh=False)
    wanted = aws.wanted(settings, who, with_diagnose=False)
    fix = f"./inv setup.aws --target={settings.target.name}"
    for step in role.plan(wanted, found, clients):
        if step.state == "create":
            yield Finding(verdict, "deploy role", f"there is no {step.what}", fix)
        elif step.state == "change":
            yield Finding(verdict, "deploy role", f"{step.what}: {_some(step.lines)}", fix)
        elif not step.kept:
            yield ok("deploy role", step.what)
        if step.kept:
            what = f"{step.what} has more than aws/iam says: {_some(step.kept)}"
            yield Finding("WARN", "deploy role", what, "Judge it; if it is not needed, take it out in IAM.")
    if found.exists:
        yield from subjects(settings, who, found.trust)


def subjects(settings: Settings, who: Repository, policy: Mapping[str, Json]) -> Iterator[Finding]:
    """Whether the role lets in what GitHub would send, in both forms, and refuses what it must."""
    account, configured = settings.target.account, repository.environment(settings)
    others = trust.others(policy, account)
    if others:
        what = f"lets in others than GitHub: {_listed(others)}"
        fix = f"Take them out of the trust policy of {ROLE} in IAM; aws/iam/README.md says whom it should let in."
        yield Finding("FAIL", "trust policy", what, fix)
    endings = (
        [f"environment:{policies.environment_in_subject(configured)}"]
        if configured
        else [f"ref:refs/tags/{name}-v{VERSION}" for name in settings.service_names]
    )
    for ending in endings:
        sent = who.subjects(ending)
        refused = [each for each in sent if not trust.lets_in(policy, each, account)]
        if not refused:
            yield ok("trust policy", f"lets in {' and '.join(sent)}")
        elif len(refused) == len(sent):
            fix = f"./inv setup.aws --target={settings.target.name}"
            yield Finding("FAIL", "trust policy", f"refuses what GitHub sends: {' and '.join(refused)}", fix)
        else:
            what = f"refuses {refused[0]}; deploys go on while GitHub sends the other form"
            yield Finding("WARN", "trust policy", what, f"./inv setup.aws --target={settings.target.name}")
    for stranger in _strangers(who, settings.service_names[0], configured):
        if trust.may_let_in(policy, stranger, account):
            certain = trust.lets_in(policy, stranger, account)
            what = f"{'lets' if certain else 'may let'} in {stranger}, which must not deploy"
            fix = (
                "aws/iam/README.md says why not; the entry is shown by: "
                f"./inv setup.aws --target={settings.target.name} --check"
            )
            yield Finding("FAIL", "trust policy", what, fix)


def github_variables(settings: Settings) -> Iterator[Finding]:
    """Whether the workflows find what they read, and the Environment lets in whom it should."""
    if settings.target.name != "aws":
        yield Finding("SKIPPED", GITHUB, "its variables are production's", "./inv doctor --target=aws")
        return
    if not gh.is_installed():
        yield Finding("SKIPPED", GITHUB, "gh, GitHub's command line, is not installed", gh.INSTALL)
        return
    hub, should = gh.GitHub(repository.find(settings).full_name), github.wanted(settings)
    for look in (_variables, _environment):
        try:
            yield from tuple(look(settings, hub, should))
        except gh.GitHubError as error:  # says nothing about what is there, and a deploy from here needs no gh
            yield Finding("SKIPPED", GITHUB, f"not looked at: {error}", error.fix)


def _variables(_: Settings, hub: gh.GitHub, should: Mapping[str, str]) -> Iterator[Finding]:
    found = github.differences(should, hub.variables(), hub.secrets())
    for each in found:
        fix = "./inv setup.github" if each.settable else f"Set it, or: gh variable delete {each.name}"
        yield Finding("FAIL", GITHUB, each.line, fix)
    if not found:
        yield ok(GITHUB, f"{hub.repository}: {len(should)} variables and the secret {policies.ROLE_SECRET}")


def _environment(settings: Settings, hub: gh.GitHub, _: Mapping[str, str]) -> Iterator[Finding]:
    name = repository.environment(settings)
    if not name:
        return
    opened = environment.gaps(hub, name, settings.service_names)
    for each in opened:
        yield Finding("FAIL" if each.is_open else "WARN", GITHUB, each.what, each.fix)
    if not any(each.is_open for each in opened):
        listed = " and ".join(environment.patterns(settings.service_names))
        yield ok(GITHUB, f"the Environment {name} accepts the tags {listed} alone")


def _strangers(who: Repository, service: str, configured: str) -> list[str]:
    """Return runs of this and of other repositories that must never get in."""
    plain = f"repo:{who.full_name}"
    tag = f"ref:refs/tags/{service}-v{VERSION}"
    listed = [
        f"{plain}:ref:refs/heads/main",
        f"{plain}:pull_request",
        f"{plain}:environment:any",
        f"repo:{who.owner}/{who.name}-other:{tag}",
        f"repo:{who.owner}-other/{who.name}:{tag}",
        f"repo:{who.owner}@1/{who.name}@1:{tag}",
    ]
    return [*listed, *who.subjects(tag)] if configured else listed


def _some(lines: tuple[str, ...]) -> str:
    return f"{_listed(lines)} ({ROLE})"


def _listed(lines: tuple[str, ...]) -> str:
    rest = f", and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    return f"{'; '.join(lines[:SHOWN])}{rest}"
