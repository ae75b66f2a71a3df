"""Background processes of this machine: started, recognised again later, stopped. Linux, through `/proc`."""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks.clients import Clients
    from tasks.report import Report

PROC = Path("/proc")
POLL_SECONDS = 0.05
LISTEN = "0A"


@dataclass(frozen=True)
class Process:
    """A process that cannot be mistaken for a later one with the same number.

    `started` is in clock ticks since the machine booted, as `/proc` gives it, empty for one that had ended before
    it could be looked at; `purpose` is what the process was started with, in a form that only its owner reads.
    """

    pid: int
    started: str
    purpose: str = ""

    def is_alive(self) -> bool:
        """Whether it still runs; one that ended and was not yet collected by its parent does not."""
        with suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        return self.started != "" and _start_of(self.pid) == self.started

    @property
    def command(self) -> str:
        """Its command line, as far as this user may read it."""
        return " ".join(_strings(self.pid, "cmdline")) or f"process {self.pid}"

    def variable(self, name: str) -> str:
        """Return one variable of its environment, empty when it is unset or unreadable."""
        found = [each for each in _strings(self.pid, "environ") if each.startswith(f"{name}=")]
        return found[0].partition("=")[2] if found else ""


def identify(pid: int) -> Process | None:
    """Return the running process with this number."""
    started = _start_of(pid)
    return Process(pid, started) if started else None


def start(command: tuple[str, ...], environment: Mapping[str, str], log: Path) -> Process:
    """Start a process that outlives this one, in a session of its own, writing to the end of `log`.

    Raises:
        OSError: the program cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    # Closing what was inherited: a pipe that a background process keeps open never ends for its reader.
    inherited = [int(each.name) for each in (PROC / "self/fd").iterdir()]
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
        *((os.POSIX_SPAWN_CLOSE, each) for each in inherited if each > 2),
    ]
    # Not subprocess: it warns about every process that is meant to go on when its starter ends.
    pid = os.posix_spawnp(command[0], command, environment, file_actions=files, setsid=True)
    return identify(pid) or Process(pid, "")


def stop(process: Process, seconds: float, clients: Clients) -> bool:
    """Ask a process to end and wait for it; returns whether it ended within `seconds`."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGTERM)
    return ended(process, seconds, clients)


def kill(process: Process, clients: Clients) -> None:
    """End a process that does not listen."""
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
        ended(process, 5, clients)


def ended(process: Process, seconds: float, clients: Clients) -> bool:
    """Return whether a process has ended, waiting up to `seconds`."""
    limit = clients.clock() + seconds
    while process.is_alive():
        if clients.clock() >= limit:
            return False
        clients.sleep(POLL_SECONDS)
    return True


def remember(path: Path, process: Process, purpose: str = "") -> Process:
    """Write the pid file of a process that was started."""
    known = replace(process, purpose=purpose)
    fields = {"pid": known.pid, "started": known.started, "purpose": known.purpose}
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(fields), encoding="utf-8")
    beside.replace(path)
    return known


def recall(path: Path) -> Process | None:
    """Read a pid file; one that is absent or damaged says nothing."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return Process(int(fields["pid"]), str(fields["started"]), str(fields["purpose"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def listener(port: int) -> Process | None:
    """Return the process that listens on a TCP port here, when this user may know it."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for folder in PROC.iterdir() if sockets else ():
        if folder.name.isdecimal() and sockets & _open_sockets(folder / "fd"):
            return identify(int(folder.name))
    return None


def last_lines(path: Path, count: int, offset: int = 0) -> tuple[str, ...]:
    """Return the last lines of a log, at most `count`, nothing from before `offset` bytes."""
    try:
        with path.open("rb") as stream:
            stream.seek(offset)
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return ()
    return tuple(line.rstrip() for line in text.splitlines())[-count:] if count > 0 else ()


def size(path: Path) -> int:
    """Return a file's size in bytes, 0 when there is none."""
    return path.stat().st_size if path.exists() else 0


@contextmanager
def locked(path: Path, report: Report) -> Iterator[None]:
    """Hold a lock file, so that what is inside happens in one process at a time; the kernel lets go of it."""
    try:
        import fcntl  # noqa: PLC0415 - Windows has none; there Docker's own names keep two servers apart
    except ImportError:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report.say("waiting for another command that is at work on the embedded cloud")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _start_of(pid: int) -> str:
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    # The second field, the program's name, may hold spaces and parentheses itself.
    fields = text.rpartition(")")[2].split()
    # A process that was killed keeps its sockets until the last of its threads, not the first, has ended.
    over = fields[0] in "ZX" and int(fields[17]) <= 1
    return "" if over else fields[19]


def _strings(pid: int, name: str) -> tuple[str, ...]:
    try:
        data = (PROC / str(pid) / name).read_bytes()
    except OSError:
        return ()
    return tuple(each.decode("utf-8", "replace") for each in data.split(b"\0") if each)


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("net/tcp", "net/tcp6"):
        try:
            lines = (PROC / table).read_text(encoding="utf-8").splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _open_sockets(folder: Path) -> set[str]:
    found = set[str]()
    with suppress(OSError):
        for each in folder.iterdir():
            with suppress(OSError):
                target = str(each.readlink())
                if re.fullmatch(r"socket:\[\d+\]", target):
                    found.add(target)
    return found
