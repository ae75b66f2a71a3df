"""How long a failing deploy takes to be called failed: this tool against boto3's waiter `services_stable`.

Run it from the project's root, with the embedded cloud up and the backend deployed; it takes up to eleven minutes:

    ./inv deploy --service=backend --version=0.1.5
    .venv/bin/python -m benchmarks.verdict

A version that crashes at start is deployed twice over the one that runs: once watched by the waiter, with its
defaults of 15 s and 40 attempts, which are also those of `aws ecs wait services-stable`
(https://docs.aws.amazon.com/cli/latest/reference/ecs/wait/services-stable.html), and once by this tool. Both are
timed from UpdateService to their last word; this tool's includes the proof that the good version is back.

The embedded cloud goes on listing a failed deployment, which the waiter takes for an unfinished one. AWS does not:
so the same is done a second time over recorded answers of AWS, against the real clock, where ECS gives up at the
second look of either. `--replayed` does that alone.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from botocore.exceptions import WaiterError

from benchmarks.failures import ROOT, rehearsed, replayed
from benchmarks.lines import UPDATED
from tasks.clients import Clients
from tasks.embedded import cloud
from tasks.rehearsal.broken import register_broken
from tasks.rehearsal.defects import FAILURES
from tasks.release import deployment, smoke, way_back
from tasks.release.service_state import running
from tasks.report import Report
from tasks.settings import load
from tests.support.catalogue_left import GIVEN_UP
from tests.support.models import BACKEND, arn
from tests.support.replay import FORGOTTEN, replaying

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.lines import Line
    from tasks.settings import Service

FAILURE = "crash-at-start"
DELAY_SECONDS, ATTEMPTS = 15, 40
BACK_SECONDS = 60.0
CRASHES = GIVEN_UP["it crashes"]
# the waiter compares the service's own counts
TAKEN_BACK = replace(CRASHES, account=replace(CRASHES.account, looks=FORGOTTEN, settings={"runningCount": 1}))


@dataclass(frozen=True)
class Verdict:
    """What a watcher said, how many seconds after the update, and the version that answered then, where asked."""

    seconds: float
    said: str
    answers: str = ""

    def row(self, where: str, who: str) -> str:
        """Return it as a row of the table."""
        answers = f"; version {self.answers} answers" if self.answers else ""
        return f"| {where} | {who} | {self.seconds:.1f} s | {self.said}{answers} |"


def ours(lines: Sequence[Line]) -> Verdict:
    """Return this tool's verdict from the lines of a failing deploy."""
    began = next(line.seconds for line in lines if UPDATED.search(line.text))
    end = next(number for number, line in enumerate(lines) if line.text.startswith("error: "))
    told = [line.text.removeprefix("  | ") for line in lines[end:] if line.text.startswith("  | ")]
    return Verdict(lines[end].seconds - began, f"failed; {told[0]}; {told[-1]}")


def waiters(service: Service, clients: Clients, began: float) -> Verdict:
    """Wait as scripts around boto3 do, from `began` (monotonic seconds) on."""
    waiter = clients.ecs.get_waiter("services_stable")
    config = {"Delay": DELAY_SECONDS, "MaxAttempts": ATTEMPTS}
    try:
        waiter.wait(cluster=service.cluster, services=[service.ecs_service], WaiterConfig=config)  # type: ignore[arg-type]
        said = "stable, which scripts take for success"
    except WaiterError as error:
        said = f"'{error}'"
    seconds = time.monotonic() - began
    answer = clients.http.get(f"{clients.target.app_url}{service.health_path}")
    return Verdict(seconds, said, answer.headers.get(smoke.VERSION_HEADER, "no"))


def waited_for_real() -> Verdict:
    """Have the waiter watch a failing deploy on the embedded cloud, and bring the good version back."""
    settings, report = load(ROOT, os.environ, "local"), Report(sys.stderr, time.monotonic)
    cloud.require_running(settings)
    clients, service = Clients(settings.target), settings.select("backend")[0]
    before = running(service, clients)
    revision = register_broken(service, FAILURES[FAILURE], clients)
    began = time.monotonic()
    started = deployment.start(revision, before, clients)
    try:
        return waiters(service, clients, began)
    finally:
        report.say(way_back.restore(started, clients, report, BACK_SECONDS).told)


def waited_for_replayed() -> Verdict:
    """Have the waiter watch a failing deploy as AWS answers it."""
    with replaying(TAKEN_BACK) as (clients, _):
        began = time.monotonic()
        clients.ecs.update_service(cluster=BACKEND.cluster, service=BACKEND.ecs_service, taskDefinition=arn(7))
        return waiters(BACKEND, clients, began)


def main(*, practised: bool) -> None:
    """Measure, and print two rows for each place, then the ratios."""
    places = {"recorded AWS": (ours(replayed(TAKEN_BACK)), waited_for_replayed())}
    if practised:
        waited = waited_for_real()
        places = {"embedded cloud": (ours(rehearsed(FAILURE)), waited), **places}
    lines = ["| Where | Watched by | Verdict after | It says |", "|---|---|---|---|"]
    for where, (tool, waiter) in places.items():
        lines += [tool.row(where, "this tool"), waiter.row(where, "services_stable")]
    lines.append("")
    for where, (tool, waiter) in places.items():
        lines.append(f"{where}: the waiter takes {waiter.seconds / tool.seconds:.0f} times as long.")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(practised="--replayed" not in sys.argv[1:])
