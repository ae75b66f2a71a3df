"""The wrapper: what it sets up, when, and what it says where it cannot."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.project import HERE

if TYPE_CHECKING:
    from collections.abc import Mapping

# What the wrapper itself may need; no Python is among it.
TOOLS = ("cat", "chmod", "cmp", "cp", "dirname", "mkdir", "rm", "sh")
OLD = "#!/bin/sh\nexit 1\n"
WITHOUT_VENV = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n'
# Makes a `.venv` in no time, whose Python notes what it is asked to do.
QUICK = """#!/bin/sh
[ "$1" = -m ] || exit 0
mkdir -p "$4/bin"
cat >"$4/bin/python" <<'END'
#!/bin/sh
[ "$1" = -c ] || echo "$@" >>"$NOTES"
case "$2" in pip) exit "${PIP_FAILS:-0}";; esac
END
chmod +x "$4/bin/python"
"""


@dataclass(frozen=True)
class Checkout:
    """A checkout with only the wrapper and its requirements, and a PATH with only a few tools."""

    root: Path
    path: Path
    notes: Path

    def has(self, name: str, script: str) -> None:
        """Put a program on PATH."""
        (self.path / name).write_text(script)
        (self.path / name).chmod(0o755)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the wrapper from another folder."""
        return run(self.root / "inv", arguments, {"PATH": str(self.path), "NOTES": str(self.notes), **environment})

    @property
    def asked(self) -> list[str]:
        """What the Python of `.venv` was asked to do, one word each."""
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return [line.split()[1] for line in lines]


