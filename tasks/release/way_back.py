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


def restore(failed: Deployment, clients: Clients, report: Report, timeout: float) -> str:
    """Return the service to what ran before, unless ECS has done so, and prove it.

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
        rollout.wait(back, clients, report, timeout)
        if not before.version:
            return f"{before.name} runs again; it bears no version that could be proved over HTTP."
        smoke.verify(smoke.Expected(failed.service, before.version), clients, report)
    except DeployError as error:
        return f"The way back to {before.name} failed too: {error} {error.fix}"
    return f"Version {before.version} serves again, proved over HTTP."
