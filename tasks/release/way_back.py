"""When a deployment failed: the revision that ran before, running and proved again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.errors import DeployError
from tasks.release import rollout, smoke
from tasks.release.deployment import Change, update
from tasks.release.service_state import describe, primary

if TYPE_CHECKING:
    from tasks.clients import Clients
    from tasks.release.deployment import Deployment
    from tasks.report import Report


# Not the deploy's own limit: a version that ran before is waited for even where the new one got a second.
LIMIT_SECONDS = 600.0


def restore(failed: Deployment, clients: Clients, report: Report, limit: float = LIMIT_SECONDS) -> str:
    """Return the service to what ran before, unless ECS has done so, and prove it; `limit` in seconds.

    Returns:
        One sentence that says what serves now. A way back that fails too is told in it, never raised: the
        first error is the one to act on.
    """
    before = failed.before
    try:
        if before.never_deployed:
            update(failed.service, Change(before.arn, desired=0), clients)
            return "It was the service's first deploy: it is back at 0 tasks."
        found = describe(failed.service, clients)
        told = frozenset(event["id"] for event in found.get("events", []))
        current = primary(found) or {}
        serving = current.get("taskDefinition", failed.revision.arn)
        if serving not in (before.arn, failed.revision.arn):
            return f"Nothing was rolled back: {serving.rpartition('/')[2]} was deployed meanwhile."
        if serving != before.arn:
            report.say(f"returning to {before.name}")
            current = primary(update(failed.service, Change(before.arn), clients)) or {}
        back = rollout.Rollout(failed.service, current.get("id", ""), before.arn, before.version, before.arn, told)
        rollout.wait(back, clients, report, limit)
        if not before.version:
            return f"{before.name} runs again; it bears no version that could be proved over HTTP."
        smoke.verify(smoke.Expected(failed.service, before.version), clients, report)
    except DeployError as error:
        return f"The way back to {before.name} failed too: {error} {error.fix}"
    except KeyboardInterrupt:
        return (
            f"Interrupted on the way back: ECS goes on bringing {before.name} up; nothing proved it yet. "
            f"Look: ./inv status --service={failed.service.name}"
        )
    return f"Version {before.version} serves again, proved over HTTP."


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
