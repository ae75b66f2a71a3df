"""What the Docker Engine says while it builds, pulls or pushes, as values.

One JSON object at a time, of which each kind of work uses some keys:
https://docs.docker.com/reference/api/engine/ (ImageBuild, ImageCreate, ImagePush)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from tasks.documents import as_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tasks.documents import Json

# With the containerd image store the engine tells the digest of a push in words only:
# https://github.com/moby/moby/blob/master/daemon/containerd/image_push.go
IN_WORDS = re.compile(r"digest: (sha256:[0-9a-f]{64}) size: ")


@dataclass(frozen=True)
class Message:
    """One message; what it does not tell is empty or 0.

    `error` says why the work failed, and ends it. `lines` is what a build printed, `status` what is done with
    which `layer`, `done` of `total` bytes of it, and `digest` what was pushed.
    """

    error: str = ""
    lines: tuple[str, ...] = ()
    status: str = ""
    layer: str = ""
    done: float = 0.0
    total: float = 0.0
    digest: str = ""

    @property
    def progress(self) -> str:
        """What `done` and `total` are of, in words."""
        return f"{self.status} {self.layer}".strip()


def messages(stream: object) -> Iterator[Message]:
    """Yield what docker-py decoded, message by message; its types do not say that it did."""
    for said in cast("Iterable[Mapping[str, Json]]", stream):
        yield _message(said)


def _message(said: Mapping[str, Json]) -> Message:
    detail, status = as_object(said.get("progressDetail")), _text(said, "status")
    told = IN_WORDS.search(status)
    return Message(
        error=_text(said, "error").strip() or ("no reason given" if "error" in said else ""),
        lines=tuple(_text(said, "stream").splitlines()),
        status=status,
        layer=_text(said, "id"),
        done=_number(detail.get("current")),
        total=_number(detail.get("total")),
        digest=_text(as_object(said.get("aux")), "Digest") or (told[1] if told else ""),
    )


def _text(said: Mapping[str, Json], key: str) -> str:
    return str(said.get(key) or "")


def _number(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
