"""Tests and checks of this project itself, with the development requirements they need."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements-dev.txt"


# Most of a cloud test's time is waiting: more processes than cores pay, and each has a cloud of its own.
SIDE_BY_SIDE = ("--numprocesses=3", "--dist=loadfile")


def test(*, fast: bool, only: str) -> int:
    """Run pytest; `fast` leaves out what needs Docker or a network. Returns its exit code."""
    _require_tools()
    if only:
        return _run("pytest", only)
    return _run("pytest", *SIDE_BY_SIDE, "tests/unit" if fast else "tests")


def lint() -> int:
    """Run every check, all of them even after one failed. Returns 0 when each passed, else 1."""
    _require_tools()
    workflows = sorted(str(each.relative_to(ROOT)) for each in (ROOT / ".github/workflows").glob("*.yml"))
    checks = (
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("lint-imports", "--no-logo"),
        ("cfn-lint", "aws/stack.yaml"),
        ("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows),
        ("check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml"),
        ("zizmor", "--offline", "--pedantic", "--quiet", ".github"),
    )
    codes = [_run(*check) for check in checks]
    return max(min(code, 1) for code in codes)


def exit_with(code: int) -> None:
    """End the process with a tool's exit code; raises Invoke's `Exit` for another than 0."""
    from invoke.exceptions import Exit  # noqa: PLC0415

    if code:
        raise Exit(code=code)


def _run(program: str, *arguments: str) -> int:
    """Run a program of this very environment, from the project's root."""
    sys.stderr.write(f"$ {program} {' '.join(arguments)}\n")
    path = str(Path(sysconfig.get_path("scripts")) / program)
    return subprocess.run([path, *arguments], cwd=ROOT, check=False).returncode


def _require_tools() -> None:
    """Install the development requirements when they changed since the last time."""
    stamp = Path(sys.prefix) / ".requirements-dev"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    sys.stderr.write("installing the development requirements\n")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check"]
    code = subprocess.run([*pip, "--require-hashes", "-r", str(REQUIREMENTS)], check=False).returncode
    exit_with(code)
    stamp.write_text(wanted)
