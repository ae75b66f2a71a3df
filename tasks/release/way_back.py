"""When a deployment failed: the revision that ran before, running and proved again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import WAY_BACK_FAILED, DeployError
from tasks.release import rollout, smoke
from tasks.release.deployment import Change, update
from tasks.release.service_state import describe, primary

if TYPE_CHECKING:
    from tasks.clients import Clients
    from tasks.release.deployment import Deployment
    from tasks.report import Report


# Not the deploy's own limit: a version that ran before is waited for even where the new one got a second.
LIMIT_SECONDS = 600.0


@dataclass(frozen=True)
class Back:
    """One sentence that says what serves now; `failed` when nothing is proved to."""

    told: str
    failed: bool = False


def restore(failed: Deployment, clients: Clients, report: Report, limit: float = LIMIT_SECONDS) -> Back:
    """Return the service to what ran before, unless ECS has done so, and prove it; `limit` in seconds.

    A way back that fails too is told, never raised: the first error is the one to act on.
    """
    before = failed.before
    try:
        if before.never_deployed:
            update(failed.service, Change(before.arn, desired=0), clients)
            return Back("It was the service's first deploy: it is back at 0 tasks.")
        found = describe(failed.service, clients)
        told = frozenset(event["id"] for event in found.get("events", []))
        current = primary(found) or {}
        serving = current.get("taskDefinition", failed.revision.arn)
        if serving not in (before.arn, failed.revision.arn):
            return Back(f"Nothing was rolled back: {serving.rpartition('/')[2]} was deployed meanwhile.")
        if serving != before.arn:
            report.say(f"returning to {before.name}")
            current = primary(update(failed.service, Change(before.arn), clients)) or {}
        back = rollout.Rollout(failed.service, current.get("id", ""), before.arn, before.version, before.arn, told)
        rollout.wait(back, clients, report, limit)
        if not before.version:
            return Back(f"{before.name} runs again; it bears no version that could be proved over HTTP.")
        smoke.verify(smoke.Expected(failed.service, before.version), clients, report)
    except DeployError as error:
        return Back(f"The way back to {before.name} failed too: {error} {error.fix}", failed=True)
    except KeyboardInterrupt:
        return Back(
            f"Interrupted on the way back: ECS goes on bringing {before.name} up; nothing proved it yet. "
            f"Look: ./inv status --service={failed.service.name}",
            failed=True,
        )
    return Back(f"Version {before.version} serves again, proved over HTTP.")


def tell(error: DeployError, back: Back) -> None:
    """Put what became of the service into a deploy's error; its exit code says if nothing is proved to serve."""
    error.add_evidence(back.told)
    if back.failed:
        error.exit_code = WAY_BACK_FAILED


def left(failed: Deployment, clients: Clients) -> str:
    """Say what runs where nothing is to be rolled back: ECS's own circuit breaker does not ask."""
    before = failed.before
    try:
        serving = describe(failed.service, clients)["taskDefinition"]
    except DeployError as error:
        return (
            f"Nothing was rolled back, as asked; before it, {before.name} ran. What runs now is not known: {error}"
        )
    if serving == before.arn:
        version = f", version {before.version}" if before.version else ""
        return (
            f"Nothing was rolled back here, as asked, but ECS itself went back to {before.name}{version}: "
            "its circuit breaker does not ask."
        )
    return f"Nothing was rolled back, as asked: {serving.rpartition('/')[2]} stays; before it, {before.name} ran."
