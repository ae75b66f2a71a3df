"""The command line of `doctor`; `tasks/collection.py` adds it to the namespace."""

from __future__ import annotations

from functools import partial

from invoke import Context, task

from tasks.command import Options, run
from tasks.options import COMMON


@task(auto_shortflags=False, help=COMMON)
def doctor(_: Context, service: str = "all", target: str = "", json: bool = False) -> None:
    """Check everything a deploy depends on, side by side, changing nothing; say how to fix what fails."""
    from tasks.doctor import doctor

    # of no service: an address that is not set is a finding then, and no reason to look at nothing
    run("doctor", partial(doctor.doctor, named=service), Options("", target=target, json=json))
