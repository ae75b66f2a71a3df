"""What a policy has and what it should have, compared entry by entry. Pure: documents in, differences out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.documents import as_list, as_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.documents import Json


@dataclass(frozen=True)
class Comparison:
    """How a policy differs from what it should be.

    `merged` is what should be, followed by the statements that are there beyond it; `kept` describes those.
    """

    differences: tuple[str, ...]
    kept: tuple[str, ...]
    merged: dict[str, Json]


def compare(existing: Mapping[str, Json], wanted: Mapping[str, Json]) -> Comparison:
    """Compare two policies; IAM reads a text and a list of one text as the same, in any order."""
    there = [as_object(each) for each in as_list(_as_statements(existing))]
    differences: list[str] = []
    for statement in map(as_object, as_list(_as_statements(wanted))):
        counterpart = next((each for each in there if _is_same(each, statement)), None)
        if counterpart is not None:
            there.remove(counterpart)
        differences += _differences(counterpart or {}, statement)
    kept = tuple(f"{name(each)}: {line}" for each in there for line in sorted(entries(each)))
    merged: dict[str, Json] = {**wanted, "Statement": [*as_list(_as_statements(wanted)), *there]}
    if existing and existing.get("Version") != wanted.get("Version"):
        differences.insert(0, f"Version: {existing.get('Version', 'none')} -> {wanted.get('Version')}")
    return Comparison(tuple(differences), kept, merged)


def entries(statement: Mapping[str, Json]) -> frozenset[str]:
    """Return a statement as `path value` lines, one for each value, so that two can be subtracted."""
    return frozenset(line for key, value in statement.items() if key != "Sid" for line in _entries(key, value))


def name(statement: Mapping[str, Json]) -> str:
    """Return how messages call a statement: by its Sid, where it has one."""
    return str(statement.get("Sid") or "statement")


def texts(value: Json) -> list[str]:
    """Return what IAM lets one write as a text or as a list of them."""
    return [str(each) for each in value] if isinstance(value, list) else [] if value is None else [str(value)]


def _differences(existing: Mapping[str, Json], wanted: Mapping[str, Json]) -> list[str]:
    there, should = entries(existing), entries(wanted)
    called = name(wanted)
    if not there:
        return [f"+ {called}: {line}" for line in sorted(should)]
    missing = [f"+ {called}: {line}" for line in sorted(should - there)]
    return missing + [f"- {called}: {line}" for line in sorted(there - should)]


def _is_same(existing: Mapping[str, Json], wanted: Mapping[str, Json]) -> bool:
    """Whether both are the same statement, perhaps in another edition."""
    if wanted.get("Sid"):
        return existing.get("Sid") == wanted.get("Sid") or entries(existing) == entries(wanted)
    heads = ("Effect", "Action", "Principal", "Resource")
    return all(set(_entries("", existing.get(key))) == set(_entries("", wanted.get(key))) for key in heads)


def _entries(path: str, value: Json) -> list[str]:
    if isinstance(value, dict):
        return [line for key, each in value.items() for line in _entries(f"{path} {key}", each)]
    return [f"{path} {text}" for text in texts(value)]


def _as_statements(policy: Mapping[str, Json]) -> Json:
    """Return the statements as a list: IAM also takes a single one without brackets."""
    found = policy.get("Statement")
    return [found] if isinstance(found, dict) else found
