"""rollback: a service back on a revision that served before; no Docker, no build, the deploy policy alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.command import number
from tasks.diagnosis.explain import explain
from tasks.diagnosis.findings import Case
from tasks.errors import (
    DeployError,
    DeploymentFailedError,
    GaveUpWaitingError,
    SmokeTestError,
    StoppedByUserError,
    UsageError,
)
from tasks.operate import previous
from tasks.operate.previous import Wish
from tasks.release import proof, record, revisions, rollout, way_back
from tasks.release.deployment import Change, update
from tasks.release.difference import differences
from tasks.release.service_state import NeverDeployedError, NothingRunsError, describe, primary, running
from tasks.release.way_back import Back
from tasks.report import Outcome, timing_lines
from tasks.version_number import checked_version

if TYPE_CHECKING:
    from tasks.clients import Clients
    from tasks.command import Work
    from tasks.documents import Json
    from tasks.release.revisions import Registered
    from tasks.release.service_state import Running
    from tasks.report import Report
    from tasks.settings import Service


class WishError(UsageError):
    """The options contradict each other."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem, fix="Give --to=X.Y.Z, or --revision=NUMBER with one service, or neither.")


@dataclass(frozen=True)
class Return:
    """A planned way back of one service: what runs, what is to run, and how they differ."""

    state: Running
    goal: Registered
    changes: tuple[str, ...]

    @property
    def service(self) -> Service:
        """The service that goes back."""
        return self.state.service

    @property
    def runs_already(self) -> bool:
        """Whether the goal is what the service runs, or what it is being brought back to."""
        return self.goal.arn == self.state.arn


def rollback(work: Work, *, to: str = "", revision: str = "") -> Outcome:
    """Find the way back of each service, show it, ask, go it and prove it; what was released last goes first."""
    wish = _wish(work, to, revision)
    timeout, clients = work.timeout, work.connect()
    planned = [plan(service, wish, clients, work.report) for service in reversed(work.services)]
    if work.options.dry_run:
        return _told(work, planned)
    for each in planned:
        for change in each.changes:
            work.report.say(f"{each.service.name:<9}   {change}")
    if work.settings.target.is_production and any(not each.runs_already for each in planned):
        named = ", ".join(f"{each.service.name} to {each.goal.label}" for each in planned)
        work.confirm(f"This rolls back production ({named}, {work.settings.target.account}). Go on?")
    return _done(work, planned, go_all(planned, clients, work.report, timeout))


def go_all(planned: list[Return], clients: Clients, report: Report, timeout: float) -> list[str]:
    """Go each way in order; when one cannot be gone to its end, say which were and which were not begun.

    Raises:
        DeployError: as `go`, with where every other service stands; nobody is brought forward again by itself.
    """
    versions: list[str] = []
    for at, way in enumerate(planned):
        try:
            versions.append(go(way, clients, report, timeout))
        except DeployError as error:
            error.add_evidence(*map(_went, planned[:at]), *map(_not_begun, planned[at + 1 :]))
            raise
    return versions


def _went(way: Return) -> str:
    what = f"{way.service.name} stays at {way.goal.label}, proved"
    if way.runs_already:
        return f"{what}; it ran that before."
    return f"{what}; before it {way.state.name} ran. Back to where it was: {_command_back(way.state)}"


def _not_begun(way: Return) -> str:
    name = way.service.name
    if way.runs_already:
        return f"{name} runs {way.goal.label}, as before; it was not proved."
    there = way_back.command(way.service, way.goal.arn)
    return f"{name} was not touched: it runs {way.state.name}. To roll it back too: {there}"


def plan(service: Service, wish: Wish, clients: Clients, report: Report) -> Return:
    """Find the revision to go to, and how it differs from what runs; changes nothing.

    Raises:
        ServiceMissingError, NeverDeployedError, NothingRunsError: there is no service that could run it.
        DeployError: as `previous.choose`.
    """
    with report.stage(service.name, "compare"):
        state = running(service, clients)
        if state.never_deployed:
            raise NeverDeployedError(service)
        if state.desired == 0:
            raise NothingRunsError(service)
        goal = previous.choose(state, wish, clients, report)
        now = revisions.find(service, state.arn, clients)
        changes = differences(now.definition if now else {}, goal.definition)
        if goal.arn == state.arn:
            report.say(f"{goal.label} is what the service runs")
        else:
            report.say(f"{now.label if now else state.name} -> {goal.label}")
    return Return(state, goal, changes)


def go(way: Return, clients: Clients, report: Report, timeout: float) -> str:
    """Update the service, wait, prove it over HTTP and record it; `timeout` in seconds.

    Returns:
        The version that was seen to serve, empty where the revision bears none.

    Raises:
        RolloutFailedError, TookTooLongError, NotServingError: with what became of it.
        SupersededError: another deployment took over.
        StoppedByUserError: interrupted; says what ECS goes on to do.
    """
    service, goal, name = way.service, way.goal, way.service.name
    try:
        with report.stage(name, "update"):
            identity = _start(way, clients, report)
        with report.stage(name, "rollout"):
            goes = rollout.Rollout(service, identity, goal.arn, goal.version, way.state.arn)
            finished = rollout.wait(goes, clients, report, timeout)
        with report.stage(name, "verify"):
            proof.prove(proof.Finished(goes, finished), clients, report)
            if not goal.version:
                report.say(f"{goal.name} has no version that could be proved")
            _keep(way, clients, report)
    except KeyboardInterrupt as error:
        raise StoppedByUserError(
            f"Interrupted. {service.ecs_service} is on its way to {goal.label}; ECS goes on with it.",
            fix=f"Look: ./inv status. To go on: ./inv rollback --service={name} --revision={goal.number}",
        ) from error
    except (DeploymentFailedError, GaveUpWaitingError, SmokeTestError) as error:
        explain(error, Case(service, goal.arn, goal.version, isinstance(error, SmokeTestError)), clients, report)
        way_back.tell(error, _what_serves(way, clients, report))
        raise
    return goal.version


