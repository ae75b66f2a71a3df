"""doctor: everything a deploy depends on, looked at side by side, and how to fix what is not as it should be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from tasks import identity
from tasks.clients import Clients
from tasks.doctor import account_checks, credential_checks, definition_checks, service_checks
from tasks.doctor.finding import Check, Finding, ok
from tasks.embedded import cloud
from tasks.report import Outcome
from tasks.sdk_errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tasks.command import Work
    from tasks.documents import Json
    from tasks.settings import Service, Settings

NOT_READY = 3
THREADS = 12
VERDICTS = ("FAIL", "WARN", "SKIPPED", "OK")


def doctor(work: Work, *, named: str = "all") -> Outcome:
    """Look at everything that the services `named` need, and change nothing; exits with 3 when something fails.

    Raises:
        UsageError: a file or a variable is malformed, so that nobody could know what to look for.
    """
    settings = work.settings
    services = settings.select(named)
    clients = Clients(settings.target)
    began = clients.clock()
    findings = examine(settings, services, clients)
    counts: dict[str, Json] = {each: sum(found.verdict == each for found in findings) for each in VERDICTS}
    failed = bool(counts["FAIL"])
    seconds = clients.clock() - began
    document: dict[str, Json] = {
        "ok": not failed,
        "target": settings.target.name,
        "seconds": round(seconds, 2),
        "counts": counts,
        "findings": [
            {"verdict": each.verdict, "where": each.where, "what": each.what, "fix": each.fix} for each in findings
        ],
    }
    told = ", ".join(f"{number} {verdict}" for verdict, number in counts.items() if number)
    return Outcome(document, (*lines(findings), f"{told} in {seconds:.1f} s"), NOT_READY if failed else 0)


def examine(settings: Settings, services: Sequence[Service], clients: Clients) -> tuple[Finding, ...]:
    """Return what was found, in the order of the checks, each thing once."""
    with ThreadPoolExecutor(THREADS) as pool:
        # what needs no AWS begins while boto3 is still being loaded
        docker, *local = [pool.submit(each.run) for each in _here(settings, clients)]
        identity_found = Check("identity", partial(_identity, settings, clients)).run()
        if any(each.verdict == "FAIL" for each in identity_found):
            asked = [Finding("SKIPPED", "everything in AWS", "not asked: see identity")]
        else:
            _prepare(clients)
            running = [pool.submit(each.run) for each in _there(settings, services, clients)]
            asked = [found for each in running for found in each.result()]
        others = [found for each in local for found in each.result()]
    return tuple(dict.fromkeys((*docker.result(), *identity_found, *asked, *others)))


def lines(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the findings, each with what fixes it under it."""
    width = max(len(each.where) for each in findings)
    told: list[str] = []
    for each in findings:
        told.append(f"{each.verdict:<7}  {each.where:<{width}}  {each.what}")
        if each.fix:
            told.append(f"{'':<7}  {'':<{width}}  fix: {each.fix}")
    return tuple(told)


def _here(settings: Settings, clients: Clients) -> Iterator[Check]:
    yield Check("docker", partial(account_checks.docker, clients))
    yield Check("github", partial(account_checks.github_variables, settings))
    yield Check("credentials", partial(credential_checks.files, settings.root))
    yield Check("credentials", partial(credential_checks.contents, settings.root))


def _there(settings: Settings, services: Sequence[Service], clients: Clients) -> Iterator[Check]:
    for service in services:
        for name, look in (
            ("repository", service_checks.repository),
            ("service", service_checks.ecs),
            ("task definition", definition_checks.definition),
        ):
            yield Check(f"{service.name} {name}", partial(look, service, clients))
    yield Check("deploy role", partial(account_checks.deploy_role, settings, clients))


def _identity(settings: Settings, clients: Clients) -> Iterator[Finding]:
    """Whose credentials these are; a finding of its own, so the command's explanation must be given here."""
    local = settings.target.name == "local"
    if local:
        cloud.require_ours(settings)
    try:
        caller = identity.check(clients)
    except UnreachableError:
        if local:
            cloud.require_running(settings)
        raise
    place = settings.target.endpoint_url or "AWS"
    yield ok("identity", f"{caller} of account {settings.target.account}, {settings.target.region}, at {place}")


def _prepare(clients: Clients) -> None:
    """Make every client before the threads do: boto3's session may not make two at once.

    https://docs.aws.amazon.com/boto3/latest/guide/resources.html#multithreading-or-multiprocessing-with-resources
    """
    _ = clients.ecr, clients.ecs, clients.iam, clients.secretsmanager, clients.logs, clients.elbv2, clients.ec2
    _ = clients.http
