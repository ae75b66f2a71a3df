"""The rules in the order in which they are asked; the first that knows the cause names it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.diagnosis import exit_rules, health_rules, serving_rules, start_rules

if TYPE_CHECKING:
    from tasks.diagnosis.findings import Findings
    from tasks.diagnosis.verdict import Diagnosis

POLICY = "aws/iam/diagnose-policy.json"
# What keeps a task from starting is told in so many words, and is surest. An exit code comes next. Health and
# HTTP can only be read together with the log. That an old task was killed is a remark, not a cause.
RULES = (*start_rules.RULES, *exit_rules.RULES, *health_rules.RULES, *serving_rules.RULES)


@dataclass(frozen=True)
class Explanation:
    """A diagnosis together with all that was seen, ready to be shown."""

    diagnosis: Diagnosis | None
    evidence: tuple[str, ...]
    next_step: str

    @property
    def name(self) -> str:
        """The cause's name in docs/failures.md, empty when it is not known."""
        return self.diagnosis.name if self.diagnosis else ""

    @property
    def cause(self) -> str:
        """The cause in a sentence."""
        return self.diagnosis.cause if self.diagnosis else "not known from what could be asked."

    @property
    def lines(self) -> tuple[str, ...]:
        """The cause and its evidence."""
        where = f" (docs/failures.md#{self.name})" if self.name else ""
        return (f"cause: {self.cause}{where}", *self.evidence)


def explain(findings: Findings) -> Explanation:
    """Judge the findings; pure."""
    found = next((each for each in (rule(findings) for rule in RULES) if each), None)
    newest = findings.newest
    seen = (
        *(found.evidence if found else ()),
        *(newest.lines if newest else ()),
        *findings.last_words,
        *(f"not known: {gap}" for gap in findings.gaps),
    )
    if found:
        return Explanation(found, tuple(dict.fromkeys(seen)), found.next_step)
    events = tuple(f"event: {event}" for event in findings.events[:3])
    name = findings.service.name
    step = f"Look closer: ./inv events --service={name}; ./inv logs --service={name}"
    if findings.gaps:
        step = (
            f"Give the role the read-only policy {POLICY}, then: ./inv diagnose --service={findings.service.name}"
        )
    return Explanation(None, tuple(dict.fromkeys((*seen, *events))), step)
