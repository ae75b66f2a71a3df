"""The command line: every task with its options, and nothing else."""

from __future__ import annotations

from functools import partial

from invoke import Collection, Context, task

from tasks import checks
from tasks.command import Options, check_files, run
from tasks.diagnosis.collection import diagnose
from tasks.doctor.collection import doctor
from tasks.embedded import local
from tasks.operate.collection import operate_tasks
from tasks.rehearsal.collection import rehearsal_tasks
from tasks.release import actions
from tasks.setup.collection import setup_tasks

SERVICE = "Which services: one, several joined by commas, or all."
VERSION = "The version, X.Y.Z."
TARGET = "local: the embedded cloud on this machine (default). aws: production. DEPLOY_TARGET sets it too."
JSON = "Print the result as one JSON document on stdout."
DRY_RUN = "Say what would happen and change nothing."
YES = "Do not ask before production is changed."
TIMEOUT = "Seconds after which to give up waiting (default: %s)."
FORCE = "Start a new deployment even if one is in progress or the revision runs already (rotated secrets)."
NO_ROLLBACK = "Leave a failed deployment as it is, for inspection."
INDEPENDENT = "Leave the services before a failed one at their new versions, instead of taking the release back."
BEFORE_DEPLOY = (
    "A command, quoted as one option, run in the new version before the service is updated (migrations). "
    "No shell is involved: for one, use sh -c '...'."
)
NO_CACHE = "Build anew, without Docker's cache."
COMMON = {"service": SERVICE, "version": VERSION, "target": TARGET, "json": JSON}
CHANGING = {**COMMON, "dry-run": DRY_RUN, "yes": YES}
DEPLOYING = {**CHANGING, "timeout": TIMEOUT % 600, "force": FORCE, "no-rollback": NO_ROLLBACK,
             "independent": INDEPENDENT, "before-deploy": BEFORE_DEPLOY}  # fmt: skip

check_files()


@task(auto_shortflags=False, help={**COMMON, "dry-run": DRY_RUN, "no-cache": NO_CACHE})
def build(
    _: Context, service: str = "", version: str = "", target: str = "",
    json: bool = False, dry_run: bool = False, no_cache: bool = False,
) -> None:  # fmt: skip
    """Build a service's linux/amd64 image, or find the one of the same content."""
    run(actions.build, Options(service, version, target, json, dry_run, no_cache=no_cache))


@task(auto_shortflags=False, help=CHANGING)
def push(
    _: Context, service: str = "", version: str = "", target: str = "",
    json: bool = False, dry_run: bool = False, yes: bool = False,
) -> None:  # fmt: skip
    """Push the image to ECR under its commit and its version, and confirm its digest."""
    run(actions.push, Options(service, version, target, json, dry_run, yes))


@task(auto_shortflags=False, help=CHANGING)
def register(
    _: Context, service: str = "", version: str = "", target: str = "",
    json: bool = False, dry_run: bool = False, yes: bool = False,
) -> None:  # fmt: skip
    """Register the task definition for the pushed image, or find the revision that has it."""
    run(actions.register, Options(service, version, target, json, dry_run, yes))


@task(auto_shortflags=False, help=DEPLOYING)
def deploy(
    _: Context, service: str = "", version: str = "", target: str = "", json: bool = False,
    dry_run: bool = False, yes: bool = False, timeout: str = "600", force: bool = False,
    no_rollback: bool = False, independent: bool = False, before_deploy: str = "",
) -> None:  # fmt: skip
    """Build, push, register, roll out and verify a version; on failure return to the one before."""
    options = Options(service, version, target, json, dry_run, yes, force)
    run(partial(actions.deploy, independent=independent, command=before_deploy),
        options.with_(timeout=timeout, no_rollback=no_rollback), "deploy")  # fmt: skip


@task(auto_shortflags=False, help={**COMMON, "timeout": TIMEOUT % 60})
def verify(
    _: Context, service: str = "all", version: str = "", target: str = "",
    json: bool = False, timeout: str = "60",
) -> None:  # fmt: skip
    """Prove over HTTP that what runs is what answers: 200 and the expected version, three times."""
    run(actions.verify, Options(service, version, target, json, timeout=timeout))


@task(auto_shortflags=False, help={name: text for name, text in CHANGING.items() if name != "target"})
def tag(
    _: Context, service: str = "", version: str = "", json: bool = False,
    dry_run: bool = False, yes: bool = False,
) -> None:  # fmt: skip
    """Create and push the annotated tag whose arrival makes GitHub deploy (backend-vX.Y.Z)."""
    run(actions.tag, Options(service, version, json=json, dry_run=dry_run, yes=yes))


@task(auto_shortflags=False, help={"json": JSON})
def up(_: Context, json: bool = False) -> None:
    """Start the embedded cloud: Docker Engine, base images, MiniStack and the stack in it."""
    run(local.up, Options(json=json))


@task(auto_shortflags=False, help={"json": JSON, "engine": "Stop the Docker Engine too, if we started it."})
def down(_: Context, json: bool = False, engine: bool = False) -> None:
    """Stop the embedded cloud; its state is kept for the next start."""
    run(local.down, Options(json=json, engine=engine))


@task(auto_shortflags=False, help={"json": JSON})
def status(_: Context, json: bool = False) -> None:
    """Show what of the embedded cloud runs, where, and in what state."""
    run(local.status, Options(json=json))


@task(auto_shortflags=False, help={"json": JSON, "yes": "Do not ask."})
def reset(_: Context, json: bool = False, yes: bool = False) -> None:
    """Stop the embedded cloud and delete its state; the next start is a fresh one."""
    run(local.reset, Options(json=json, yes=yes))


@task(auto_shortflags=False, help={"json": JSON, "lines": "How many of the last lines (default: 100)."})
def logs(_: Context, json: bool = False, lines: str = "100") -> None:
    """Show the last lines of the embedded cloud's own log."""
    run(local.logs, Options(json=json, lines=lines))


@task(auto_shortflags=False, help={"fast": "Only what needs neither Docker nor a network.", "only": "A path."})
def test(_: Context, fast: bool = False, only: str = "") -> None:
    """Run the tests: units, the embedded cloud for real, and the page in a browser."""
    checks.exit_with(checks.test(fast=fast, only=only))


@task(auto_shortflags=False)
def lint(_: Context) -> None:
    """Check code, templates and workflows: ruff, mypy --strict, layers, cfn-lint, zizmor, schemas."""
    checks.exit_with(checks.lint())


ns = Collection(build, push, register, deploy, verify, tag, *operate_tasks(), *rehearsal_tasks(), diagnose)
for each in (doctor, test, lint):
    ns.add_task(each)
ns.add_collection(setup_tasks())
ns.add_collection(Collection("local", up, down, status, reset, logs))
