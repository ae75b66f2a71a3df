"""Lines of a service's log as people want to see them; docs/service-contract.md asks for JSON."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tasks.documents import as_object

if TYPE_CHECKING:
    from tasks.documents import Json

FRAME = re.compile(r'File "[^"]*?([^/"]+)", line (\d+), in (\S+)')


def shown(line: str) -> str:
    """Return a line as it is, but one with a traceback by its message, its exception, and its place."""
    entry = _entry(line)
    told = exception(line)
    if not told:
        return line
    frames = FRAME.findall(str(entry["exception"]))
    where = " ({} line {}, in {})".format(*frames[-1]) if frames else ""
    return f"{entry.get('message', 'exception')}: {told}{where}"


def essence(line: str) -> str:
    """Return what makes a line another one than those before it: not its time, nor how long a request took."""
    entry = _entry(line)
    kept = {name: value for name, value in entry.items() if isinstance(value, str) and name != "time"}
    return json.dumps([kept, entry.get("status")]) if entry else line


def exception(line: str) -> str:
    """Return the exception that a line tells with its traceback, such as `KeyError: 'users'`; empty for none."""
    text = str(_entry(line).get("exception") or "").strip()
    return text.splitlines()[-1].strip() if text else ""


def _entry(line: str) -> dict[str, Json]:
    try:
        return as_object(json.loads(line))
    except ValueError:
        return {}
