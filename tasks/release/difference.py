"""Whether two task definitions mean the same, and how they differ in words; secrets appear by name only."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING

from tasks.documents import as_list, as_object
from tasks.masking import is_secret, mask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks.documents import Json

ADDED_BY_AWS = {
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "tags",
}
UNORDERED = ("environment", "secrets", "portMappings", "mountPoints", "volumesFrom", "environmentFiles")
ABSENT, SET, OTHER = "(absent)", "(set)", "(another value)"
VARIABLE = re.compile(r"\.(?:environment|options|dockerLabels)\.(.+)")
LONGEST_VALUE = 80


def comparable(definition: Mapping[str, Json]) -> Json:
    """Return a definition so that two of the same meaning are equal.

    What AWS adds by itself is left out (empty lists, documented defaults, flags that are off, its own fields),
    lists that have no order are sorted. For the defaults see API_ContainerDefinition, API_HealthCheck,
    API_PortMapping and API_TaskDefinition (enableFaultInjection, which AWS answers since 2025) in
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/
    """
    kept = {name: value for name, value in definition.items() if name not in ADDED_BY_AWS and value != ""}
    kept["containerDefinitions"] = [
        _comparable_container(as_object(each)) for each in as_list(kept.get("containerDefinitions") or [])
    ]
    return _without_empty(kept)


def differences(old: Mapping[str, Json], new: Mapping[str, Json]) -> tuple[str, ...]:
    """Return one line a change, `path: old -> new`; empty when both mean the same.

    Of a variable that looks secret it is only told whether it was set, and that it changed.
    """
    before = dict(_leaves(comparable(old), ""))
    after = dict(_leaves(comparable(new), ""))
    paths = dict.fromkeys([*before, *after])
    return tuple(
        f"{path}: {' -> '.join(_shown(path, before.get(path, ABSENT), after.get(path, ABSENT)))}"
        for path in paths
        if before.get(path) != after.get(path)
    )


def _leaves(value: Json, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if set(value) in ({"name", "value"}, {"name", "valueFrom"}):
            yield path, str(value.get("value", value.get("valueFrom")))
            return
        for name, each in value.items():
            yield from _leaves(each, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _leaves(each, f"{path}.{_name_of(each, index)}")
    else:
        yield path, str(value)


def _name_of(value: Json, index: int) -> str:
    return str(value["name"]) if isinstance(value, dict) and "name" in value else str(index)


def _shown(path: str, old: str, new: str) -> tuple[str, str]:
    if ".secrets." in path:
        return _hidden(old, "(a secret reference)"), _hidden(new, "(a secret reference)")
    variable = VARIABLE.search(path)
    if variable and any(is_secret(variable[1], value) for value in (old, new)):
        return _hidden(old, SET), _hidden(new, SET if old == ABSENT else OTHER)
    return _cut(mask(old)), _cut(mask(new))


def _hidden(value: str, shown: str) -> str:
    return value if value == ABSENT else shown


def _cut(value: str) -> str:
    return value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}..."


def _comparable_container(container: dict[str, Json]) -> dict[str, Json]:
    same = copy.deepcopy(container)
    same.setdefault("essential", True)
    if same.get("cpu") == 0:
        del same["cpu"]
    for mapping in map(as_object, as_list(same.get("portMappings") or [])):
        mapping.setdefault("protocol", "tcp")
        mapping.setdefault("hostPort", mapping.get("containerPort"))
    if isinstance(check := same.get("healthCheck"), dict):
        same["healthCheck"] = {"interval": 30, "timeout": 5, "retries": 3, **check}
    for name in UNORDERED:
        if isinstance(values := same.get(name), list):
            same[name] = sorted(values, key=lambda each: json.dumps(each, sort_keys=True))
    return same


def _without_empty(value: Json) -> Json:
    if isinstance(value, dict):
        kept = {name: _without_empty(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if _says_something(name, each)}
    if isinstance(value, list):
        return [_without_empty(each) for each in value]
    return value


def _says_something(name: str, value: Json) -> bool:
    """Whether a field differs from its absence; off is every flag's default, but for `essential`."""
    return value not in (None, [], {}) and (value is not False or name == "essential")
