"""What GitHub tells a workflow about a push: the content of `github.event`, and of GITHUB_EVENT_PATH. Pure.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#push
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.documents import Json
    from tasks.rehearsal.event import Event

SERVER = "https://github.com"
NOTHING = "0" * 40  # GitHub's `before` of a ref that was made


def push(event: Event, branch: str) -> dict[str, Json]:
    """Return the payload of a push that makes a ref, such as a tag.

    Args:
        event: the push.
        branch: the repository's default branch.
    """
    owner, url = event.repository.owner, f"{SERVER}/{event.repository.full_name}"
    sender: dict[str, Json] = {"login": owner, "id": _number(event.repository.owner_id), "type": "User"}
    person: dict[str, Json] = {"name": event.head.name, "email": event.head.email}
    head: dict[str, Json] = {
        "id": event.commit,
        "tree_id": event.head.tree,
        "distinct": True,
        "message": event.head.message,
        "timestamp": event.head.time,
        "url": f"{url}/commit/{event.commit}",
        "author": person,
        "committer": person,
        "added": [],
        "removed": [],
        "modified": [],
    }
    return {
        "ref": event.ref,
        "before": NOTHING,
        "after": event.commit,
        "base_ref": None,
        "created": True,
        "deleted": False,
        "forced": False,
        "compare": f"{url}/compare/{event.ref_name}",
        "commits": [],
        "head_commit": head,
        "repository": {
            "id": _number(event.repository.id),
            "name": event.repository.name,
            "full_name": event.repository.full_name,
            "private": True,
            "owner": {**sender, "name": owner},
            "html_url": url,
            "url": url,
            "clone_url": f"{url}.git",
            "fork": False,
            "default_branch": branch,
            "master_branch": branch,
        },
        "pusher": {"name": owner, "email": event.head.email},
        "sender": sender,
    }


def _number(identity: str) -> int | None:
    return int(identity) if identity else None
