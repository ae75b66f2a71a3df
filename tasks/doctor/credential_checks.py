"""doctor, for credentials that lie in the repository or in its history: 7.2 of the manual procedure.

What is found is told by its kind and place; never the credential itself.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.credential_kinds import IN_ADDRESS, PRIVATE_KEY, detectors, marked
from tasks.doctor.finding import Finding, ok
from tasks.git import Git, GitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path


WHERE = "credentials"
# What AWS lets one download, what ssh and TLS make, and where tools keep theirs.
PATTERNS = (
    "*accessKeys*.csv", "rootkey.csv", "*credentials*.csv", ".aws/credentials", ".env", ".env.*",
    "*.pem", "*.key", "*.p12", "id_rsa", "id_ed25519", "id_ecdsa",
)  # fmt: skip
EXAMPLE = "ptnadmin_accessKeys.csv"
FILE_BYTES = 2_000_000  # what is committed of a larger one, the history holds
HUNK = re.compile(rb"(@@+) .*?\+(\d+)(?:,\d+)? @@")
LOOKS = "looks like a credential"
# Hosts nobody can have: https://www.rfc-editor.org/rfc/rfc2606 and loopback
NOBODY = re.compile(r"@(?:[\w.-]+\.)?(?:example(?:\.(?:com|net|org))?|test|invalid|localhost|127\.0\.0\.1)\b")
ALLOWED = b"pragma: allowlist secret"  # the scanner's own mark
LEAK_FIX = "Deactivate it where it was issued, then take it out; what was pushed stays known: docs/runbook.md"
TRACKED_FIX = "Deactivate it where it was issued, for what was pushed stays known (docs/runbook.md); then:"


@dataclass(frozen=True)
class Added:
    """A line that a commit added to a file, by its number in the file as that commit left it."""

    commit: str
    name: str
    number: int
    text: bytes


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
        # folders are what tools make, and .env is where settings belong
        if name.endswith("/") or name.rpartition("/")[2].startswith(".env"):
            continue
        yield Finding("WARN", WHERE, f"{name} lies here, ignored by git", f"If it is not needed: rm '{name}'")
    if not (tracked or loose or past):
        yield ok(WHERE, "no file of credentials is tracked, and none ever was")


def contents(root: Path) -> Iterator[Finding]:
    """Whether a credential stands in a tracked file or in the history, newest commits first."""
    git, seen, places = Git(root), set[str](), list[str]()
    for name in _listed(git, "ls-files", "-z"):
        for number, line in enumerate(_text(root / name).split(b"\n"), 1):
            places += [f"{name}:{number} {LOOKS}: {kind}" for kind in kinds(name, line, seen)]
    for each in added(_history(root)):
        place = f"{each.name} (added in {each.commit}):{each.number}"
        places += [f"{place} {LOOKS}: {kind}" for kind in kinds(each.name, each.text, seen)]
    for place in places:
        yield Finding("FAIL", WHERE, place, LEAK_FIX)
    if not places:
        yield ok(WHERE, f"none of {len(detectors())} kinds in tracked files and in the whole history")
    if git.is_shallow():
        yield Finding(
            "SKIPPED", WHERE, "this clone lacks history, which was not searched", "git fetch --unshallow"
        )


def kinds(name: str, line: bytes, seen: set[str]) -> Iterator[str]:
    """Return which kinds of credentials stand in a line, each credential once for all lines that share `seen`.

    The file's name tells private keys apart, of which the line shows only that one begins.
    """
    for kind, detector in marked(line) if ALLOWED not in line else ():
        text = line.decode(errors="replace")
        for found in (each for form in detector.denylist for each in form.finditer(text)):
            told = f"{name}: {found[0]}" if kind == PRIVATE_KEY else found[0]
            if told not in seen and not _is_example(kind, found):
                seen.add(told)
                yield kind


def added(patch: Iterable[bytes]) -> Iterator[Added]:
    """Return each line that a commit added, out of the lines of `git log --patch --cc --unified=0`.

    A line of a merge is added where none of its parents has it: git marks it with one `+` for each of them.
    https://git-scm.com/docs/diff-format#_combined_diff_format
    """
    commit, name, number, parents = "", "", 0, 0
    for line in patch:
        if line.startswith(b"\0"):
            commit, parents = line[1:].strip().decode(), 0
        elif line.startswith(b"diff "):
            parents = 0
        elif hunk := HUNK.match(line):
            parents, number = len(hunk[1]) - 1, int(hunk[2])
        elif not parents and line.startswith(b"+++ "):
            name = line[4:].rstrip(b"\t\r\n").decode(errors="replace").removeprefix("b/")
        elif parents and b"-" not in line[:parents] and not line.startswith(b"\\"):
            if line.startswith(b"+" * parents):
                yield Added(commit, name, number, line[parents:].rstrip(b"\r\n"))
            number += 1


def _is_example(kind: str, found: re.Match[str]) -> bool:
    if "EXAMPLE" in found[found.lastindex or 0]:  # AWS's own, in its documentation
        return True
    return kind == IN_ADDRESS and bool(NOBODY.match(found.string, found.end() - 1))


def _history(root: Path) -> Iterator[bytes]:
    """Return the whole history as the lines of a patch, as git tells them: it may be larger than the memory.

    Raises:
        GitError: git could not read all of it.
    """
    options = (
        "--all",
        "--patch",
        "--cc",  # what a merge itself changed
        "--unified=0",
        "--diff-filter=d",  # a file that a commit takes away, an older one brought in
        "--no-color",
        "--no-ext-diff",
        "--no-textconv",
        "--format=%x00%h",
    )
    command = ["git", "-C", str(root), "-c", "core.quotePath=false", "-c", "log.showRoot=true", "log", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    ) as git:
        yield from git.stdout or ()
    if git.returncode:
        raise GitError(
            f"git could not read the whole history of {root}.", fix="See what is damaged: git fsck --full"
        )


def _text(path: Path) -> bytes:
    """Return a file's text, empty for what is none."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > FILE_BYTES:
        return b""
    content = path.read_bytes()
    return b"" if b"\0" in content[:8000] else content


def _listed(git: Git, *arguments: str) -> list[str]:
    return [name for name in git.run(*arguments).split("\0") if name.strip()]


def _anywhere() -> Sequence[str]:
    """Return the patterns as git's path specifications, matched in every folder and in any case."""
    return [*(f":(top,glob,icase)**/{pattern}" for pattern in PATTERNS), ":(top,glob,exclude)**/.env.example"]
