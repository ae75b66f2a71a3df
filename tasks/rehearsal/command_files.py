"""The files through which a step tells the runner its outputs, variables, paths and summary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY", "GITHUB_STATE")
SUMMARY_BYTES = 1_048_576  # GitHub refuses a larger step summary


class CommandFileError(UsageError):
    """A step wrote something into a file that GitHub does not understand."""

    def __init__(self, name: str, line: str) -> None:
        super().__init__(
            f"Unable to process the file {name}: invalid format '{line[:80]}'.",
            fix="Write name=value, or name<<DELIMITER, the lines, and the delimiter.",
        )


@dataclass(frozen=True)
class CommandFiles:
    """One step's files."""

    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        """How the step finds them."""
        return {name: str(self.folder / name) for name in NAMES}

    def make(self) -> None:
        """Create them, empty."""
        self.folder.mkdir(parents=True)
        for name in NAMES:
            (self.folder / name).touch()

    def outputs(self) -> dict[str, str]:
        """Return the outputs that the step set; raises `CommandFileError`."""
        return parse("GITHUB_OUTPUT", self._read("GITHUB_OUTPUT"))

    def environment(self) -> dict[str, str]:
        """Return the variables that the step set for the steps after it; raises `CommandFileError`."""
        return parse("GITHUB_ENV", self._read("GITHUB_ENV"))

    def paths(self) -> list[str]:
        """Return what the step put before PATH."""
        return [line for line in self._read("GITHUB_PATH").splitlines() if line]

    def summary(self) -> str:
        """Return the step's summary, in Markdown."""
        return self._read("GITHUB_STEP_SUMMARY")[:SUMMARY_BYTES]

    def _read(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def parse(name: str, text: str) -> dict[str, str]:
    """Return the pairs of a file: `name=value`, or `name<<DELIMITER` for several lines.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands (multiline strings)

    Raises:
        CommandFileError: a line is neither.
    """
    found, lines = dict[str, str](), iter(text.splitlines())
    for line in lines:
        if not line:
            continue
        key, equals, value = line.partition("=")
        heading, here, delimiter = line.partition("<<")
        if here and (not equals or len(heading) < len(key)):
            held: list[str] = []
            for each in lines:
                if each == delimiter:
                    break
                held.append(each)
            else:
                raise CommandFileError(name, line)
            found[heading] = "\n".join(held)
        elif equals and key:
            found[key] = value
        else:
            raise CommandFileError(name, line)
    return found
