"""The command line of `diagnose`; `tasks/collection.py` adds it to the namespace."""

from __future__ import annotations

from functools import partial

from invoke import Context, task

from tasks.command import Options
from tasks.command import run as run_action
from tasks.diagnosis import look

HELP = {
    "service": "Which services: one, several joined by commas, or all.",
    "revision": "The number of the revision to explain (default: the one that failed last, or runs).",
    "target": "local: the embedded cloud on this machine (default). aws: production. DEPLOY_TARGET sets it too.",
    "json": "Print the result as one JSON document on stdout.",
}


@task(auto_shortflags=False, help=HELP)
def diagnose(_: Context, service: str = "all", revision: str = "", target: str = "", json: bool = False) -> None:
    """Say why a service's last deployment failed: the cause, what shows it, and the next step; changes nothing."""
    run_action(partial(look.diagnose, revision=revision), Options(service, target=target, json=json), "diagnose")
