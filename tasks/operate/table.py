"""Plain text in columns, and times as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the rows under their heads, each column as wide as its longest entry."""
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    padded = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in (heads, *rows))
    return tuple("  ".join(cells).rstrip() for cells in padded)


def shown(moment: datetime | None) -> str:
    """Return a moment in the reader's own time zone, to the minute; `-` for none."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else "-"


def age(moment: datetime | None, now: datetime) -> str:
    """Return how long ago a moment was, in its largest unit: `3 h`, `12 min`, `40 s`; `-` for none."""
    if moment is None:
        return "-"
    seconds = max(0, int((now - moment).total_seconds()))
    return next((f"{seconds // size} {unit}" for size, unit in UNITS if seconds >= size), f"{seconds} s")
