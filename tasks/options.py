"""What the options that tasks share say of themselves on the command line."""

from __future__ import annotations

SERVICE = "Which services: one, several joined by commas, or all."
ONE_SERVICE = "Which service."
VERSION = "The version, X.Y.Z."
TARGET = "local: the embedded cloud on this machine (default). aws: production. DEPLOY_TARGET sets it too."
JSON = "Print the result as one JSON document on stdout."
DRY_RUN = "Say what would happen and change nothing."
YES = "Do not ask before production is changed."
UNASKED = "Do not ask."
COMMAND = "Program and arguments, quoted as one option. No shell is involved; for one: \"sh -c '...'\"."

COMMON = {"service": SERVICE, "target": TARGET, "json": JSON}
CHANGING = {**COMMON, "dry-run": DRY_RUN, "yes": YES}


def timeout(seconds: int) -> str:
    """Return the text of a `--timeout` with this default."""
    return f"Seconds after which to give up waiting (default: {seconds})."
