"""Every expression of a workflow, parsed before its first step, as GitHub does when it reads the file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.rehearsal.contexts import Given, JobState
from tasks.rehearsal.expressions import ExpressionError, as_text, condition, interpolate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.documents import Document, Json

CONDITION = re.compile(r"jobs\.[^.]+\.steps\.[0-9]+\.if")
# what a rehearsal does not play, so that it need not understand it either
NOT_PLAYED = re.compile(
    r"jobs\.[^.]+\.((runs-on|concurrency|permissions)(\..+)?|(steps\.[0-9]+\.)?timeout-minutes)"
)
# every context that there is, with nothing in it: all of an expression is parsed whatever its parts are worth
NOTHING = JobState({}, Given({}, {})).contexts({})


def check(document: Document) -> None:
    """Insist that each expression can be evaluated when its turn comes.

    Raises:
        DocumentError: one is malformed, or names an unknown context or function (file, line, key).
    """
    for name in ("env", "jobs"):
        for key, text in _texts(name, document.data.get(name)):
            if NOT_PLAYED.fullmatch(key):
                continue
            try:
                if CONDITION.fullmatch(key):
                    condition(text, NOTHING)
                else:
                    interpolate(text, NOTHING)
            except ExpressionError as error:
                raise document.wrong(key, str(error), error.fix) from error


def _texts(key: str, value: Json) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _texts(f"{key}.{name}", each)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _texts(f"{key}.{number}", each)
    else:
        yield key, as_text(value)
