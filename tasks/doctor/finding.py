"""What a check found, and how a check that may not ask, or that fails itself, becomes a finding too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tasks.errors import DeployError
from tasks.sdk_errors import AccessDeniedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Verdict = Literal["OK", "WARN", "FAIL", "SKIPPED"]


@dataclass(frozen=True)
class Finding:
    """One fact; `fix` is the command, or the step, that fixes it."""

    verdict: Verdict
    where: str
    what: str
    fix: str = ""


@dataclass(frozen=True)
class Check:
    """Something to look at. `where` names it when it cannot be looked at."""

    where: str
    look: Callable[[], Iterable[Finding]]

    def run(self) -> tuple[Finding, ...]:
        """Look; an error of AWS, Docker, git or a file is a finding, a defect of the tool keeps its traceback."""
        try:
            return tuple(self.look())
        except AccessDeniedError as error:
            return (skipped(self.where, error),)
        except DeployError as error:
            return (Finding("FAIL", self.where, str(error), error.fix),)


def skipped(where: str, error: AccessDeniedError) -> Finding:
    """Say which permission is missing to look at something."""
    action = error.action or "to look at it"
    what = f"not looked at: the permission {action} is missing"
    return Finding("SKIPPED", where, what, f"Allow {action} to whoever runs doctor; a deploy may not need it.")


def ok(where: str, what: str) -> Finding:
    """Return that something is as it should be."""
    return Finding("OK", where, what)
