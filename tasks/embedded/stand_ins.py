"""Base images made of Debian's packages alone, for machines that reach Debian's archive but no registry.

One Debian base, made by mmdebstrap, is shared by all of them; each adds its packages as one layer on top. So a
second one costs little time, and a registry holds the base once.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tasks.docker_messages import messages
from tasks.embedded import debian, streams
from tasks.errors import NotReadyError, UsageError
from tasks.sdk_errors import asking_docker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tasks.clients import Clients
    from tasks.docker_messages import Message
    from tasks.report import Report
    from tasks.settings import StandIns

PLATFORM = "linux/amd64"
REPOSITORY = "spryte-stand-in"
STEP = re.compile(r"I: (running|downloading|extracting|installing|creating) ")
NAMED = "name images that can be pulled in .env: PYTHON_IMAGE=…, NODE_IMAGE=…, NGINX_IMAGE=…"
CERTIFICATES = Path("/usr/local/share/ca-certificates")
TOOLS = ("mmdebstrap", "debian-archive-keyring")
# https://manpages.debian.org/deb-version and Debian Policy 5.6.7
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")
SUITE = re.compile(r"[a-z][a-z0-9-]*")

# Of no use in a container, and a third of the image. Licences stay.
LEFT_OUT = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "usr/include",
    "dev",
    "var/cache",
)
LEAN = """\
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/info/*
path-exclude=/usr/include/*
path-exclude=/usr/lib/*.a
force-unsafe-io
"""
# Behind a proxy that inspects HTTPS, builds need the authorities that this machine trusts.
BASE = """\
FROM scratch
ADD root.tar /
COPY lean /etc/dpkg/dpkg.cfg.d/lean
COPY certificates/ /usr/local/share/ca-certificates/
RUN update-ca-certificates
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \\
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt \\
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
CMD ["bash"]
"""
ON_TOP = """\
FROM {base}
RUN export DEBIAN_FRONTEND=noninteractive && apt-get -q update \\
    && apt-get -q install -y --no-install-recommends {packages} \\
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
"""


class StandInError(NotReadyError):
    """A base image can be neither pulled nor made."""

    def __init__(self, what: str, problem: str, fix: str, lines: Sequence[str] = ()) -> None:
        pulling = f" The official image did not come either: {problem}" if problem else ""
        super().__init__(f"{what}{pulling}", fix=fix, evidence=lines)


class RecipeError(UsageError):
    """`stand_ins` in invoke.yaml is malformed."""


@dataclass(frozen=True)
class Recipe:
    """What a stand-in is made of; `base` is the tag of the Debian base below it."""

    name: str
    suite: str
    packages: tuple[str, ...]
    base: str

    @property
    def tag(self) -> str:
        """The image's tag; another recipe, another tag."""
        return f"{REPOSITORY}/{self.name}:{self.suite}-{_digest([self.base, self.packages, ON_TOP])}"


def recipes(settings: StandIns, certificates: Path = CERTIFICATES) -> dict[str, Recipe]:
    """Return every stand-in's recipe by name.

    Raises:
        RecipeError: the suite or a package cannot be one.
    """
    if not SUITE.fullmatch(settings.suite):
        raise RecipeError(
            f"invoke.yaml: stand_ins.suite: '{settings.suite}' is not a Debian suite.", fix="Use trixie."
        )
    for name, packages in settings.packages.items():
        wrong = [each for each in packages if not PACKAGE.fullmatch(each)]
        if wrong or not packages:
            raise RecipeError(
                f"invoke.yaml: stand_ins.images.{name}: '{', '.join(wrong)}' is not a Debian package.",
                fix="Give a list of package names, in lower case.",
            )
    trusted = [each.read_text(encoding="utf-8", errors="replace") for each in _trusted(certificates)]
    made_of = _digest([settings.suite, trusted, BASE, LEAN, LEFT_OUT])
    base = f"{REPOSITORY}/debian:{settings.suite}-{made_of}"
    return {name: Recipe(name, settings.suite, packages, base) for name, packages in settings.packages.items()}


def build(wanted: Sequence[Recipe], problem: str, clients: Clients, report: Report) -> None:
    """Make stand-ins, all at once on top of their base.

    Args:
        wanted: what to make; at least one, all with the same base.
        problem: why the official images did not come.
        clients: Docker and time.
        report: who hears what is done.

    Raises:
        StandInError: mmdebstrap is missing and cannot be installed, or a step failed; with its last lines.
    """
    names = ", ".join(each.name for each in wanted)
    report.say(f"not pulled ({problem or 'no registry was asked'})")
    report.say(f"making stand-in base images from Debian packages: {names} (one or two minutes, this once)")
    began = clients.clock()
    with asking_docker("looking for the base image"):
        have_base = bool(clients.docker.api.images(name=wanted[0].base))
    if not have_base:
        _build_base(wanted[0], problem, clients, report)
    sources = {each.name: _layer(each, clients) for each in wanted}
    _follow(sources, problem, report)
    report.say(f"stand-in base images made in {clients.clock() - began:.0f} s: {names}")


def _build_base(recipe: Recipe, problem: str, clients: Clients, report: Report) -> None:
    _ensure_tools(problem, report)
    with TemporaryDirectory(prefix="spryte-base-") as temporary:
        folder = Path(temporary)
        bootstrap, context = folder / "all.tar", folder / "context"
        (context / "certificates").mkdir(parents=True)
        command = ("mmdebstrap", "--variant=apt", "--architectures=amd64", "--include=ca-certificates")
        code, lines = debian.run(
            (*command, recipe.suite, str(bootstrap)),
            os.environ,
            lambda line: report.say(f"debian: {line[3:].strip()}") if STEP.match(line) else None,
        )
        if code:
            fix = f"Fix what mmdebstrap says (is a mirror of Debian reachable?), or {NAMED}"
            raise StandInError(f"mmdebstrap could not make Debian {recipe.suite}.", problem, fix, lines)
        slim(bootstrap, context / "root.tar")
        bootstrap.unlink()
        for each in _trusted(CERTIFICATES):
            shutil.copy(each, context / "certificates")
        (context / "lean").write_text(LEAN, encoding="utf-8")
        (context / "Dockerfile").write_text(BASE, encoding="utf-8")
        _follow({"debian": _image(context, recipe.base, clients)}, problem, report)


def slim(source: Path, target: Path) -> None:
    """Copy an archive of a root file system without what no container needs."""
    with tarfile.open(source) as everything, tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as kept:
        for member in everything:
            path = member.name.removeprefix("./")
            licence = path.startswith("usr/share/doc/") and path.endswith("/copyright")
            if not licence and not member.isdir() and path.startswith(tuple(f"{each}/" for each in LEFT_OUT)):
                continue
            kept.addfile(member, everything.extractfile(member) if member.isreg() else None)


def _ensure_tools(problem: str, report: Report) -> None:
    if shutil.which("mmdebstrap"):
        return
    machine = debian.this_machine()
    if machine.installs:
        debian.install(TOOLS, report)
        return
    fix = f"Run: {debian.install_command(TOOLS)}" if machine.system == "debian" else "Make the registry reachable"
    raise StandInError("A stand-in base image needs mmdebstrap.", problem, f"{fix}, or {NAMED}")


def _layer(recipe: Recipe, clients: Clients) -> Callable[[], Iterable[Message]]:
    def source() -> Iterable[Message]:
        with TemporaryDirectory(prefix="spryte-stand-in-") as temporary:
            text = ON_TOP.format(base=recipe.base, packages=" ".join(recipe.packages))
            Path(temporary, "Dockerfile").write_text(text, encoding="utf-8")
            yield from _image(Path(temporary), recipe.tag, clients)()

    return source


def _image(context: Path, tag: str, clients: Clients) -> Callable[[], Iterable[Message]]:
    def source() -> Iterable[Message]:
        stream = clients.docker.api.build(
            path=str(context),
            tag=tag,
            platform=PLATFORM,
            labels={
                "org.opencontainers.image.title": tag,
                "org.opencontainers.image.description": "Stand-in for an official base image, made of Debian "
                "packages on this machine; only for rehearsals.",
            },
            rm=True,
            forcerm=True,
            decode=True,
        )
        return messages(stream)

    return source


def _follow(sources: dict[str, Callable[[], Iterable[Message]]], problem: str, report: Report) -> None:
    """Show how far the builds are, in packages set up."""
    lines = {name: list[str]() for name in sources}
    total, done = dict.fromkeys(sources, 0), dict.fromkeys(sources, 0)
    with asking_docker("making a stand-in base image"):
        for name, message in streams.merged(sources):
            if message.error:
                fix = f"Fix what it says, or {NAMED}"
                what = f"The stand-in base image {name} was not made: {message.error}"
                raise StandInError(what, problem, fix, lines[name][-debian.LAST_LINES :])
            for line in message.lines:
                lines[name].append(line)
                count = re.match(r"\d+ upgraded, (\d+) newly installed", line)
                total[name] = int(count[1]) if count else total[name]
                done[name] += line.startswith("Setting up ")
                if total[name]:
                    report.progress(f"{name}: packages set up", done[name], total[name])


def _trusted(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.crt")) if folder.is_dir() else []


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
