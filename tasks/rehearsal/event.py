"""The push that is rehearsed, and the token with which GitHub would vouch for its run. Pure."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.setup.policies import ISSUER, environment_in_subject

if TYPE_CHECKING:
    from tasks.documents import Json
    from tasks.setup.policies import Repository

TAGS = "refs/tags/"
BRANCHES = "refs/heads/"
SECONDS = 300


@dataclass(frozen=True)
class Head:
    """The commit that was pushed, as the push says it: its tree, who made it, when (ISO 8601), its message."""

    tree: str = ""
    name: str = ""
    email: str = ""
    time: str = ""
    message: str = ""


@dataclass(frozen=True)
class Event:
    """A push to a repository: of `refs/tags/...`, or of `refs/heads/...`, at a commit."""

    repository: Repository
    ref: str
    commit: str
    head: Head = Head()

    @property
    def ref_name(self) -> str:
        """The tag's or branch's own name."""
        return self.ref.removeprefix(TAGS).removeprefix(BRANCHES)

    @property
    def ref_type(self) -> str:
        """`tag` or `branch`, as GitHub says it."""
        return "tag" if self.ref.startswith(TAGS) else "branch"

    def subjects(self, environment: str) -> tuple[str, ...]:
        """Return the `sub` that GitHub sends: in the plain form, then in the immutable one, if the ids are known.

        Args:
            environment: the job's GitHub Environment; where there is one, GitHub names it instead of the ref.
        """
        named = f"environment:{environment_in_subject(environment)}" if environment else f"ref:{self.ref}"
        return self.repository.subjects(named)

    def token(self, subject: str, audience: str, now: int) -> str:
        """Return the token in GitHub's form, without a signature: the embedded cloud checks none.

        Args:
            subject: one of `subjects`.
            audience: whom it is made for.
            now: seconds since 1970.

        https://docs.github.com/en/actions/reference/security/oidc
        """
        claims: dict[str, Json] = {
            "iss": f"https://{ISSUER}",
            "aud": audience,
            "sub": subject,
            "iat": now,
            "nbf": now,
            "exp": now + SECONDS,
            "ref": self.ref,
            "ref_type": self.ref_type,
            "sha": self.commit,
            "repository": self.repository.full_name,
            "repository_owner": self.repository.owner,
            "event_name": "push",
        }
        return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}.{_encoded(b'unsigned')}"


def _part(content: dict[str, Json]) -> str:
    return _encoded(json.dumps(content, separators=(",", ":")).encode())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
