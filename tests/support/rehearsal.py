"""Rehearsals in the deployed test environment, and a go-between that notes what they ask of AWS."""

from __future__ import annotations

import http.client
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs

from tasks.rehearsal import rehearse
from tasks.rehearsal.wanted import Wanted
from tasks.settings import load
from tests.support.fakes import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from types_boto3_iam import IAMClient

    from tasks.rehearsal.play import JobRun
    from tasks.rehearsal.rehearse import Rehearsal
    from tasks.rehearsal.steps import Result
    from tests.support.deployed import Deployed

# What the Docker Engine's requests to ECR's registry are called in a policy; what it only reads, it pulls.
REGISTRY = (
    ("HEAD", re.compile(r"/v2/.+/blobs/sha256:"), "ecr:BatchCheckLayerAvailability"),
    ("POST", re.compile(r"/v2/.+/blobs/uploads/"), "ecr:InitiateLayerUpload"),
    ("PATCH", re.compile(r"/v2/.+/blobs/uploads/"), "ecr:UploadLayerPart"),
    ("PUT", re.compile(r"/v2/.+/blobs/uploads/"), "ecr:CompleteLayerUpload"),
    ("PUT", re.compile(r"/v2/.+/manifests/"), "ecr:PutImage"),
)
SIGNED = re.compile(r"Credential=([^/]+)/[0-9]+/[^/]+/([a-z0-9-]+)/aws4_request")
EXPLAIN = "Explain why AWS gave no credentials"
CHECK = "./inv setup.aws --target=aws --check"
HOPS = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass(frozen=True)
class Rehearsed:
    """What a rehearsal did and showed."""

    runs: tuple[JobRun, ...]
    text: str

    @property
    def steps(self) -> dict[str, str]:
        """How each step of the first job went, by name."""
        return {each.name: each.state for each in self.runs[0].steps}

    @property
    def failure(self) -> Result:
        """The step that failed the first job."""
        found = self.runs[0].failure
        assert found is not None, self.text
        return found

    def explains(self, *sent: str) -> bool:
        """Return whether the workflow's own step says, in log and summary, what was sent and what to do."""
        (step,) = [each for each in self.runs[0].steps if each.name == EXPLAIN]
        (error,) = step.errors
        return all(part in each for part in (*sent, CHECK) for each in (error, step.summary))


@dataclass(frozen=True)
class Stage:
    """The deployed test environment as a place for rehearsals."""

    deployed: Deployed

    @property
    def iam(self) -> IAMClient:
        """The embedded account's IAM, as its root."""
        return self.deployed.clients.iam

    def prepare(self, wanted: Wanted, **environment: str) -> Rehearsal:
        """Do everything that comes before the first step."""
        project = self.deployed.project
        machine = {**project.environment, **environment}
        return rehearse.prepare(load(project.root, machine), wanted, machine, Recorder())

    def perform(self, rehearsal: Rehearsal) -> Rehearsed:
        """Play the steps."""
        recorder = Recorder()
        runs = rehearse.perform(rehearsal, recorder)
        return Rehearsed(runs, recorder.text)

    def play(self, tag: str, **environment: str) -> Rehearsed:
        """Rehearse a tag."""
        return self.perform(self.prepare(Wanted(tag), **environment))

    def new_commit(self) -> str:
        """Push a commit without changes to `main`, so that nothing of it is in ECR yet; returns a tag for it."""
        git = self.deployed.project.git
        git("commit", "--quiet", "--allow-empty", "--message", "Another")
        git("push", "--quiet", "origin", "HEAD:main")
        return self.tag()

    def tag(self, service: str = "backend") -> str:
        """Return a tag that nothing was deployed under."""
        return f"{service}-v{self.deployed.next_version()}"

    def tag_with(self, name: str, change: Callable[[str], str], tag: str = "") -> str:
        """Tag a commit beside `main` in which one file is changed."""
        project, tag = self.deployed.project, tag or self.tag()
        before = (project.root / name).read_text()
        assert change(before) != before
        with project.changed(name, change(before)):
            project.git("tag", tag, project.git("stash", "create"))
        return tag


@dataclass
class GoBetween:
    """A loopback port that passes everything on to the embedded cloud and notes what was asked for."""

    port: int
    upstream: int
    asked: set[str] = field(default_factory=set)

    def note(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Note a request, unless the account's root made it; who one is may be asked without a permission."""
        signed = SIGNED.search(handler.headers.get("Authorization", ""))
        if signed and signed[1] != "test" and signed[2] != "sts":
            named = handler.headers.get("X-Amz-Target", "").rpartition(".")[2]
            asked = parse_qs(body.decode()) if not named else {}
            self.asked.add(f"{signed[2]}:{named or asked.get('Action', [handler.path])[0]}")
        for method, path, action in REGISTRY:
            if handler.command == method and path.match(handler.path):
                self.asked.add(action)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    between: GoBetween


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Pass a request on and its answer back."""
        between = cast("_Server", self.server).between
        body = self._body()
        between.note(self, body)
        connection = http.client.HTTPConnection("127.0.0.1", between.upstream, timeout=120)
        kept = {name: value for name, value in self.headers.items() if name.lower() not in HOPS}
        connection.request(self.command, self.path, body, {**kept, "Content-Length": str(len(body))})
        answer = connection.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOPS | {"date", "server"}:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(content)
        connection.close()

    def do_HEAD(self) -> None:
        """Do the same."""
        self.do_GET()

    def do_POST(self) -> None:
        """Do the same."""
        self.do_GET()

    def do_PUT(self) -> None:
        """Do the same."""
        self.do_GET()

    def do_PATCH(self) -> None:
        """Do the same."""
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body


@contextmanager
def go_between(upstream: int) -> Iterator[GoBetween]:
    """Serve a go-between for a while."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.between = GoBetween(server.server_address[1], upstream)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.between
        finally:
            server.shutdown()
            thread.join()
