"""GitHub's filter patterns: whether a workflow's `on: push` is meant by a ref. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.documents import as_list, as_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.documents import Json

# Longest first. `?` and `+` repeat what stands before them, as in a regular expression.
PARTS = re.compile(r"\*\*|\*|\?|\+|\[[^\]]+\]|\\.|.", re.DOTALL)
WILD = {"**": ".*", "*": "[^/]*", "?": "?", "+": "+"}


def matches(patterns: Sequence[str], name: str) -> bool:
    """Return whether a branch or tag is meant by a list of patterns: the last one that fits decides.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet
    """
    meant = False
    for pattern in patterns:
        if _fits(pattern.removeprefix("!"), name):
            meant = not pattern.startswith("!")
    return meant


def started_by_tag(push: Mapping[str, Json], tag: str) -> bool:
    """Return whether `on: push` with these filters starts for a tag.

    With filters for branches only, tags start nothing; without any filter, every push does.
    """
    if "tags" in push:
        return matches(_texts(push["tags"]), tag)
    if "tags-ignore" in push:
        return not matches(_texts(push["tags-ignore"]), tag)
    return not {"branches", "branches-ignore"} & set(push)


def push_filters(events: Json) -> dict[str, Json] | None:
    """Return the filters of `push` in a workflow's `on`, None where it is not among the events."""
    if events == "push" or (isinstance(events, list) and "push" in events):
        return {}
    return as_object(as_object(events)["push"]) if "push" in as_object(events) else None


def _fits(pattern: str, name: str) -> bool:
    parts = (WILD.get(part) or (part if part.startswith("[") and len(part) > 2 else _exactly(part))
             for part in PARTS.findall(pattern))  # fmt: skip
    return re.fullmatch("".join(parts), name, re.DOTALL) is not None


def _exactly(part: str) -> str:
    return re.escape(part[1:] if len(part) == 2 and part.startswith("\\") else part)


def _texts(value: Json) -> list[str]:
    return [str(each) for each in as_list(value)] if isinstance(value, list) else [str(value)]
