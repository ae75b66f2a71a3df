"""Reading YAML and JSON so that a complaint can name the file, the line and the key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeAlias

import yaml

from tasks.errors import UsageError, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


class DocumentError(UsageError):
    """A file of the project is missing or malformed."""

    def __init__(self, place: str, problem: str, fix: str) -> None:
        super().__init__(f"{place}: {problem}", fix=fix)


@dataclass(frozen=True)
class Document:
    """A parsed file that remembers where each key stood.

    `lines` maps a key's path, for example `services.backend.port`, to its line, counted from 1.
    """

    name: str
    data: Mapping[str, Json]
    lines: Mapping[str, int]

    def wrong(self, key: str, problem: str, fix: str) -> DocumentError:
        """Build the error for `key`, placed as `file:line` the way an editor understands it."""
        known = key
        while known and known not in self.lines:
            known = known.rpartition(".")[0]
        line = self.lines.get(known)
        where = f"{self.name}:{line}" if line else self.name
        return DocumentError(where, f"{key}: {problem}", fix)

    def section(self, key: str) -> Section:
        """Return the mapping at the top-level `key`; raises `DocumentError` when it is none."""
        value = self.data.get(key)
        if not isinstance(value, dict):
            raise self.wrong(key, "is missing or not a mapping", f"Give '{key}' in {self.name} as a mapping.")
        return Section(self, key, value)


@dataclass(frozen=True)
class Section:
    """A mapping inside a document, read key by key with each type checked."""

    document: Document
    key: str
    data: Mapping[str, Json]

    def only(self, *allowed: str) -> None:
        """Raise `DocumentError` for the first key that nobody would read."""
        for name in self.data:
            if name not in allowed:
                raise self.wrong(
                    name,
                    f"is not a known key.{suggestion(str(name), allowed)}",
                    f"Known keys here: {', '.join(allowed)}.",
                )

    def wrong(self, name: str, problem: str, fix: str) -> DocumentError:
        """Build the error for the key `name` of this mapping."""
        return self.document.wrong(f"{self.key}.{name}", problem, fix)

    def section(self, name: str) -> Section:
        """Return the mapping at `name`; raises `DocumentError` when it is none."""
        value = self.data.get(name)
        if not isinstance(value, dict):
            raise self.wrong(name, "is missing or not a mapping", f"Give '{name}' as a mapping.")
        return Section(self.document, f"{self.key}.{name}", value)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; raises `DocumentError` when it is absent without a default, or of another type."""
        value = self.data.get(name, default)
        if isinstance(value, str):
            return value
        raise self._mistyped(name, "a text")

    def number(self, name: str, default: int | None = None) -> int:
        """Return a whole number; raises as `text` does."""
        value = self.data.get(name, default)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self._mistyped(name, "a whole number")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, empty when the key is absent; raises as `text` does."""
        value = self.data.get(name, [])
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(str(each) for each in value)
        raise self._mistyped(name, "a list of texts")

    def texts_by_key(self, name: str) -> dict[str, str]:
        """Return a mapping of texts, empty when the key is absent; raises as `text` does."""
        if name not in self.data:
            return {}
        section = self.section(name)
        return {each: section.text(each) for each in section.data}

    def positive(self, name: str, default: int) -> int:
        """Return a number from 1 on; raises as `text` does."""
        value = self.number(name, default)
        if value < 1:
            raise self.wrong(name, f"{value} is not a positive number", "Give 1 or more.")
        return value

    def path(self, name: str) -> str:
        """Return a path inside the project; raises as `text` does."""
        path = self.text(name)
        if not path or path.startswith("/") or ".." in path.split("/"):
            raise self.wrong(name, f"'{path}' is not a path inside the project", "Write it relative to the root.")
        return str(PurePosixPath(path))

    def _mistyped(self, name: str, expected: str) -> DocumentError:
        problem = f"is not {expected}" if name in self.data else "is missing"
        return self.wrong(name, problem, f"Give '{name}' as {expected}.")


def read_yaml(path: Path, name: str) -> Document:
    """Read a YAML mapping. `name` is how messages call the file.

    Raises:
        DocumentError: the file is absent, no YAML, or its top is not a mapping.
    """
    text = read_text(path, name)
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        data: Json = loader.construct_document(node) if node else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DocumentError(
            f"{name}:{line}", f"is not YAML: {error.problem}", "Fix the file there; indentation counts."
        ) from error
    except yaml.YAMLError as error:  # a character that no YAML may hold: PyYAML gives it no line
        raise DocumentError(name, "holds a control character", "Take it out; YAML is plain text.") from error
    return _document(name, data, node)


def read_json(path: Path, name: str) -> Document:
    """Read a JSON object, with lines as for YAML (of which JSON is a part).

    Raises:
        DocumentError: the file is absent, no JSON, or its top is not an object.
    """
    text = read_text(path, name)
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise DocumentError(
            f"{name}:{error.lineno}",
            f"is not JSON: {error.msg} (column {error.colno})",
            "Correct it there; mostly it is a comma too many or too few, or a quote.",
        ) from error
    return _document(name, data, yaml.compose(text.expandtabs(), Loader=yaml.SafeLoader))


def read_text(path: Path, name: str) -> str:
    """Read a file; raises `DocumentError` when it is absent or no readable text."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DocumentError(name, "there is no such file", f"Restore it (git checkout {name}).") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(name, f"cannot be read: {error}", "Make it a readable UTF-8 file.") from error


def _document(name: str, data: Json, node: yaml.Node | None) -> Document:
    if not isinstance(data, dict):
        raise DocumentError(f"{name}:1", "holds no mapping at its top", "Start it with a key.")
    return Document(name, data, dict(_lines(node, "")))


def _lines(node: yaml.Node | None, key: str) -> Iterator[tuple[str, int]]:
    pairs: Sequence[tuple[str, yaml.Node, yaml.Node]] = ()
    if isinstance(node, yaml.MappingNode):
        pairs = [(str(name.value), name, value) for name, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        pairs = [(str(index), item, item) for index, item in enumerate(node.value)]
    for name, named, value in pairs:
        path = f"{key}.{name}" if key else name
        yield path, named.start_mark.line + 1
        yield from _lines(value, path)


def as_object(value: Json) -> dict[str, Json]:
    """Return a JSON object as it is, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_list(value: Json) -> list[Json]:
    """Return a JSON list as it is, an empty one for anything else."""
    return value if isinstance(value, list) else []
