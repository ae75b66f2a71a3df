"""logs: what all tasks of a service write, in the order in which they wrote it."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

from tasks.errors import UsageError
from tasks.release.log_reader import Tail, running_log
from tasks.release.service_state import describe
from tasks.report import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from tasks.command import Work
    from tasks.documents import Json
    from tasks.release.log_reader import Line
    from tasks.terminal import Terminal

DURATION = re.compile(r"([1-9][0-9]{0,4})([smhd])")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
FOLLOW_SECONDS = 1.0
COLOURS = (36, 33, 35, 32, 34, 31)
SHORT_TASK = 8


class SinceError(UsageError):
    """`--since` is no duration."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"--since: '{text}' is not a duration.", fix="Give a number and s, m, h or d, for example --since=10m."
        )


class PatternError(UsageError):
    """`--grep` is no regular expression."""

    def __init__(self, text: str, problem: str) -> None:
        super().__init__(
            f"--grep: '{text}' is not a regular expression: {problem}.",
            fix="Correct it; a \\ before a character takes that literally.",
        )


class FollowError(UsageError):
    """`--follow` and `--json` exclude each other."""

    def __init__(self) -> None:
        super().__init__("--json prints one document, --follow never ends.", fix="Leave one of them out.")


class Painter:
    """Lines with their service and task before them, in that task's colour where the terminal has colours."""

    def __init__(self, stream: TextIO, terminal: Terminal) -> None:
        self._stream = stream
        self._terminal = terminal
        self._colours: dict[str, int] = {}

    def painted(self, line: Line) -> str:
        """Return a line as it is to be shown."""
        head = f"{line.at.astimezone():%H:%M:%S} {line.service:<9} {line.task[:SHORT_TASK]}"
        if not self._terminal.colour:
            return f"{head} {line.text}"
        colour = self._colours.setdefault(line.task, COLOURS[len(self._colours) % len(COLOURS)])
        return f"\033[{colour}m{head}\033[0m {line.text}"

    def write(self, lines: Sequence[Line]) -> None:
        """Show the lines now."""
        self._stream.writelines(f"{self.painted(line)}\n" for line in lines)
        self._stream.flush()


def logs(work: Work, *, follow: bool = False, since: str = "10m", grep: str = "") -> Outcome:
    """Show the last lines of all tasks since then; with `follow`, also what comes until Ctrl-C."""
    if follow and work.options.json:
        raise FollowError
    pattern, past, count = _pattern(grep), duration(since), work.lines
    clients = work.connect()
    places = [
        running_log(service, describe(service, clients)["taskDefinition"], clients) for service in work.services
    ]
    tail, painter = Tail(places, clients.wall_clock() - past, clients), Painter(sys.stdout, work.terminal)
    matching = [line for line in tail.new() if pattern.search(line.text)]
    found = matching[-count:]
    if len(matching) > count and not follow:
        work.report.say(f"the last {count} of {len(matching)} lines since {since} ago; --lines=N shows more")
    if not follow:
        told: list[Json] = [_document(line) for line in found]
        return Outcome({"lines": told}, tuple(painter.painted(line) for line in found))
    try:
        while True:
            painter.write(found)
            clients.sleep(FOLLOW_SECONDS)
            found = [line for line in tail.new() if pattern.search(line.text)]
    except KeyboardInterrupt:
        return Outcome({}, ())


def duration(text: str) -> timedelta:
    """Return what `10m`, `90s`, `2h` or `1d` mean; raises `SinceError`."""
    found = DURATION.fullmatch(text)
    if found is None:
        raise SinceError(text)
    return timedelta(seconds=int(found[1]) * UNITS[found[2]])


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise PatternError(text, str(error)) from error


def _document(line: Line) -> Json:
    return {"service": line.service, "task": line.task, "at": line.at.isoformat(), "text": line.text}
