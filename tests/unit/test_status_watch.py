"""status --watch on a terminal that is narrower than the table, and with AWS not answering for once."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.config import Config

from tasks.operate import status
from tests.support.account import Account, AccountClients, RefusedError, verified
from tests.support.fakes import session
from tests.support.models import BACKEND, ecs_deployment
from tests.support.terminal import on_columns

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient

    from tasks.documents import Json

SCRIPT = "import sys; from tests.unit.test_status_watch import watch; watch(sys.stdout)"
CONTROL = re.compile(r"\x1b\[\??(\d*)([A-Za-z])")


class Throttled(Account):
    """An account that is throttled at the second look."""

    def answer(self, operation: str, asked: dict[str, Json]) -> dict[str, object] | str:
        """Refuse, or answer."""
        if operation == "ecs:DescribeServices" and len(self.requests(operation)) == 1:
            self.asked.append((operation, asked))
            raise RefusedError("ThrottlingException", "Rate exceeded")
        return super().answer(operation, asked)


class Watcher(AccountClients):
    """Clients of somebody who looks three times, then presses Ctrl-C; the SDK asks once each time."""

    @cached_property
    def ecs(self) -> ECSClient:
        """The container service."""
        made = session().client("ecs", config=Config(retries={"total_max_attempts": 1}))
        self._play(made.meta.events, "ecs")
        return made

    def sleep(self, seconds: float) -> None:
        """Move the clock."""
        super().sleep(seconds)
        if self.slept >= 3 * status.WATCH_SECONDS:
            raise KeyboardInterrupt


def watch(stream: io.TextIOBase) -> None:
    """Watch a service of long words, for three looks."""
    made = Throttled({4: "0.1.4"}, [ecs_deployment(4, "ecs-svc/1")], verified(4))
    status.watch_services([BACKEND], Watcher(made), stream)  # type: ignore[arg-type]  # as sys.stdout is


@dataclass
class Screen:
    """A terminal of some columns, as far as anything is drawn in place on it."""

    columns: int
    rows: list[str] = field(default_factory=lambda: [""])
    row: int = 0
    column: int = 0

    def show(self, text: str) -> None:
        """Show text with its control sequences."""
        for part in re.split(r"(\x1b\[\??\d*[A-Za-z]|[\r\n])", text):
            control = CONTROL.fullmatch(part)
            if control:
                self._obey(control[2], int(control[1] or 1))
            elif part == "\r":
                self.column = 0
            elif part == "\n":
                self._go_down()
            else:
                for letter in part:
                    self._write(letter)

    def _obey(self, command: str, count: int) -> None:
        if command == "A":
            self.row = max(0, self.row - count)
        elif command == "K":
            self.rows[self.row] = ""

    def _go_down(self) -> None:
        self.row, self.column = self.row + 1, 0
        self.rows += [""] * (self.row + 1 - len(self.rows))

    def _write(self, letter: str) -> None:
        if self.column == self.columns:
            self._go_down()
        line = self.rows[self.row]
        self.rows[self.row] = line[: self.column].ljust(self.column) + letter + line[self.column + 1 :]
        self.column += 1


def drawn(columns: int) -> tuple[int, str]:
    """Return how often the service was drawn on a terminal of that width, and what it shows in the end."""
    spoken, screen = on_columns(columns, SCRIPT), Screen(columns)
    assert spoken.code == 0, spoken.text
    screen.show(spoken.text)
    return spoken.text.count("SERVICE"), "\n".join(line.rstrip() for line in screen.rows).strip()


def test_on_eighty_columns_it_is_drawn_in_place() -> None:
    times, shown = drawn(80)
    assert times >= 3
    assert shown.count("SERVICE backend  VERSION 0.1.4") == 1, shown
    assert "throttling" not in shown
    assert len(shown.splitlines()) <= 4


def test_on_a_wide_terminal_the_table_is_drawn_in_place() -> None:
    times, shown = drawn(200)
    assert times >= 3
    assert len(shown.splitlines()) == 2, shown
    assert shown.startswith("SERVICE  VERSION  COMMIT")


def test_being_throttled_is_told_and_ends_nothing() -> None:
    stream = io.StringIO()
    watch(stream)
    first, problem, again = stream.getvalue().split("SERVICE")[1:]
    assert "AWS is throttling requests" in problem
    assert "spryte-backend:4" in first
    assert "spryte-backend:4" in again
