"""When a deployment failed: the revision that ran before, running and proved again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.errors import WAY_BACK_FAILED, DeployError, DeploymentFailedError, SupersededError
from tasks.release import proof, record, revisions, rollout
from tasks.release.deployment import Change, update
from tasks.release.service_state import describe, primary

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import DeploymentTypeDef

    from tasks.clients import Clients
    from tasks.release.deployment import Deployment
    from tasks.release.rollout import Rollout
    from tasks.release.service_state import Running
    from tasks.report import Report
    from tasks.settings import Service


# Not the deploy's own limit: a version that ran before is waited for even where the new one got a second.
LIMIT_SECONDS = 600.0


@dataclass(frozen=True)
class Back:
    """One sentence that says what serves now; `failed`: nothing is proved to, `returned`: what ran before is."""

    told: str
    failed: bool = False
    returned: bool = False


def before(failed: Deployment, clients: Clients) -> Running | None:
    """Return what ran before a deployment, None where nobody knows.

    Whoever picks a deployment up may find nothing else running any more: then its first run's record is asked.

    Raises:
        DeployError: AWS cannot be asked.
    """
    service, now = failed.service, failed.before
    if not (failed.adopted and now.arn == failed.revision.arn):
        return now
    number = record.deployed_over(service, record.number_of(now.arn, service.family), clients)
    found = revisions.find(service, f"{service.family}:{number}", clients) if number else None
    if found is None or not found.is_active:
        return None
    return replace(now, arn=found.arn, version=found.version, commit=found.commit)


def restore(failed: Deployment, clients: Clients, report: Report, limit: float = LIMIT_SECONDS) -> Back:
    """Return the service to what ran before, unless ECS has done so, and prove it; `limit` in seconds.

    A way back that fails too is told, never raised: the first error is the one to act on.
    """
    name = failed.before.name
    try:
        to = before(failed, clients)
        if to is None:
            return Back(_unknown(failed), failed=True)
        name = to.name
        found = describe(failed.service, clients)
        told = frozenset(event["id"] for event in found.get("events", []))
        current = primary(found) or {}
        serving = current.get("taskDefinition", failed.revision.arn)
        if serving not in (to.arn, failed.revision.arn):
            return Back(f"Nothing was rolled back: {serving.rpartition('/')[2]} was deployed meanwhile.")
        if to.never_deployed:
            update(failed.service, Change(to.arn, desired=0), clients)
            return Back("It was the service's first deploy: it is back at 0 tasks.")
        if serving != to.arn:
            report.say(f"returning to {to.name}")
            current = update(failed.service, Change(to.arn), clients)
    except DeployError as error:
        return Back(_failed_too(name, error), failed=True)
    except KeyboardInterrupt:
        return Back(f"Interrupted on the way back to {name}. {_look(failed.service)}", failed=True)
    back = rollout.Rollout(failed.service, current.get("id", ""), to.arn, to.version, to.arn, told)
    return prove(back, clients, report, limit)


def prove(back: Rollout, clients: Clients, report: Report, limit: float = LIMIT_SECONDS) -> Back:
    """Wait until what a service returns to runs, and prove it over HTTP; `limit` in seconds. Never raises.

    ECS's circuit breaker returns to the same revision by itself, before us, at once, or after us, in a deployment
    of its own that takes over: whichever brings the revision up is followed. See
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
    """
    try:
        proof.prove(_follow(back, clients, report, clients.clock() + limit), clients, report)
    except DeployError as error:
        return Back(_failed_too(back.name, error), failed=True)
    except KeyboardInterrupt:
        return Back(
            f"Interrupted on the way back: ECS goes on bringing {back.name} up; nothing proved it yet. "
            f"{_look(back.service)}",
            failed=True,
        )
    if not back.version:
        told = f"{back.name} runs again and answers 200; it has no version that could be proved over HTTP."
        return Back(told, returned=True)
    return Back(f"Version {back.version} serves again, proved over HTTP.", returned=True)


def tell(error: DeployError, back: Back) -> None:
    """Put what became of the service into a deploy's error; its exit code says if nothing is proved to serve."""
    error.add_evidence(back.told)
    if back.failed:
        error.exit_code = WAY_BACK_FAILED


def left(failed: Deployment, clients: Clients) -> str:
    """Say what runs where nothing is to be rolled back, and how to go back: ECS's circuit breaker does not ask."""
    was = failed.before
    try:
        found = before(failed, clients)
        state = describe(failed.service, clients)
    except DeployError as error:
        return f"Nothing was rolled back, as asked; before it, {was.name} ran. What runs now is not known: {error}"
    if found is None:
        return f"Nothing was rolled back, as asked. {_unknown(failed)}"
    serving = state["taskDefinition"]
    if serving == found.arn != failed.revision.arn:
        version = f", version {found.version}" if found.version else ""
        return (
            f"Nothing was rolled back here, as asked, but ECS itself went back to {found.name}{version}: "
            "its circuit breaker does not ask."
        )
    breaker = state.get("deploymentConfiguration", {}).get("deploymentCircuitBreaker", {})
    unless = ", unless ECS's circuit breaker goes back by itself" if breaker.get("rollback") else ""
    name = serving.rpartition("/")[2]
    stays = f"Nothing was rolled back, as asked: {name} stays{unless}; before it, {found.name} ran."
    return f"{stays} To go back: {command(failed.service, found.arn)}" if found.version else stays


def command(service: Service, arn: str) -> str:
    """Return the command that goes to a revision."""
    return f"./inv rollback --service={service.name} --revision={arn.rpartition(':')[2]}"


def _follow(back: Rollout, clients: Clients, report: Report, deadline: float) -> proof.Finished:
    """Wait for a deployment, or for whichever takes over with the same revision; return it and how it ended."""
    seen = {back.id}
    while True:
        try:
            return proof.Finished(back, rollout.wait(back, clients, report, max(0.0, deadline - clients.clock())))
        except (DeploymentFailedError, SupersededError):
            current = primary(describe(back.service, clients))
            if not current or not _takes_over(current, back, seen):
                raise
            seen.add(current.get("id", ""))
            back = replace(back, id=current.get("id", ""))
            report.say(f"following ECS's own deployment of {back.name}, {back.id}")


def _takes_over(current: DeploymentTypeDef, back: Rollout, seen: set[str]) -> bool:
    same = current.get("taskDefinition") == back.arn and current.get("id") not in seen
    return same and current.get("rolloutState") != "FAILED"


def _failed_too(name: str, error: DeployError) -> str:
    return f"The way back to {name} failed too: {error} {error.fix}"


def _unknown(failed: Deployment) -> str:
    service = failed.service
    return (
        f"An earlier run started this deployment of {failed.rollout.name}, and what ran before it is not "
        f"recorded: it stays. See which revisions there are: ./inv history --service={service.name}; "
        f"then: ./inv rollback --service={service.name} --revision=NUMBER"
    )


def _look(service: Service) -> str:
    return f"Look: ./inv status --service={service.name}"
