"""Lines of a service's log as people want to see them; docs/service-contract.md asks for JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tasks.documents import as_object

if TYPE_CHECKING:
    from tasks.documents import Json

NOISE = re.compile(r'\s*(File "<frozen |[~^]+\s*$)')
FRAME = re.compile(r'File "[^"]*?([^/"]+)", line (\d+), in (\S+)')


@dataclass(frozen=True)
class Request:
    """A request as docs/service-contract.md, rule 7, has it logged."""

    path: str
    status: int
    time: datetime | None = None


def request(line: str) -> Request | None:
    """Return the request that a line tells; None for any other line."""
    entry = _entry(line)
    path, status = entry.get("path"), entry.get("status")
    if not isinstance(path, str) or not isinstance(status, int):
        return None
    return Request(path, status, _time(entry))


def shown(line: str) -> str:
    """Return a line as it is, but one with a traceback by its message, its exception, and its place."""
    entry = _entry(line)
    told = exception(line)
    if not told:
        return line
    frames = FRAME.findall(str(entry["exception"]))
    where = " ({} line {}, in {})".format(*frames[-1]) if frames else ""
    return f"{entry.get('message', 'exception')}: {told}{where}"


def is_noise(line: str) -> bool:
    """Whether a line of a Python traceback tells nothing of the service's own code."""
    return bool(NOISE.match(line))


def essence(line: str) -> str:
    """Return what makes a line another one than those before it: not its time, nor how long a request took."""
    entry = _entry(line)
    kept = {name: value for name, value in entry.items() if isinstance(value, str) and name != "time"}
    return json.dumps([kept, entry.get("status")]) if entry else line


def exception(line: str) -> str:
    """Return the exception that a line tells with its traceback, such as `KeyError: 'users'`; empty for none."""
    text = str(_entry(line).get("exception") or "").strip()
    return text.splitlines()[-1].strip() if text else ""


def _time(entry: dict[str, Json]) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(entry.get("time")))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _entry(line: str) -> dict[str, Json]:
    try:
        return as_object(json.loads(line))
    except ValueError:
        return {}
