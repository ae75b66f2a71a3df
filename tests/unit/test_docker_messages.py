"""What the Docker Engine says while it works, in the forms in which it says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks.docker_messages import Message, messages
from tests.support.models import DIGEST

if TYPE_CHECKING:
    from tasks.documents import Json


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"stream": "Step 1/2 : FROM x\n"}, Message(lines=("Step 1/2 : FROM x",))),
        ({"stream": "one\r\ntwo"}, Message(lines=("one", "two"))),
        ({"errorDetail": {"code": 1, "message": "no"}, "error": "no\n"}, Message(error="no")),
        ({"error": ""}, Message(error="no reason given")),
        ({"error": None}, Message(error="no reason given")),
        (
            {"status": "Pushing", "id": "a1", "progressDetail": {"current": 1, "total": 4}},
            Message(status="Pushing", layer="a1", done=1, total=4),
        ),
        ({"status": "Pushed", "id": "a1", "progressDetail": {}}, Message(status="Pushed", layer="a1")),
        ({"status": "Waiting", "progressDetail": None}, Message(status="Waiting")),
        ({"aux": {"Tag": "1", "Digest": DIGEST, "Size": 1234}}, Message(digest=DIGEST)),
        (
            {"status": f"1: digest: {DIGEST} size: 1234"},
            Message(status=f"1: digest: {DIGEST} size: 1234", digest=DIGEST),
        ),
        ({"aux": {"ID": "sha256:1234"}}, Message()),
        ({"something": "new"}, Message()),
    ],
)
def test_a_message_is_read_by_what_it_tells(said: dict[str, Json], message: Message) -> None:
    assert list(messages([said])) == [message]


@pytest.mark.parametrize(("layer", "words"), [("a1", "Pulling a1"), ("", "Pulling")])
def test_progress_names_what_is_done_with_which_layer(layer: str, words: str) -> None:
    assert Message(status="Pulling", layer=layer).progress == words
