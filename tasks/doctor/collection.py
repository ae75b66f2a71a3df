"""The command line of `doctor`; `tasks/collection.py` adds it to the namespace."""

from __future__ import annotations

from invoke import Context, task

from tasks.command import Options, run
from tasks.doctor import doctor as examination

HELP = {
    "service": "Which services: one, several joined by commas, or all.",
    "target": "local: the embedded cloud on this machine (default). aws: production. DEPLOY_TARGET sets it too.",
    "json": "Print the result as one JSON document on stdout.",
}


@task(auto_shortflags=False, help=HELP)
def doctor(_: Context, service: str = "all", target: str = "", json: bool = False) -> None:
    """Check everything a deploy depends on, side by side, changing nothing; say how to mend what fails."""
    run(examination.doctor, Options(service, target=target, json=json), "doctor")
