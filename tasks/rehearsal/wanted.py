"""What is asked of a rehearsal, and which options do not fit together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.errors import UsageError
from tasks.git import Git
from tasks.rehearsal.event import BRANCHES, TAGS

if TYPE_CHECKING:
    from tasks.settings import Settings

NEVER_RELEASED = "0.0.0"


class OptionsError(UsageError):
    """Options that do not fit together: one of them would be left out of account."""


class BranchNameError(UsageError):
    """`--from-branch` is nothing that git would take for a branch's name."""

    def __init__(self, branch: str) -> None:
        super().__init__(
            f"git accepts no branch with the name '{branch}'.", fix="Give one, for example --from-branch=main"
        )


@dataclass(frozen=True)
class Wanted:
    """What is rehearsed: the tag; and for whom it is to be seen that he is refused, a branch, a fork."""

    tag: str
    branch: str = ""
    fork: bool = False
    environment: str = ""

    @property
    def ref(self) -> str:
        """The ref whose run is played."""
        return f"{BRANCHES}{self.branch}" if self.branch else f"{TAGS}{self.tag}"

    def is_to_be_refused(self, trusted: str) -> bool:
        """Return whether this run rightly gets no role; `trusted` is the Environment whose runs do, if any."""
        return bool(self.branch or self.fork or (self.environment and self.environment != trusted))

    @property
    def options(self) -> tuple[str, ...]:
        """The options that ask for this."""
        given = {
            "--tag": self.tag,
            "--from-branch": self.branch,
            "--fork": self.fork,
            "--environment": self.environment,
        }
        return tuple(name for name, value in given.items() if value)


def check_together(wanted: Wanted, service: str, failure: str) -> None:
    """Refuse options of which one would be left out of account; raises `OptionsError`.

    Args:
        wanted: what a rehearsal of a push was asked for.
        service: `--service`, which only a failure has.
        failure: `--failure`.
    """
    if failure and wanted.options:
        raise OptionsError(
            f"--failure and {wanted.options[0]} do not go together: a failure is practised without a push.",
            fix=f"Leave {' and '.join(wanted.options)} out, or --failure.",
        )
    if service and not failure:
        raise OptionsError(
            "--service is for --failure; the push of a tag is of the service that the tag names.",
            fix="Leave it out and give a tag, for example --tag=backend-v0.1.5; or name a failure.",
        )


def complete(wanted: Wanted, settings: Settings) -> Wanted:
    """Return what is wanted with a tag: a branch's or a fork's run is not played further than the role.

    Raises:
        BranchNameError: git takes no such name.
    """
    git = Git(settings.root)
    # `--branch` alone would also take @{-1}, for the branch that was checked out before
    forms = (f"{BRANCHES}{wanted.branch}",), ("--branch", wanted.branch)
    if wanted.branch and not all(git.succeeds("check-ref-format", *each) for each in forms):
        raise BranchNameError(wanted.branch)
    if wanted.tag or not (wanted.branch or wanted.fork):
        return wanted
    return replace(wanted, tag=f"{settings.service_names[0]}-v{NEVER_RELEASED}")
