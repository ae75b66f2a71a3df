"""Every expression of a workflow, parsed before its first step, as GitHub does when it reads the file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.documents import as_list, as_object
from tasks.errors import suggestion
from tasks.rehearsal.contexts import Given, JobState
from tasks.rehearsal.expressions import EXPRESSION, ExpressionError, as_text, condition, interpolate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tasks.documents import Document, Json

CONDITION = re.compile(r"jobs\.[^.]+\.steps\.[0-9]+\.if")
# what a rehearsal does not play, so that it need not understand it either
NOT_PLAYED = re.compile(
    r"jobs\.[^.]+\.((runs-on|concurrency|permissions)(\..+)?|(steps\.[0-9]+\.)?timeout-minutes)"
)
# https://docs.github.com/en/actions/reference/workflows-and-actions/contexts#steps-context
NAMED_STEP = re.compile(r"\bsteps\.([A-Za-z_][A-Za-z0-9_-]*)")
NAMED_GITHUB = re.compile(r"\bgithub\.([A-Za-z_][A-Za-z0-9_-]*)")
QUOTED = re.compile(r"'(?:[^']|'')*'")
ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
# every context that there is, with nothing in it: all of an expression is parsed whatever its parts are worth
NOTHING = JobState({}, Given({}, {})).contexts({})


def check(document: Document) -> None:
    """Insist that each expression can be evaluated when its turn comes.

    Raises:
        DocumentError: one is malformed, or names an unknown context, function or step (file, line, key).
    """
    for name, job in as_object(document.data.get("jobs")).items():
        _check_ids(document, f"jobs.{name}.steps", as_list(as_object(job).get("steps")))
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


def check_github(document: Document, known: Sequence[str]) -> None:
    """Insist that `github.NAME` is known wherever it stands; GitHub would take an unknown one for empty.

    Raises:
        DocumentError: one is misspelled, or not played (file, line, key).
    """
    for name in ("env", "jobs"):
        for key, text in _texts(name, document.data.get(name)):
            for named in () if NOT_PLAYED.fullmatch(key) else NAMED_GITHUB.findall(_code(key, text)):
                if named.lower() not in map(str.lower, known):
                    raise document.wrong(
                        key,
                        f"a rehearsal knows no github.{named}.{suggestion(named, known)}",
                        "Correct the name. Not played: github.token, and what differs from step to step.",
                    )


def _code(key: str, text: str) -> str:
    """Return what of a text is expression, without the texts in it."""
    written = text if CONDITION.fullmatch(key) else " ".join(EXPRESSION.findall(text))
    return QUOTED.sub("''", written)


def _check_ids(document: Document, key: str, steps: Sequence[Json]) -> None:
    """Insist on ids as GitHub takes them, and that what names a step names one before it."""
    known: list[str] = []
    for number, step in enumerate(steps):
        for place, text in _texts(f"{key}.{number}", step):
            for named in NAMED_STEP.findall(_code(place, text)):
                if named not in known:
                    raise document.wrong(
                        place,
                        f"names the step '{named}'; no step before has this id.{suggestion(named, known)}",
                        "Give that step the id, or correct the name.",
                    )
        identity = as_text(as_object(step).get("id"))
        if identity and not ID.fullmatch(identity):
            raise document.wrong(
                f"{key}.{number}.id",
                f"'{identity}' is no id",
                "Use letters, digits, - and _; no digit or - first.",
            )
        known.append(identity)


def _texts(key: str, value: Json) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _texts(f"{key}.{name}", each)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _texts(f"{key}.{number}", each)
    else:
        yield key, as_text(value)
