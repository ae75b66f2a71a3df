"""The defects that can be put into a running definition, and why some are not shown that way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.documents import as_list, as_object
from tasks.release.api_check import API_VARIABLE

if TYPE_CHECKING:
    from tasks.documents import Json
    from tasks.settings import Service

Defect = dict[str, "Json"]
# An ELF file's beginning as for a 64-bit ARM: the kernel refuses it before it reads on.
FOREIGN_PROGRAM = r"\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\002\000\267\000\001\000\000\000"
PYTHON = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[2]))
        self.send_header("X-App-Version", sys.argv[3])
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.HTTPServer(("0.0.0.0", int(sys.argv[1])), Handler).serve_forever()
"""
NGINX = """
pid /tmp/nginx.pid;
events {}
http {
  client_body_temp_path /tmp/a; proxy_temp_path /tmp/b; fastcgi_temp_path /tmp/c;
  uwsgi_temp_path /tmp/d; scgi_temp_path /tmp/e;
  access_log off;
  server { listen %s; location / { add_header X-App-Version %s always; return %s; } }
}
"""
# What the image of either service has answers: nginx, or else Python.
SERVER = """
echo "Listening at: http://0.0.0.0:$1"
version=$3
[ -n "$version" ] || version=$APP_VERSION
command -v nginx > /dev/null || exec python3 -c "$4" "$1" "$2" "$version"
printf "$5" "$1" "$version" "$2" > /tmp/nginx.conf
exec nginx -e stderr -c /tmp/nginx.conf -g "daemon off;"
"""
Change = Callable[[Defect, Defect], None]


@dataclass(frozen=True)
class Broken:
    """A defect: what it does to a service's container within its definition."""

    name: str
    change: Change

    def apply(self, definition: Defect, service: Service) -> Defect:
        """Return the definition with the defect in the service's container."""
        containers = map(as_object, as_list(definition["containerDefinitions"]))
        self.change(next(each for each in containers if each.get("name") == service.container), definition)
        return definition


def _command(*words: str) -> Change:
    def change(container: Defect, _: Defect) -> None:
        container["command"] = list(words)

    return change


def _serving(status: str, version: str = "", beside: int = 0) -> Change:
    """Have something else answer, on the container's port or on one `beside` it."""

    def change(container: Defect, _: Defect) -> None:
        port = int(str(as_object(as_list(container["portMappings"])[0])["containerPort"])) + beside
        container["command"] = ["sh", "-c", SERVER, "serve", str(port), status, version, PYTHON, NGINX]

    return change


def _refused_environment(container: Defect, _: Defect) -> None:
    """Take a secret away, or, of a service that needs none, give its one variable a value that is no address."""
    secrets = as_list(container.get("secrets") or [])
    if secrets:
        container["secrets"] = secrets[1:]
    else:
        _set(container, API_VARIABLE, "no address")


def wrong_api(container: Defect, _: Defect) -> None:
    """Have a page ask an API where nobody listens."""
    _set(container, API_VARIABLE, "http://127.0.0.1:9")


def _set(container: Defect, name: str, value: str) -> None:
    others = [each for each in as_list(container.get("environment") or []) if as_object(each).get("name") != name]
    container["environment"] = [*others, {"name": name, "value": value}]


def _secret(container: Defect, definition: Defect) -> Defect:
    """Return the container's first secret; where it has none, a new one that names the backend's."""
    secrets = as_list(container.get("secrets") or [])
    if not secrets:
        region = as_object(as_object(container["logConfiguration"])["options"])["awslogs-region"]
        account = str(definition["executionRoleArn"]).split(":")[4]
        arn = f"arn:aws:secretsmanager:{region}:{account}:secret:spryte/openai-key"
        secrets = [{"name": "PRACTISED", "valueFrom": arn}]
        container["secrets"] = secrets
    return as_object(secrets[0])


def _no_such_secret(container: Defect, definition: Defect) -> None:
    first = _secret(container, definition)
    first["valueFrom"] = str(first["valueFrom"]).partition(":secret:")[0] + ":secret:spryte/no-such-secret"


def _no_such_key(container: Defect, definition: Defect) -> None:
    first = _secret(container, definition)
    first["valueFrom"] = f"{first['valueFrom']}:no-such-key::"


def _image(container: Defect, _: Defect) -> None:
    container["image"] = str(container["image"]).partition("@")[0] + f"@sha256:{'0' * 64}"


def _registry(container: Defect, _: Defect) -> None:
    container["image"] = f"127.0.0.1:9/{container['name']}:0.0.0"


ALL = (
    Broken("crash-at-start", _command("sh", "-c", "echo the database is on fire; exit 7")),
    Broken("out-of-memory", _command("sh", "-c", "echo loading everything; exit 137")),
    Broken("missing-variable", _refused_environment),
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
    Broken("port-mismatch", _serving("200", beside=1)),
    Broken("wrong-version", _serving("200", "9.9.9")),
    Broken("http-500", _serving("500")),
    Broken("not-answering", _serving("404")),
)
FAILURES = {each.name: each for each in ALL}
NO_HEALTH = "it does not run container health checks, and calls every target healthy."
NOT_HERE = {
    "container-health-path": NO_HEALTH,
    "target-health-path": NO_HEALTH,
    "health-tool-missing": NO_HEALTH,
    "check-unanswered": NO_HEALTH,
    "slow-start": NO_HEALTH,
    "target-unreachable": NO_HEALTH,
    "secret-empty": "it tells a secret without a value and a missing one in the same words.",
    "secret-denied": "it does not ask the execution role's policy for secrets.",
    "pull-denied": "its registry lets everybody pull.",
    "pull-failed": "its registry has no limits, it gives a task no disk of its own, and it assumes any role.",
    "ignores-sigterm": "it removes old containers at once, and reports no exit code of theirs.",
    "log-group-missing": "it starts a container whose log group is missing, and drops what it writes.",
    "pass-role-denied": "it does not enforce iam:PassRole.",
    "throttled": "it never throttles.",
    "credentials-expired": "its credentials do not expire.",
    "foreign-controller": "its services are all brought up by ECS itself.",
}
