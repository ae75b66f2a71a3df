"""HTTP as a user of the services sees it: one GET, no redirects followed, no failure raised."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_SECONDS = 5


@dataclass(frozen=True)
class Answer:
    """What came back. `status` is 0 when nothing did; then `problem` says why."""

    url: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    problem: str = ""


class HttpClient:
    """GET with a timeout, and with names under `.localhost` resolved to loopback.

    RFC 6761, section 6.3, reserves `.localhost` for that; browsers and curl keep to it, many resolvers do not.
    """

    def get(self, url: str) -> Answer:
        """Ask for `url` once and return whatever happened."""
        import requests  # noqa: PLC0415 - only a command that asks pays for it

        parts = urlsplit(url)
        local = on_loopback(url)
        address, headers = url, {"User-Agent": "spryte-deploy"}
        if local:
            headers["Host"] = parts.netloc
            address = urlunsplit(parts._replace(netloc=f"127.0.0.1:{parts.port or 80}"))
        with requests.Session() as session:
            session.trust_env = not local  # a proxy has no business on loopback
            try:
                answer = session.get(address, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False)
            except requests.RequestException as error:
                return Answer(url, 0, problem=_reason(error))
        return Answer(url, answer.status_code, answer.headers, answer.text)


def on_loopback(url: str) -> bool:
    """Return whether a URL stays on this machine."""
    host = urlsplit(url).hostname or ""
    return host in ("127.0.0.1", "localhost") or host.endswith(".localhost")


def _reason(error: Exception) -> str:
    import requests  # noqa: PLC0415

    if isinstance(error, requests.Timeout):
        return f"no answer within {TIMEOUT_SECONDS} s"
    if isinstance(error, requests.exceptions.SSLError):
        return "the certificate was not accepted"
    return "no connection"
