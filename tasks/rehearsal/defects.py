"""The defects that can be put into a running definition, and why some are not shown that way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.documents import as_list, as_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.documents import Json
    from tasks.settings import Service

Defect = dict[str, "Json"]
# An ELF file's beginning as for a 64-bit ARM: the kernel refuses it before it reads on.
FOREIGN_PROGRAM = r"\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\002\000\267\000\001\000\000\000"
SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[2]))
        self.send_header("X-App-Version", sys.argv[3] or os.environ["APP_VERSION"])
        self.end_headers()
    def log_message(self, *_):
        pass
print("Listening at: http://0.0.0.0:" + sys.argv[1], flush=True)
http.server.HTTPServer(("0.0.0.0", int(sys.argv[1])), Handler).serve_forever()
"""


@dataclass(frozen=True)
class Broken:
    """A defect: what it does to a service's container, and which service shows it (empty: the one named)."""

    name: str
    change: Callable[[Defect], None]
    service: str = "backend"

    def apply(self, definition: Defect, service: Service) -> Defect:
        """Return the definition with the defect in the service's container."""
        containers = map(as_object, as_list(definition["containerDefinitions"]))
        self.change(next(each for each in containers if each.get("name") == service.container))
        return definition


def _command(*words: str) -> Callable[[Defect], None]:
    def change(container: Defect) -> None:
        container["command"] = list(words)

    return change


def _serving(port: str, status: str, version: str) -> Callable[[Defect], None]:
    return _command("python3", "-c", SERVER, port, status, version)


def _without_first_secret(container: Defect) -> None:
    container["secrets"] = as_list(container.get("secrets"))[1:]


def _no_such_secret(container: Defect) -> None:
    first = as_object(as_list(container.get("secrets"))[0])
    first["valueFrom"] = str(first["valueFrom"]).partition(":secret:")[0] + ":secret:spryte/no-such-secret"


def _no_such_key(container: Defect) -> None:
    first = as_object(as_list(container.get("secrets"))[0])
    first["valueFrom"] = f"{first['valueFrom']}:no-such-key::"


def _image(container: Defect) -> None:
    container["image"] = str(container["image"]).partition("@")[0] + f"@sha256:{'0' * 64}"


def _registry(container: Defect) -> None:
    container["image"] = "127.0.0.1:9/spryte-backend:0.0.0"


ALL = (
    Broken("crash-at-start", _command("python3", "-c", "print('the database is on fire', flush=True); exit(7)")),
    Broken("out-of-memory", _command("python3", "-c", "print('loading everything', flush=True); exit(137)")),
    Broken("missing-variable", _without_first_secret),
    Broken("secret-missing", _no_such_secret),
    Broken("secret-key-missing", _no_such_key),
    Broken("image-missing", _image),
    Broken("registry-unreachable", _registry),
    Broken(
        "wrong-architecture",
        _command(
            "sh", "-c", f"printf '{FOREIGN_PROGRAM}' > /tmp/program; chmod +x /tmp/program; exec /tmp/program"
        ),
    ),
    Broken("command-not-found", _command("sh", "-c", "exec no-such-program")),
    Broken("exits-cleanly", _command("true")),
    Broken("port-mismatch", _serving("5001", "200", "")),
    Broken("wrong-version", _serving("5000", "200", "9.9.9")),
    Broken("http-500", _serving("5000", "500", "")),
)
FAILURES = {each.name: each for each in ALL}
NO_HEALTH = "it does not run container health checks, and calls every target healthy."
NOT_HERE = {
    "container-health-path": NO_HEALTH,
    "target-health-path": NO_HEALTH,
    "health-tool-missing": NO_HEALTH,
    "slow-start": NO_HEALTH,
    "target-unreachable": NO_HEALTH,
    "secret-denied": "it does not ask the execution role's policy for secrets.",
    "pull-denied": "its registry lets everybody pull.",
    "ignores-sigterm": "it removes old containers at once, and reports no exit code of theirs.",
    "log-group-missing": "it starts a container whose log group is missing, and drops what it writes.",
    "api-unreachable": "it needs a page that names another address: set VITE_API_URL in the template and deploy.",
    "pass-role-denied": "it does not enforce iam:PassRole.",
    "throttled": "it never throttles.",
    "credentials-expired": "its credentials do not expire.",
    "foreign-controller": "its stack has no such service.",
    "invalid-size": "it is refused before anything is built: give the template a memory of 4096, and deploy.",
    "desired-count-zero": "it is refused before anything is built: scale the service to 0, and deploy.",
    "superseded": "it takes two deploys: start the second with --force while the first comes up.",
    "interrupted": "press Ctrl-C while a deploy waits.",
    "not-answering": "nothing in a definition makes it: set APP_URL to a wrong address, and deploy.",
}
