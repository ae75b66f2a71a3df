"""Everything that can go wrong and is not a defect of the tool, with its sentence and its exit code.

A message says what happened and where, then what to do next. Evidence (the last lines of a build, service
events) travels beside it, so that each reader shows it in its own form. No message ever holds a secret.
"""

from collections.abc import Sequence


class DeployError(Exception):
    """The one base. `str()` of it is the sentence that says what happened and where."""

    exit_code: int = 1

    def __init__(self, what: str, *, fix: str, evidence: Sequence[str] = ()) -> None:
        super().__init__(what)
        self.fix = fix
        self.evidence = tuple(evidence)

    def add_evidence(self, *lines: str) -> None:
        """Add what became known after it was raised, such as how the way back went."""
        self.evidence = (*self.evidence, *lines)

    @property
    def kind(self) -> str:
        """The error's name for machines, for example `UnknownService`."""
        return type(self).__name__.removesuffix("Error")


# A failed deploy whose way back failed too: nothing is proved to serve.
WAY_BACK_FAILED = 12


class UsageError(DeployError):
    """The command line, a file or a variable is wrong. Nothing was started."""

    exit_code = 2


class NotReadyError(DeployError):
    """Something a deploy depends on is absent or refuses. Nothing was changed."""

    exit_code = 3


class BuildError(DeployError):
    """The image was not built."""

    exit_code = 4


class PushError(DeployError):
    """The image did not reach the registry, or not under the wanted tags."""

    exit_code = 5


class RegisterError(DeployError):
    """The task definition was not registered."""

    exit_code = 6


class DeploymentFailedError(DeployError):
    """The new version did not come up; the previous one still serves."""

    exit_code = 7


class GaveUpWaitingError(DeployError):
    """The time limit passed before the deployment came to an end."""

    exit_code = 8


class SmokeTestError(DeployError):
    """The version that answers over HTTP is not the expected one, or nothing answers."""

    exit_code = 9


class SupersededError(DeployError):
    """Another deployment took over while this one was under way."""

    exit_code = 10


class StoppedByUserError(DeployError):
    """The person at the keyboard stopped it."""

    exit_code = 130


def suggestion(wrong: str, known: Sequence[str], cutoff: float = 0.6) -> str:
    """Return ` Did you mean 'x'?` when `wrong` is close to a known name, else nothing; `cutoff` 1 is the same."""
    from difflib import get_close_matches  # noqa: PLC0415 - only needed on the way out

    spelled = {name.lower(): name for name in known}
    close = get_close_matches(wrong.lower(), spelled, n=1, cutoff=cutoff)
    return f" Did you mean '{spelled[close[0]]}'?" if close else ""
