"""doctor, for credentials that lie in the repository or in its history: 7.2 of the manual procedure.

What is found is told by its kind and place; never the credential itself.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from tasks.credential_kinds import IN_ADDRESS, detectors
from tasks.doctor.finding import Finding, ok
from tasks.git import Git

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from detect_secrets.plugins.base import BasePlugin


WHERE = "credentials"
# What AWS lets one download, what ssh and TLS make, and where tools keep theirs.
PATTERNS = (
    "*accessKeys*.csv",
    "*credentials*.csv",
    "rootkey.csv",
    "*.pem",
    "*.key",
    "*.p12",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    ".env",
    ".env.*",
    ".aws/credentials",
)
SHOWN_TO_ALL = (".env.example", ".env.sample", ".env.template")
EXAMPLE = "ptnadmin_accessKeys.csv"
FILE_BYTES = 2_000_000
# Hosts nobody can have: https://www.rfc-editor.org/rfc/rfc2606 and loopback
NOBODY = re.compile(r"@(?:[\w.-]+\.)?(?:example(?:\.(?:com|net|org))?|test|invalid|localhost|127\.0\.0\.1)\b")
ALLOWED = "pragma: allowlist secret"  # the scanner's own mark
LEAK_FIX = "Deactivate it where it was issued, then take it out; what was pushed stays known: docs/runbook.md"
TRACKED_FIX = "Deactivate it where it was issued, for what was pushed stays known (docs/runbook.md); then:"


def files(root: Path) -> Iterator[Finding]:
    """Whether files that hold credentials are tracked, were ever committed, or would be by the next `git add`."""
    git = Git(root)
    tracked = _listed(git, "ls-files", "-z", "--", *_anywhere())
    loose = _listed(git, "ls-files", "-z", "--others", "--exclude-standard", "--", *_anywhere())
    ignored = _listed(
        git, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory", "--", *_anywhere()
    )
    # a file of credentials that was renamed was added under its old name
    log = ("log", "--all", "--no-renames", "--format=", "--name-only", "--diff-filter=A", "-z", "--", *_anywhere())
    past = sorted(set(_listed(git, *log)) - set(tracked))
    for name in tracked:
        yield Finding("FAIL", WHERE, f"{name} is tracked by git", f"{TRACKED_FIX} git rm --cached '{name}'")
    for name in loose:
        yield Finding("FAIL", WHERE, f"{name} lies here and is not ignored", "Delete it, or add it to .gitignore.")
    for name in past:
        yield Finding("FAIL", WHERE, f"{name} was committed once and is in the history", LEAK_FIX)
    if not git.succeeds("check-ignore", "--quiet", "--no-index", EXAMPLE):
        yield Finding("FAIL", WHERE, f"{EXAMPLE} is not ignored by git", "echo '*accessKeys*.csv' >> .gitignore")
    for name in ignored:
        if name.endswith("/") or name.rpartition("/")[2] == ".env":  # folders are what tools make
            continue
        yield Finding("WARN", WHERE, f"{name} lies here, ignored by git", f"If it is not needed: rm '{name}'")
    if not (tracked or loose or past):
        yield ok(WHERE, "no file of credentials is tracked, and none ever was")


def contents(root: Path) -> Iterator[Finding]:
    """Whether a credential stands in a tracked file or in the history, newest commits first."""
    scanners, git = detectors(), Git(root)
    seen = set[str]()
    tracked = ((name, _text(root / name)) for name in _listed(git, "ls-files", "-z"))
    places = [each for name, text in tracked for each in search(name, text, scanners, seen)]
    for name, text in added(_history(root)):
        places += search(name, text, scanners, seen)
    for place in dict.fromkeys(places):
        yield Finding("FAIL", WHERE, place, LEAK_FIX)
    if not places:
        yield ok(WHERE, f"none of {len(scanners)} kinds in tracked files and in the whole history")
    if git.is_shallow():
        yield Finding(
            "SKIPPED", WHERE, "this clone lacks history, which was not searched", "git fetch --unshallow"
        )


def search(name: str, text: str, detectors: Mapping[str, BasePlugin], seen: set[str]) -> Iterator[str]:
    """Return where credentials stand in a text, each credential once for all texts that share `seen`."""
    for kind, detector in detectors.items():
        for secret in detector.analyze_string(text):
            if secret in seen:
                continue
            line = _line(text, secret, kind)
            if line:
                seen.add(secret)
                yield f"{name}:{line} looks like a credential: {kind}"


def added(diff: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Return what each commit added to each file, out of the lines of `git log --patch --unified=0`."""
    commit, name, lines = "", "", list[str]()
    for line in diff:
        if line.startswith(("\0", "+++ ")):
            if lines:
                yield f"{name} (added in {commit})", "\n".join(lines)
            lines = []
            if line.startswith("\0"):
                commit = line[1:]
            else:
                name = line[4:].removeprefix("b/")
        elif line.startswith("+"):
            lines.append(line[1:])
    if lines:
        yield f"{name} (added in {commit})", "\n".join(lines)


def _line(text: str, secret: str, kind: str) -> int:
    """Return the line of the first use of a credential that is a real one; 0 where each is an example."""
    if "EXAMPLE" in secret:  # AWS's own, in its documentation
        return 0
    position = text.find(secret)
    while position >= 0:
        after = position + len(secret)
        line = text[text.rfind("\n", 0, position) + 1 : (text.find("\n", after) + 1 or len(text) + 1) - 1]
        nobody = kind == IN_ADDRESS and (text[after : after + 1] != "@" or NOBODY.match(text, after))
        if ALLOWED not in line and not nobody:
            return text.count("\n", 0, position) + 1
        position = text.find(secret, after)
    return 0


def _history(root: Path) -> Iterator[str]:
    """Yield the lines of the whole history as a patch; it is never held as a whole."""
    options = (
        "--all",
        "--patch",
        "--unified=0",
        "--diff-filter=d",  # a file that a commit takes away, an older one brought in
        "--no-color",
        "--no-ext-diff",
        "--no-textconv",
        "--format=%x00%h",
    )
    command = ["git", "-C", str(root), "-c", "core.quotePath=false", "log", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    ) as git:
        for line in git.stdout or ():
            yield line.decode(errors="replace").rstrip("\n")


def _text(path: Path) -> str:
    """Return a file's text, empty for what is none."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > FILE_BYTES:
        return ""
    content = path.read_bytes()
    return "" if b"\0" in content[:8000] else content.decode(errors="replace")


def _listed(git: Git, *arguments: str) -> list[str]:
    return [name for name in git.run(*arguments).split("\0") if name.strip()]


def _anywhere() -> Sequence[str]:
    """Return the patterns as git's path specifications, matched in every folder and in any case."""
    meant = [f":(top,glob,icase)**/{pattern}" for pattern in PATTERNS]
    return [*meant, *(f":(top,glob,icase,exclude)**/{name}" for name in SHOWN_TO_ALL)]
