"""diagnose: why a service's last deployment failed, asked at any time; changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.command import number
from tasks.diagnosis import rules
from tasks.diagnosis.findings import Case
from tasks.diagnosis.gaps import Gaps
from tasks.diagnosis.gather import failed_revision, gather, taken_back_revision
from tasks.diagnosis.verdict import Diagnosis
from tasks.errors import UsageError
from tasks.release.record import number_of, verified_among
from tasks.release.service_state import NothingRunsError, describe, running
from tasks.release.task_definition import VERSION_VARIABLE, described, environment_of
from tasks.report import Outcome

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import ServiceTypeDef

    from tasks.clients import Clients
    from tasks.command import Work
    from tasks.diagnosis.findings import Findings
    from tasks.diagnosis.rules import Explanation
    from tasks.documents import Json
    from tasks.release.service_state import Running
    from tasks.settings import Service


class OneRevisionError(UsageError):
    """A revision is a number of one service's own."""

    def __init__(self) -> None:
        super().__init__("--revision is a number of one service's own.", fix="Name one service with --service.")


def diagnose(work: Work, *, revision: str = "") -> Outcome:
    """Explain each service's failed revision, or say that nothing is wrong with the one that runs."""
    wanted = number("--revision", revision) if revision else 0
    if wanted and len(work.services) != 1:
        raise OneRevisionError
    clients = work.connect()
    lines: list[str] = []
    services: list[Json] = []
    for service in work.services:
        with work.report.stage(service.name, "diagnose"):
            looked_at = case(service, wanted, clients)
            findings = gather(looked_at, clients)
            found = unless_scaled_to_zero(rules.explain(findings), looked_at, clients)
            remarks = remarks_on(looked_at, clients, failed=bool(found.diagnosis))
        lines += [*_told(findings, found), *(f"  {each}" for each in remarks)]
        services.append(_document(findings, found, remarks))
    return Outcome({"target": work.settings.target.name, "services": services}, tuple(lines))


def case(service: Service, wanted: int, clients: Clients) -> Case:
    """Return the revision to look at: the one wanted, else what failed or was taken back last, else what runs."""
    state = describe(service, clients)
    current = state["taskDefinition"]
    taken_back = Gaps().unless(lambda: _taken_back(service, state, clients), "")
    if wanted:
        arn = f"{current.rpartition(':')[0]}:{wanted}"
    else:
        failed = Gaps().unless(lambda: failed_revision(service, state, clients), "")
        arn = max(failed, taken_back, key=lambda each: number_of(each, service.family)) or current
    version = environment_of(described(arn, clients) or {}, service.container).get(VERSION_VARIABLE, "")
    serves = arn == current and state.get("desiredCount", 0) > 0
    return Case(service, arn, version, asks_http=serves, taken_back=arn != current and arn == taken_back)


def _taken_back(service: Service, state: ServiceTypeDef, clients: Clients) -> str:
    """Return the revision that ran last and was never verified; what was, somebody rolled back from."""
    arn = taken_back_revision(service, state, clients)
    number = number_of(arn, service.family)
    return "" if number in verified_among(service, [number], clients) else arn


def remarks_on(case: Case, clients: Clients, *, failed: bool) -> tuple[str, ...]:
    """Return what to know beside it: what runs now, and a newer revision that ECS itself has nothing against.

    What runs is told where it is another revision, or where the diagnosis is of a task that `failed` earlier.
    """
    service = case.service
    runs, newest = running(service, clients), described(service.family, clients) or {}
    told = []
    if runs.arn != case.arn or (failed and runs.desired):
        told.append(_now(runs, clients))
    newer = str(newest.get("taskDefinitionArn", ""))
    if number_of(newer, service.family) > number_of(case.arn, service.family) and newer != runs.arn:
        version = environment_of(newest, service.container).get(VERSION_VARIABLE, "unknown")
        told.append(
            f"newer: {newer.rpartition('/')[2]}, version {version}, does not run: it failed over HTTP, was taken "
            f"back, or never started: ./inv diagnose --service={service.name} --revision={newest.get('revision')}"
        )
    return tuple(told)


def _now(runs: Running, clients: Clients) -> str:
    version = f", version {runs.version}" if runs.version else ""
    tasks = (runs.deployment or {}).get("runningCount", 0)
    if tasks < runs.desired:
        return f"now: {runs.name}{version}, with {tasks} of {runs.desired} tasks running"
    if not runs.desired:
        return f"now: {runs.name}{version}, scaled to 0 tasks"
    path = runs.service.health_path
    answer = clients.http.get(f"{clients.target.app_url}{path}")
    said = f"{path} answers {answer.status}" if answer.status else f"{path} does not answer"
    return f"now: {runs.name} runs{version}; {said}"


def unless_scaled_to_zero(found: Explanation, case: Case, clients: Clients) -> Explanation:
    """Return the explanation, or, where nothing else is known, that the service was scaled to zero."""
    service = case.service
    state = running(service, clients)
    if found.diagnosis or state.desired or state.never_deployed:
        return found
    cause = "The service is scaled to 0 tasks: nothing of it runs."
    scaled = Diagnosis("desired-count-zero", cause, NothingRunsError(service).fix)
    return replace(found, diagnosis=scaled, next_step=scaled.next_step)


def _told(findings: Findings, found: Explanation) -> list[str]:
    case = findings.case
    name = f"{case.service.name:<9} {case.arn.rpartition('/')[2]}"
    name += f", version {case.version}" if case.version else ""
    if _is_well(findings, found):
        return [f"{name}: nothing is wrong", *(f"  | {findings.probe.line}" for _ in (1,) if findings.probe)]
    return [name, *(f"  | {line}" for line in found.lines), f"  next: {found.next_step}"]


def _is_well(findings: Findings, found: Explanation) -> bool:
    answers = findings.probe is not None and findings.probe.status == 200
    return found.diagnosis is None and answers


def _document(findings: Findings, found: Explanation, remarks: tuple[str, ...]) -> Json:
    return {
        "service": findings.service.name,
        "revision": findings.case.arn.rpartition("/")[2],
        "version": findings.case.version,
        "well": _is_well(findings, found),
        "failure": found.name,
        "cause": "" if _is_well(findings, found) else found.cause,
        "evidence": list(found.evidence),
        "next_step": "" if _is_well(findings, found) else found.next_step,
        "remarks": list(remarks),
    }
