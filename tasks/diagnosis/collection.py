"""The command line of `diagnose`; `tasks/collection.py` adds it to the namespace."""

from __future__ import annotations

from functools import partial

from invoke import Context, task

from tasks.command import Options, run
from tasks.options import COMMON


@task(auto_shortflags=False, help={
    **COMMON, "revision": "The number of the revision to explain (default: the one that failed last, or runs).",
})  # fmt: skip
def diagnose(_: Context, service: str = "all", revision: str = "", target: str = "", json: bool = False) -> None:
    """Say why a service's last deployment failed: the cause, what shows it, and the next step; changes nothing."""
    from tasks.diagnosis import look

    run("diagnose", partial(look.diagnose, revision=revision), Options(service, target=target, json=json))