def run(
    inv: Path, arguments: tuple[str, ...], environment: Mapping[str, str], folder: str = "/"
) -> subprocess.CompletedProcess[str]:
    """Run a wrapper with nothing but this environment."""
    return subprocess.run(
        [str(inv), *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout in a folder with a space."""
    made = Checkout(tmp_path / "a project", tmp_path / "bin", tmp_path / "notes")
    made.root.mkdir()
    made.path.mkdir()
    shutil.copy(HERE / "inv", made.root / "inv")
    (made.root / "requirements.txt").write_text("invoke==0.0.1\n")
    for tool in TOOLS:
        (made.path / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    return made


def test_without_a_python_it_says_which_to_install(checkout: Checkout) -> None:
    done = checkout.run("--list")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: There is no Python 3.11 or newer on PATH.\n  fix: Install it (Debian: ")
    assert not (checkout.root / ".venv").exists()


def test_an_old_python_is_passed_over(checkout: Checkout) -> None:
    checkout.has("python3", OLD)
    assert checkout.run("--list").returncode == 3
    checkout.has("python3.12", QUICK)
    assert checkout.run("--list").returncode == 0


def test_without_the_venv_module_it_says_which_package_has_it(checkout: Checkout) -> None:
    checkout.has("python3", WITHOUT_VENV)
    done = checkout.run("--list")
    assert done.returncode == 3
    assert done.stderr == (
        f"error: {checkout.path}/python3 has no venv module.\n"
        "  fix: Debian and Ubuntu keep it in a package of its own: apt-get install python3-venv\n"
    )


def test_requirements_are_installed_once(checkout: Checkout) -> None:
    checkout.has("python3", QUICK)
    first, second = checkout.run("--list"), checkout.run("--list")
    assert first.stderr == "setting up .venv (once)\n"
    assert second.stderr == ""
    assert checkout.asked == ["pip", "invoke", "invoke"]


def test_they_are_installed_again_when_they_changed(checkout: Checkout) -> None:
    checkout.has("python3", QUICK)
    checkout.run("--list")
    (checkout.root / "requirements.txt").write_text("invoke==0.0.2\n")
    checkout.run("--list")
    assert checkout.asked == ["pip", "invoke", "pip", "invoke"]


def test_and_in_a_checkout_that_was_moved(checkout: Checkout, tmp_path: Path) -> None:
    checkout.has("python3", QUICK)
    checkout.run("--list")
    checkout.root.rename(tmp_path / "moved")
    moved = Checkout(tmp_path / "moved", checkout.path, checkout.notes)
    assert moved.run("--list").returncode == 0
    assert moved.asked == ["pip", "invoke", "pip", "invoke"]


def test_and_when_the_python_of_the_venv_is_gone(checkout: Checkout) -> None:
    checkout.has("python3", QUICK)
    checkout.run("--list")
    (checkout.root / ".venv/bin/python").unlink()
    assert checkout.run("--list").returncode == 0
    assert checkout.asked == ["pip", "invoke", "pip", "invoke"]


def test_what_could_not_be_installed_is_tried_again_the_next_time(checkout: Checkout) -> None:
    checkout.has("python3", QUICK)
    failed = checkout.run("--list", PIP_FAILS="1")
    assert failed.returncode == 3
    assert "error: The requirements could not be installed.\n  fix: Check the network" in failed.stderr
    assert not (checkout.root / ".venv").exists()
    assert checkout.run("--list").returncode == 0
    assert checkout.asked == ["pip", "pip", "invoke"]


def wheel(folder: Path) -> str:
    """Write a wheel of a package `invoke` that says how it was called; return its requirement."""
    path = folder / "invoke-0.0.1-py3-none-any.whl"
    say = "import json, os, sys\nprint(json.dumps([os.getcwd(), *sys.argv[1:]]))\nsys.exit(7)\n"
    info = "invoke-0.0.1.dist-info"
    content = {
        "invoke/__init__.py": "",
        "invoke/__main__.py": say,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: invoke\nVersion: 0.0.1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        record = ""
        for name, text in content.items():
            archive.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{name},sha256={digest},{len(text)}\n"
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return f"invoke==0.0.1 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def offline(folder: Path) -> dict[str, str]:
    """Return an environment in which pip finds only what lies in a folder.

    Its Python is the real one, but lends `.venv` this one's pip instead of unpacking another for seconds.
    """
    python, lent = folder / "python", folder / "lent"
    lent.mkdir()
    pip_here = find_spec("pip")
    assert pip_here is not None
    (lent / "pip").symlink_to(Path(str(pip_here.origin)).parent)
    python.write_text(
        '#!/bin/sh\n[ "$2" = venv ] && shift 2 && set -- -m venv --without-pip "$@"\n'
        f'exec "{sys.executable}" "$@"\n'
    )
    python.chmod(0o755)
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PYTHONPATH": str(lent)}
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHON": str(python), **pip}


def test_for_real_it_runs_invoke_from_any_folder_with_its_arguments_and_exit_code(
    checkout: Checkout, tmp_path: Path
) -> None:
    (checkout.root / "requirements.txt").write_text(wheel(tmp_path))
    arguments = ("deploy", "--service=a b", "--version", "0.1.5", "*")
    environment = offline(tmp_path)
    done = run(checkout.root / "inv", arguments, environment, str(tmp_path))
    assert (done.returncode, done.stderr) == (7, "setting up .venv (once)\n")
    assert json.loads(done.stdout) == [str(tmp_path), "--search-root", str(checkout.root), *arguments]
    again = run(Path("a project/inv"), ("--list",), environment, str(tmp_path))
    assert (again.returncode, again.stderr) == (7, "")


def test_for_real_without_a_network_it_says_what_pip_must_reach(checkout: Checkout, tmp_path: Path) -> None:
    (checkout.root / "requirements.txt").write_text(f"nothing-has-this==1 --hash=sha256:{'0' * 64}\n")
    done = run(checkout.root / "inv", ("--list",), offline(tmp_path))
    assert done.returncode == 3
    assert "No matching distribution found for nothing-has-this==1" in done.stderr
    assert "error: The requirements could not be installed.\n" in done.stderr
    assert "PIP_INDEX_URL" in done.stderr
    assert not (checkout.root / ".venv").exists()
