"""What each `local.` task does with the embedded cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.embedded import cloud
from tasks.embedded import status as cloud_status
from tasks.report import Outcome, timing_lines

if TYPE_CHECKING:
    from tasks.command import Work
    from tasks.documents import Json


def up(work: Work) -> Outcome:
    """Start it, with everything that all services need."""
    with work.report.stage("", "cloud"):
        target = cloud.up(work.settings, work.services, work.report)
    return Outcome(
        {"url": target.app_url, "endpoint": target.endpoint_url, "registry": target.registry},
        (
            f"the embedded cloud is up at {target.endpoint_url}",
            "deploy into it with: ./inv deploy --service=all --version=0.1.5",
            *timing_lines(work.report.timings),
        ),
    )


def down(work: Work, *, engine: bool = False) -> Outcome:
    """Stop it, and with `engine` the Docker Engine that was started for it; its state stays."""
    cloud.down(work.settings, work.report, engine=engine)
    return Outcome({}, ("the embedded cloud is down; its state is kept",))


def status(work: Work) -> Outcome:
    """Look at it and change nothing."""
    found = cloud.status(work.settings)
    return Outcome(cloud_status.document(found), cloud_status.lines(found))


def reset(work: Work) -> Outcome:
    """Stop it and delete its state, after asking."""
    work.confirm("This deletes everything in the embedded cloud. Go on?")
    cloud.reset(work.settings, work.report)
    return Outcome({}, ("the embedded cloud is down and its state is gone",))


def logs(work: Work) -> Outcome:
    """Show what MiniStack, and a Docker Engine started here, wrote last."""
    server = cloud.log_lines(work.settings, work.lines)
    engine = cloud.engine_log_lines(work.settings, work.lines)
    shown: dict[str, Json] = {"ministack": list(server), "engine": list(engine)}
    return Outcome(shown, (*(f"ministack  {line}" for line in server), *(f"engine     {line}" for line in engine)))
