"""What this machine is, and its packages where it is a Debian or an Ubuntu."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tasks.errors import NotReadyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tasks.report import Report

System = Literal["debian", "linux", "macos", "windows"]
OS_RELEASE = Path("/etc/os-release")
LAST_LINES = 15


class PackageError(NotReadyError):
    """A Debian package could not be installed."""

    def __init__(self, packages: Sequence[str], lines: Sequence[str]) -> None:
        command = install_command(packages)
        super().__init__(
            f"apt-get could not install {', '.join(packages)}.",
            fix=f"Fix what apt-get says, then run it by hand: {command}",
            evidence=lines,
        )


@dataclass(frozen=True)
class Machine:
    """The kind of system this is, and whether this user is its root."""

    system: System
    root: bool

    @property
    def installs(self) -> bool:
        """Whether packages can be installed here without asking anybody."""
        return self.system == "debian" and self.root


def this_machine() -> Machine:
    """Return what this machine is."""
    if sys.platform == "win32":
        return Machine("windows", root=False)
    text = OS_RELEASE.read_text(encoding="utf-8") if OS_RELEASE.exists() else ""
    return Machine(system_of(sys.platform, text), root=os.geteuid() == 0)


def system_of(platform: str, os_release: str) -> System:
    """Return the kind of system, from Python's name for it and from `/etc/os-release`."""
    if platform == "win32":
        return "windows"
    if platform == "darwin":
        return "macos"
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    names = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', "").split()
    return "debian" if {"debian", "ubuntu"} & set(names) else "linux"


def install_command(packages: Sequence[str]) -> str:
    """Return what a person would type to install packages."""
    return f"sudo apt-get update && sudo apt-get install -y --no-install-recommends {' '.join(packages)}"


def install(packages: Sequence[str], report: Report) -> None:
    """Install packages, as root.

    Raises:
        PackageError: apt-get failed; with its last lines.
    """
    report.say(f"installing {', '.join(packages)} with apt-get (this takes half a minute)")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # Another apt may be at work, for example the one that a new machine runs by itself.
    quiet = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=120")
    for arguments in (("update",), ("install", "-y", "--no-install-recommends", *packages)):

        def show(line: str) -> None:
            if line.startswith("Setting up "):
                report.say(line.strip().rstrip(". "))

        code, lines = run((*quiet, *arguments), environment, show)
        if code:
            raise PackageError(packages, lines)


def run(
    command: Sequence[str], environment: Mapping[str, str], show: Callable[[str], None]
) -> tuple[int, tuple[str, ...]]:
    """Run a program to its end, handing each line it prints to `show`; returns its code and last lines."""
    last: deque[str] = deque(maxlen=LAST_LINES)
    with subprocess.Popen(
        list(command),
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            last.append(line.rstrip())
            show(line)
    return process.returncode, tuple(last)
