"""How long each failure of docs/failures.md takes to be named, printed as that document's table.

Run it from the project's root, with the embedded cloud up and both services deployed; it takes about five minutes:

    ./inv deploy --service=all --version=0.1.5
    .venv/bin/python -m benchmarks.failures

What the embedded cloud can produce is practised for real, one after the other: `./inv rehearse --failure=NAME`.
The rest is replayed from recorded answers of AWS, against the real clock and with every sleep. In a replay
each look shows one more failed task, so that it measures this tool's part and not ECS's. `--replayed` prints the
replayed rows alone, for which no cloud is needed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.lines import Line, Stopwatch, Times, times
from tasks.clients import Clients
from tasks.rehearsal.practice import PRACTISED
from tasks.report import Report
from tests.support.catalogue_left import CATALOGUE
from tests.support.replay import ReplayClients, play

if TYPE_CHECKING:
    from tests.support.replay import Example

ROOT = Path(__file__).resolve().parent.parent
NAMED = re.compile(r"^### (.+)$", re.MULTILINE)
HEAD = ("| Failure | How | Cause said | Proved again | Exit code |", "|---|---|---|---|---|")


class RealTime(ReplayClients):
    """Recorded answers, and the real clock."""

    clock = Clients.clock
    sleep = Clients.sleep


def rehearsed(name: str) -> list[Line]:
    """Practise a failure on the embedded cloud and return its lines.

    Raises:
        subprocess.CalledProcessError: it was not named, or the good version is not back.
    """
    command = [str(ROOT / "inv"), "rehearse", f"--failure={name}", "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        lines = [Line(time.monotonic(), line.rstrip("\n")) for line in run.stderr or ()]
    if run.returncode:
        raise subprocess.CalledProcessError(run.returncode, command, stderr="\n".join(each.text for each in lines))
    return lines


def replayed(example: Example) -> list[Line]:
    """Replay a failure against the real clock and return its lines."""
    watch = Stopwatch()
    report = Report(watch, time.monotonic)
    ended = play(example, report, RealTime)
    if ended.error:
        report.error(ended.error)
    return watch.lines


def row(name: str, how: str, took: Times) -> str:
    """Return a failure's row; a failure has two exit codes where ECS shows it, or only HTTP does."""
    codes = sorted({example.code for example in CATALOGUE.values() if example.name == name})
    cause, proved = (f"{each:.1f}" if each is not None else "" for each in (took.cause, took.proved))
    if not cause:
        cause = "before the update" if codes != [0] else "no failure: told afterwards"
    return f"| [{name}](#{name}) | {how} | {cause} | {proved or '-'} | {', '.join(map(str, codes))} |"


def main(*, practised: bool) -> None:
    """Print the table in the document's order, each row as soon as it is measured."""
    sys.stdout.write("\n".join(HEAD) + "\n")
    first = {example.name: example for example in reversed(CATALOGUE.values())}
    for name in NAMED.findall((ROOT / "docs/failures.md").read_text()):
        if name in PRACTISED and practised:
            sys.stdout.write(row(name, "practised", times(rehearsed(name))) + "\n")
        elif name not in PRACTISED:
            sys.stdout.write(row(name, "replayed", times(replayed(first[name]))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(practised="--replayed" not in sys.argv[1:])
