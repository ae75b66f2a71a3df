"""What a version looks like: X.Y.Z, three numbers without leading zeros."""

from __future__ import annotations

import re

from tasks.errors import UsageError

VERSION = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")


class VersionError(UsageError):
    """`--version` is not `X.Y.Z`."""

    def __init__(self, version: str) -> None:
        what = f"'{version}' is not a version." if version else "No version was given."
        bare = version.lstrip("vV")
        example = bare if VERSION.fullmatch(bare) else "0.1.5"
        super().__init__(what, fix=f"Give three numbers joined by dots, for example --version={example}.")


def checked_version(version: str) -> str:
    """Return `version` when it is `X.Y.Z`, three numbers without leading zeros.

    Raises:
        VersionError: it is not.
    """
    if not VERSION.fullmatch(version):
        raise VersionError(version)
    return version
