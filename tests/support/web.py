"""Real HTTP servers on loopback."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True)
class Page:
    """One answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass
class Site:
    """A running server, and what it was asked for."""

    port: int = 0
    paths: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address without a path."""
        return f"http://127.0.0.1:{self.port}"


def version(number: str, **headers: str) -> Page:
    """Return the answer of a healthy service of that version."""
    return Page(headers={"X-App-Version": number, "X-App-Commit": "0123456", **headers}, body="ok")


@contextmanager
def serving(answer: Callable[[int], Page]) -> Iterator[Site]:
    """Serve on loopback; `answer` gets the number of the request, counted from 0."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = answer(len(site.paths))
            site.paths.append(self.path)
            site.hosts.append(self.headers["Host"])
            body = page.body.encode()
            self.send_response(page.status)
            for name, value in {**page.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
