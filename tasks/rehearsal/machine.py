"""The runner's machine: which variables of this one a step sees, and the `.venv` that `./inv` finds."""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a step needs of the machine it runs on; nothing that says who the person is, and no AWS_* at all.
KEPT = re.compile(
    r"PATH|HOME|LANG|LC_[A-Z]+|TMPDIR|PYTHON|DOCKER_[A-Z_]+|PIP_[A-Z_]+|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)"
    r"|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|GIT_SSL_CAINFO|(HTTPS?|NO|ALL)_PROXY",
    re.IGNORECASE,
)
PIN = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)( *;)?")


def kept(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of this machine that a step sees, and what keeps the person's AWS profile out."""
    return {
        **{name: value for name, value in environment.items() if KEPT.fullmatch(name)},
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def provide_python(workspace: Path) -> str:
    """Give a checkout the `.venv` that its `./inv` would make, when what runs here has the very same packages.

    `./inv` makes one by itself otherwise, which takes half a minute.

    Returns:
        What was done, in a few words.
    """
    wanted = workspace / "requirements.txt"
    if not wanted.is_file():
        return "there is no requirements.txt"
    different = _different(wanted.read_text(encoding="utf-8"))
    if different:
        return f"./inv will install the packages: {different} is not installed here"
    import venv  # noqa: PLC0415 - `inv --list` must not pay for it

    folder = workspace / ".venv"
    venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)
    libraries = sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)})
    others = [path for path in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")) if path]
    (Path(libraries) / "rehearsal.pth").write_text("\n".join(dict.fromkeys(others)) + "\n", encoding="utf-8")
    # by these two files `./inv` knows that it is up to date
    shutil.copyfile(wanted, folder / ".requirements.txt")
    (folder / ".place").write_text(f"{folder}\n", encoding="utf-8")
    return "the packages of requirements.txt are installed here already, in these versions"


def python_version() -> str:
    """Return the version of the Python that runs here."""
    return ".".join(map(str, sys.version_info[:3]))


def _different(requirements: str) -> str:
    """Return the first pinned package that is not installed here in its version; empty when all are."""
    for line in requirements.splitlines():
        pin = PIN.match(line)
        if pin is None:
            continue
        try:
            version = metadata.version(pin[1])
        except metadata.PackageNotFoundError:
            version = ""
        if version != pin[2] and (version or not pin[3]):  # a pin for another platform may lack
            return f"{pin[1]} {pin[2]}"
    return ""
