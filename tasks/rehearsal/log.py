"""A run's log as GitHub shows it: secrets masked, workflow commands understood."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
COMMAND = re.compile(r"::([a-z-]+)(?: (.*?))?::(.*)")
SHOWN = {"error": "Error", "warning": "Warning", "notice": "Notice"}
MASK = "***"


@dataclass
class Log:
    """What the steps of a run print. `annotations` holds the errors that they announced."""

    say: Callable[[str], None]
    masks: set[str] = field(default_factory=set)
    annotations: list[str] = field(default_factory=list)
    depth: int = 1

    def line(self, text: str) -> None:
        """Show a line that a step printed."""
        found = COMMAND.fullmatch(text.strip())
        if found is None:
            self.plain(text)
            return
        command, message = found[1], _decoded(found[3])
        if command == "add-mask":
            self.mask(message)
        elif command == "group":
            self.plain(f"> {message}")
            self.depth += 1
        elif command == "endgroup":
            self.depth = max(self.depth - 1, 1)
        elif command in SHOWN:
            self.annotate(SHOWN[command], message)

    def plain(self, text: str) -> None:
        """Show a line as it is, but for what is masked."""
        for line in self.masked(text).splitlines() or [""]:
            self.say(f"{'    ' * self.depth}{line}".rstrip())

    def annotate(self, kind: str, message: str) -> None:
        """Show an announcement; GitHub repeats errors at the top of the run's page."""
        self.plain(f"{kind}: {message}")
        if kind == "Error":
            self.annotations.append(self.masked(message))

    def mask(self, secret: str) -> None:
        """Never show a text again."""
        if secret:
            self.masks.add(secret)

    def masked(self, text: str) -> str:
        """Return a text without its secrets, the longest first."""
        for secret in sorted(self.masks, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text


def _decoded(message: str) -> str:
    return message.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
