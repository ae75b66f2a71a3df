"""What a failing command does with a diagnosis: say the cause at once, and put the rest into its error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.diagnosis import rules
from tasks.diagnosis.gather import gather
from tasks.errors import GaveUpWaitingError

if TYPE_CHECKING:
    from tasks.clients import Clients
    from tasks.diagnosis.findings import Case
    from tasks.diagnosis.rules import Explanation
    from tasks.errors import DeployError
    from tasks.report import Report


def explain(error: DeployError, case: Case, clients: Clients, report: Report) -> Explanation:
    """Find out why, say it, and put it into the error. Never raises for what AWS answers."""
    with report.stage(case.service.name, "diagnose"):
        found = rules.explain(gather(case, clients))
        if found.diagnosis is None and isinstance(error, GaveUpWaitingError):
            report.say("no failure was seen: the time limit passed first")
            error.evidence = _joined(found.evidence, error.evidence)
            return found
        report.say(f"cause: {found.cause}")
    error.evidence = _joined(found.lines, error.evidence)
    error.fix = found.next_step
    return found


def _joined(found: tuple[str, ...], seen_before: tuple[str, ...]) -> tuple[str, ...]:
    """Return the lines of the diagnosis, then those seen before, without the events that it names already."""
    events = {line.removeprefix("event: ") for line in found}
    return (*found, *(line for line in seen_before if line not in events))
