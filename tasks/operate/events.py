"""events: what ECS itself says about a service, oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.release.service_state import describe
from tasks.report import Outcome

if TYPE_CHECKING:
    from tasks.command import Work
    from tasks.documents import Json


def events(work: Work) -> Outcome:
    """Tell the newest events of each service; ECS keeps one hundred."""
    count, clients = work.lines, work.connect()
    lines: list[str] = []
    services: list[Json] = []
    for service in work.services:
        newest = describe(service, clients).get("events", [])[:count]
        told: list[Json] = [
            {"at": each["createdAt"].isoformat(), "message": each["message"]} for each in newest[::-1]
        ]
        lines += [
            f"{service.name:<9} {each['createdAt'].astimezone():%Y-%m-%d %H:%M:%S}  {each['message']}"
            for each in newest[::-1]
        ]
        services.append({"service": service.name, "events": told})
    return Outcome({"target": work.settings.target.name, "services": services}, tuple(lines))
