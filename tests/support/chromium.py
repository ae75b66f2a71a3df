"""A Chromium for the browser tests: the one that is there, or Debian's."""

from __future__ import annotations

import shutil
import subprocess

NAMES = ("chromium", "chromium-browser", "google-chrome")
INSTALL = (
    ("apt-get", "update", "--quiet=2"),
    ("apt-get", "install", "--yes", "--quiet=2", "--no-install-recommends", "chromium"),
)


def find_or_install() -> str:
    """Return the path of a Chromium; raises `RuntimeError` that says what to install where this cannot."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found:
        return found
    if not shutil.which("apt-get"):
        raise RuntimeError("The browser tests need Chromium: install it so that `chromium` is on PATH.")
    for command in INSTALL:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return find_or_install()