def _keep(way: Return, clients: Clients, report: Report) -> None:
    """Record that the goal serves, and that nobody wants what was gone back from by itself."""
    service, told = way.service, (clients, report)
    digest, _ = revisions.image_in(service, clients.target, way.goal.image)
    if digest and way.goal.version:
        record.keep_verified(service, way.goal.number, digest, told)
    left = record.number_of(way.state.arn, service.family)
    if left > way.goal.number and (digest := _digest_of(way.state.arn, service, told)):
        record.keep_left(service, left, digest, told)


def _digest_of(arn: str, service: Service, told: tuple[Clients, Report]) -> str:
    """Return the digest of a revision's image in the service's repository, empty where it is not to be had."""
    clients, report = told
    try:
        found = revisions.find(service, arn, clients)
    except DeployError as error:
        report.say(f"not recorded that {arn.rpartition('/')[2]} was rolled back from: {error}")
        return ""
    return revisions.image_in(service, clients.target, found.image)[0] if found else ""


def _start(way: Return, clients: Clients, report: Report) -> str:
    current = way.state.deployment
    if way.runs_already and current:
        report.say(f"{way.goal.name} runs already; nothing to update")
        return current.get("id", "")
    identity = update(way.service, Change(way.goal.arn), clients).get("id", "")
    report.say(f"{way.state.name} -> {way.goal.name}, deployment {identity}")
    return identity


def _what_serves(way: Return, clients: Clients, report: Report) -> Back:
    """Say what runs after a rollback that failed, proved where ECS went back; nothing is updated a second time."""
    service = way.service
    try:
        found = describe(service, clients)
    except DeployError as error:
        return Back(f"What {service.ecs_service} runs now could not be asked: {error}")
    current = primary(found)
    if current and current.get("taskDefinition") == way.state.arn and not way.runs_already:
        told = frozenset(event["id"] for event in found.get("events", []))
        identity, state = current.get("id", ""), way.state
        returned = rollout.Rollout(service, identity, state.arn, state.version, state.arn, told)
        with report.stage(service.name, "way back"):
            back = way_back.prove(returned, clients, report)
        return replace(back, told=f"ECS itself returned to {state.name}. {back.told}")
    counts = [
        f"{each.get('taskDefinition', '').rpartition('/')[2]} {each.get('runningCount', 0)} of "
        f"{each.get('desiredCount', 0)}"
        for each in found.get("deployments", [])
        if each.get("runningCount") or each.get("status") == "PRIMARY"
    ]
    runs = f"{service.ecs_service} runs {', '.join(counts)} tasks."
    return Back(runs if way.runs_already else f"{runs} Back to where it was: {_command_back(way.state)}")


def _command_back(state: Running) -> str:
    service, number = state.service, record.number_of(state.arn, state.service.family)
    if number and state.version:
        return way_back.command(service, state.arn)
    return (
        f"aws ecs update-service --cluster {service.cluster} --service {service.ecs_service} "
        f"--task-definition {state.name}"
    )


def _wish(work: Work, to: str, revision: str) -> Wish:
    if to and revision:
        raise WishError("--to and --revision name two different things.")
    if revision and len(work.services) > 1:
        raise WishError("--revision is a number of one service's own.")
    return Wish(checked_version(to) if to else "", number("--revision", revision) if revision else 0)


def _told(work: Work, planned: list[Return]) -> Outcome:
    lines: list[str] = []
    for each in planned:
        name = each.service.name
        if each.runs_already:
            lines.append(f"{name:<9} would change nothing: {each.goal.label} runs already")
            continue
        lines.append(
            f"{name:<9} would update {each.service.ecs_service} from {each.state.name} to {each.goal.label}"
        )
        lines += [f"{name:<9}   {change}" for change in each.changes]
    services = [_document(each) for each in planned]
    return Outcome({"dry_run": True, "target": work.settings.target.name, "services": services}, tuple(lines))


def _done(work: Work, planned: list[Return], versions: list[str]) -> Outcome:
    lines: list[str] = []
    for each, version in zip(planned, versions, strict=True):
        what = f"version {version} serves, proved over HTTP" if version else "serves; it has no version to prove"
        was = "as before" if each.runs_already else f"before it {each.state.name}"
        if each.state.version and not each.runs_already:
            was += f", version {each.state.version}"
        lines.append(f"{each.service.name:<9} {each.goal.name}: {what} ({was})")
    report, target = work.report, work.settings.target
    document: dict[str, Json] = {
        "target": target.name,
        "url": f"{target.app_url}/",
        "services": [_document(each) for each in planned],
        "elapsed_seconds": round(sum(each.seconds for each in report.timings), 3),
    }
    return Outcome(document, (*lines, *timing_lines(report.timings)))


def _document(way: Return) -> Json:
    return {
        "service": way.service.name,
        "version": way.goal.version,
        "commit": way.goal.commit,
        "digest": way.goal.digest,
        "revision": way.goal.name,
        "before": {"revision": way.state.name, "version": way.state.version},
        "changed": not way.runs_already,
        "changes": list(way.changes),
    }
