"""How a stream may be written to, decided once from the environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO


@dataclass(frozen=True)
class Terminal:
    """What a stream's reader can show: lines that are redrawn (`live`), colours, GitHub's annotations."""

    live: bool = False
    colour: bool = False
    annotations: bool = False


PLAIN = Terminal()


def terminal_of(stream: TextIO, environment: Mapping[str, str]) -> Terminal:
    """Look at a stream; `TERM=dumb` redraws nothing, and `NO_COLOR` colours nothing (https://no-color.org)."""
    live = stream.isatty() and environment.get("TERM", "dumb") != "dumb"
    return Terminal(
        live=live,
        colour=live and not environment.get("NO_COLOR"),
        annotations=environment.get("GITHUB_ACTIONS") == "true",
    )
