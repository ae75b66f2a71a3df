"""The command line: every task with its options, and nothing else.

What a task does is imported when it runs: `./inv --list` and `./inv --help` do not wait for it.
"""

from __future__ import annotations

from functools import partial

from invoke import Collection, Context, task

from tasks import options
from tasks.command import Options, check_files, run
from tasks.command_line import refuse_unreadable
from tasks.diagnosis.collection import diagnose
from tasks.doctor.collection import doctor
from tasks.operate.collection import operate_tasks
from tasks.rehearsal.collection import rehearsal_tasks
from tasks.setup.collection import setup_tasks

COMMON = {**options.COMMON, "version": options.VERSION}
CHANGING = {**options.CHANGING, "version": options.VERSION}
ONLY_JSON = {"json": options.JSON}

check_files()


@task(auto_shortflags=False, help={
    **COMMON, "dry-run": options.DRY_RUN, "no-cache": "Build anew, without Docker's cache.",
})  # fmt: skip
def build(
    _: Context, service: str = "", version: str = "", target: str = "",
    json: bool = False, dry_run: bool = False, no_cache: bool = False,
) -> None:  # fmt: skip
    """Build a service's linux/amd64 image, or find the one of the same content."""
    from tasks.release import actions

    run("build", partial(actions.build, no_cache=no_cache), Options(service, version, target, json, dry_run))


@task(auto_shortflags=False, help=CHANGING)
def push(
    _: Context, service: str = "", version: str = "", target: str = "",
    json: bool = False, dry_run: bool = False, yes: bool = False,
) -> None:  # fmt: skip
    """Push the image to ECR under its commit and its version, and confirm its digest."""
    from tasks.release import actions

    run("push", actions.push, Options(service, version, target, json, dry_run, yes))


@task(auto_shortflags=False, help=CHANGING)
def register(
    _: Context, service: str = "", version: str = "", target: str = "",
    json: bool = False, dry_run: bool = False, yes: bool = False,
) -> None:  # fmt: skip
    """Register the task definition for the pushed image, or find the revision that has it."""
    from tasks.release import actions

    run("register", actions.register, Options(service, version, target, json, dry_run, yes))


@task(auto_shortflags=False, help={
    **CHANGING, "timeout": options.timeout(600),
    "force": "Start a new deployment even if one is in progress or the revision runs already (rotated secrets).",
    "no-rollback": "Leave a failed deployment as it is, for inspection.",
    "independent": "Leave the services before a failed one at their new versions, instead of taking all back.",
    "before-deploy": f"What to run in the new version before the update (migrations). {options.COMMAND}",
})  # fmt: skip
def deploy(
    _: Context, service: str = "", version: str = "", target: str = "", json: bool = False,
    dry_run: bool = False, yes: bool = False, timeout: str = "600", force: bool = False,
    no_rollback: bool = False, independent: bool = False, before_deploy: str = "",
) -> None:  # fmt: skip
    """Build, push, register, roll out and verify a version; on failure return to the one before."""
    from tasks.release import actions

    manner = actions.Manner(force, no_rollback, independent, before_deploy)
    common = Options(service, version, target, json, dry_run, yes, timeout)
    run("deploy", partial(actions.deploy, manner=manner), common)


@task(auto_shortflags=False, help={**COMMON, "timeout": options.timeout(60)})
def verify(
    _: Context, service: str = "all", version: str = "", target: str = "",
    json: bool = False, timeout: str = "60",
) -> None:  # fmt: skip
    """Prove over HTTP that what runs is what answers: 200 and the expected version, three times."""
    from tasks.release import actions

    run("verify", actions.verify, Options(service, version, target, json, timeout=timeout))


@task(auto_shortflags=False, help={name: text for name, text in CHANGING.items() if name != "target"})
def tag(
    _: Context, service: str = "", version: str = "", json: bool = False,
    dry_run: bool = False, yes: bool = False,
) -> None:  # fmt: skip
    """Create and push the annotated tag whose arrival makes GitHub deploy (backend-vX.Y.Z)."""
    from tasks.release import actions

    run("tag", actions.tag, Options(service, version, json=json, dry_run=dry_run, yes=yes))


@task(auto_shortflags=False, help=ONLY_JSON)
def up(_: Context, json: bool = False) -> None:
    """Start the embedded cloud: Docker Engine, base images, MiniStack and the stack in it."""
    from tasks.embedded import local

    run("local.up", local.up, Options(json=json))


@task(auto_shortflags=False, help={**ONLY_JSON, "engine": "Stop the Docker Engine too, if we started it."})
def down(_: Context, json: bool = False, engine: bool = False) -> None:
    """Stop the embedded cloud; its state is kept for the next start."""
    from tasks.embedded import local

    run("local.down", partial(local.down, engine=engine), Options(json=json))


@task(auto_shortflags=False, help=ONLY_JSON)
def status(_: Context, json: bool = False) -> None:
    """Show what of the embedded cloud runs, where, and in what state."""
    from tasks.embedded import local

    run("local.status", local.status, Options(json=json))


@task(auto_shortflags=False, help={**ONLY_JSON, "yes": options.UNASKED})
def reset(_: Context, json: bool = False, yes: bool = False) -> None:
    """Stop the embedded cloud and delete its state; the next start is a fresh one."""
    from tasks.embedded import local

    run("local.reset", local.reset, Options(json=json, yes=yes))


@task(auto_shortflags=False, help={**ONLY_JSON, "lines": "How many of the last lines (default: 100)."})
def logs(_: Context, json: bool = False, lines: str = "100") -> None:
    """Show the last lines of the embedded cloud's own log."""
    from tasks.embedded import local

    run("local.logs", local.logs, Options(json=json, lines=lines))


@task(auto_shortflags=False, help={"fast": "Only what needs neither Docker nor a network.", "only": "A path."})
def test(_: Context, fast: bool = False, only: str = "") -> None:
    """Run the tests: units, the embedded cloud for real, and the page in a browser."""
    from tasks import checks

    checks.exit_with(checks.test(fast=fast, only=only))


@task(auto_shortflags=False)
def lint(_: Context) -> None:
    """Check code, templates and workflows: ruff, mypy --strict, layers, cfn-lint, zizmor, schemas."""
    from tasks import checks

    checks.exit_with(checks.lint())


ns = Collection(build, push, register, deploy, verify, tag, *operate_tasks(), *rehearsal_tasks(), diagnose)
for each in (doctor, test, lint):
    ns.add_task(each)
ns.add_collection(setup_tasks())
ns.add_collection(Collection("local", up, down, status, reset, logs))
refuse_unreadable(ns)
