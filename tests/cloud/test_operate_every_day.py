"""What people do between deploys, against a cloud that runs."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import pytest

from tasks.documents import as_list, as_object
from tests.support.containers import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_ecs.type_defs import RegisterTaskDefinitionRequestTypeDef

    from tests.support.deployed import Deployed

PRINTS = (
    "import os; print('migrating', os.environ['APP_VERSION'], 'MONGODB_URI' in os.environ); raise SystemExit(5)"
)


def test_a_plan_of_what_runs_finds_no_changes(deployed: Deployed) -> None:
    deployed.project.succeed("deploy", "--service=all", f"--version={deployed.next_version()}")

    result = deployed.project.succeed("plan", "--exit-code", "--json")

    assert result.document["changes"] is False
    assert [each["changes"] for each in result.services] == [[], []]


def test_a_plan_of_another_version_finds_some_and_says_so_by_its_exit_code(deployed: Deployed) -> None:
    before, version = deployed.state(), deployed.next_version()

    result = deployed.project.run("plan", "--service=backend", f"--version={version}", "--exit-code", "--json")

    assert result.code == 11
    assert result.document["ok"] is True
    assert f"-> {version}" in str(result.services[0]["changes"])
    assert deployed.project.run("plan", "--service=backend", f"--version={version}").code == 0
    assert deployed.state() == before


def test_what_was_changed_in_the_console_shows_up_and_is_not_lost_silently(deployed: Deployed) -> None:
    ecs = deployed.clients.ecs
    deployed.project.succeed("deploy", "--service=backend", f"--version={deployed.next_version()}")
    found = ecs.describe_task_definition(taskDefinition="spryte-backend")["taskDefinition"]
    found["containerDefinitions"][0]["environment"].append({"name": "DEBUG", "value": "true"})
    names = ("family", "containerDefinitions", "cpu", "memory", "networkMode", "requiresCompatibilities",
             "executionRoleArn", "taskRoleArn", "runtimePlatform")  # fmt: skip
    request = {name: value for name, value in found.items() if name in names}
    made = ecs.register_task_definition(**cast("RegisterTaskDefinitionRequestTypeDef", request))["taskDefinition"]
    ecs.update_service(
        cluster="spryte-cluster", service="spryte-backend-service", taskDefinition=made["taskDefinitionArn"]
    )
    eventually(lambda: deployed.rollout("backend") == "COMPLETED", within=60)

    result = deployed.project.run("plan", "--service=backend", "--exit-code")
    version = deployed.next_version()
    told = deployed.project.succeed("deploy", "--service=backend", f"--version={version}", "--json")

    assert result.code == 11
    assert result.out.count("environment.DEBUG") == 1
    assert "environment.DEBUG: (absent) -> true" in result.out
    assert "changed by hand, not in the template of commit" in result.out
    change = "containerDefinitions.spryte-backend.environment.DEBUG: true -> (absent)"
    assert f"  {change} (undoes a change by hand)\n" in told.err
    assert told.err.index(change) < told.err.index(f"-> {told.services[0]['revision']}, deployment")
    assert told.services[0]["undone"] == [change]
    assert change in as_list(told.services[0]["changes"])
    assert told.services[0]["compared_with"] == made["taskDefinitionArn"].rpartition("/")[2]
    assert deployed.project.run("plan", "--service=backend", "--exit-code").code == 0


def test_status_shows_every_service_in_one_table(deployed: Deployed) -> None:
    table = deployed.project.succeed("status").out.splitlines()
    rows = deployed.project.succeed("status", "--json").services

    assert table[0].split() == [
        "SERVICE", "VERSION", "COMMIT", "REVISION", "SINCE", "TASKS", "TARGETS", "ROLLOUT", "ANSWERS", "URL",
    ]  # fmt: skip
    assert [line.split()[0] for line in table[1:3]] == ["backend", "frontend"]
    for row in rows:
        assert row["tasks"] == {"running": 1, "desired": 1}
        assert row["targets"] == "1/1 healthy"
        assert row["answer"] == f"200, {row['version']}"


def test_status_watches_until_it_is_interrupted(deployed: Deployed) -> None:
    with started(deployed, "status", "--watch") as process:
        assert process.stdout is not None
        shown = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert shown[1].startswith("backend")
    assert (process.returncode, err) == (0, "")


def test_history_lists_the_revisions_newest_first(deployed: Deployed) -> None:
    version = deployed.next_version()
    deployed.project.succeed("deploy", "--service=frontend", f"--version={version}")

    result = deployed.project.succeed("history", "--service=frontend", "--lines=500", "--json")

    revisions = [as_object(each) for each in as_list(result.services[0]["revisions"])]
    assert (revisions[0]["version"], revisions[0]["state"]) == (version, "runs, verified")
    assert str(revisions[0]["digest"]).startswith("sha256:")
    assert (revisions[-1]["number"], revisions[-1]["state"]) == (1, "registered elsewhere")
    assert (
        deployed.project.succeed("history", "--service=frontend", "--lines=1").out.count("spryte-frontend:") == 1
    )


def test_logs_are_those_of_the_tasks_and_plain(deployed: Deployed) -> None:
    deployed.clients.http.get(f"{deployed.clients.target.app_url}/api/health?asked-by=a-test")

    result = deployed.project.succeed("logs", "--service=backend", "--since=1h", "--grep=request", "--lines=5")

    lines = result.out.splitlines()
    assert 1 <= len(lines) <= 5
    assert all("backend" in line and "request" in line for line in lines)
    assert "\033" not in result.out
    cut = deployed.project.succeed("logs", "--service=backend", "--since=1h", "--lines=1")
    assert "the last 1 of " in cut.err
    assert "--lines=N shows more" in cut.err
    assert deployed.project.succeed("logs", "--grep=never-written", "--json").document["lines"] == []


def test_logs_follow_until_interrupted(deployed: Deployed) -> None:
    deployed.clients.http.get(f"{deployed.clients.target.app_url}/api/health")
    with started(deployed, "logs", "--service=backend", "--follow", "--since=1h", "--lines=1") as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        deployed.clients.http.get(f"{deployed.clients.target.app_url}/api/health")
        second = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert "backend" in first
    assert "backend" in second
    assert (process.returncode, err) == (0, "")


def test_events_are_what_ecs_says(deployed: Deployed) -> None:
    result = deployed.project.succeed("events", "--service=backend", "--json")
    assert "spryte-backend-service" in str(result.services[0]["events"])


def test_a_command_runs_with_the_services_version_and_secrets_and_its_exit_code_is_returned(
    deployed: Deployed,
) -> None:
    running = deployed.project.succeed("status", "--service=backend", "--json").services[0]["version"]

    result = deployed.project.run("run", "--service=backend", f'--command=python3 -c "{PRINTS}"')

    assert result.code == 5
    assert f"migrating {running} True" in result.out
    assert "ended with exit code 5" in result.out


def test_a_command_that_succeeds_succeeds(deployed: Deployed) -> None:
    result = deployed.project.succeed("run", "--service=backend", "--command=python3 --version", "--json")
    assert result.document["exit_code"] == 0
    assert "Python 3" in result.err
    assert deployed.project.succeed("status", "--json").services[0]["tasks"] == {"running": 1, "desired": 1}


def test_a_dry_run_of_a_command_starts_no_task(deployed: Deployed) -> None:
    tasks = len(deployed.clients.ecs.list_tasks(cluster="spryte-cluster", family="spryte-backend")["taskArns"])
    told = deployed.project.succeed("run", "--service=backend", "--command=touch /tmp/x", "--dry-run")
    assert "backend   would run 'touch /tmp/x' in spryte-backend:" in told.out
    assert "subnet-" in told.out
    listed = deployed.clients.ecs.list_tasks(cluster="spryte-cluster", family="spryte-backend")["taskArns"]
    assert len(listed) == tasks


def test_a_migration_runs_in_the_new_version_before_it_serves(deployed: Deployed) -> None:
    version = deployed.next_version()
    before = deployed.project.succeed("status", "--service=backend", "--json").services[0]["version"]

    fails = f'--before-deploy=python3 -c "{PRINTS}"'
    refused = deployed.project.run("deploy", "--service=backend", f"--version={version}", fails)
    after = deployed.project.succeed("status", "--service=backend", "--json").services[0]["version"]
    done = deployed.project.succeed(
        "deploy", "--service=backend", f"--version={version}", "--before-deploy=python3 --version"
    )

    assert refused.code == 7
    assert "ended with exit code 5 before the deploy. Nothing was deployed" in refused.err
    assert f"  | migrating {version} True" in refused.err
    assert after == before
    assert done.err.index("Python 3") < done.err.index(" update ")
    assert "to shorten " in done.out


def test_pruning_leaves_what_runs_and_the_ways_back(deployed: Deployed) -> None:
    for _ in range(5):
        deployed.project.succeed("deploy", "--service=frontend", f"--version={deployed.next_version()}")
    abandoned: list[str] = []
    for name in ("one", "two"):
        with deployed.project.changed("frontend/public/notes.txt", name):
            made = deployed.project.succeed("push", "--service=frontend", f"--version={deployed.next_version()}",
                                            "--json")  # fmt: skip
            abandoned.append(str(made.services[0]["digest"]))
    before = deployed.state()
    told = deployed.project.succeed("prune", "--service=frontend", "--keep=1", "--dry-run")
    assert deployed.state() == before

    done = deployed.project.succeed("prune", "--service=frontend", "--keep=1", CI="")

    after = deployed.state()
    assert "would deregister spryte-frontend:" in told.out
    assert "deregister spryte-frontend:" in done.out
    assert "would " not in done.err
    assert "spryte-frontend:1 stays: it was not registered by this tool" in told.err
    assert set(before.revisions) - set(after.revisions)
    assert after.services == before.services
    left = {digest for digest, _ in after.images}
    assert len({*abandoned}) == 2
    assert left & {*abandoned} == {abandoned[-1]}
    deployed.project.succeed("rollback", "--service=frontend")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("status", "--watch", "--json"), "--json prints one document"),
        (("logs", "--follow", "--json"), "--json prints one document"),
        (("logs", "--since=yesterday"), "'yesterday' is not a duration"),
        (("logs", "--grep=("), "is not a regular expression"),
        (("run", "--service=backend"), "No command was given"),
        (("run", "--service=all", "--command=true"), "A command runs in one service"),
        (("prune", "--service=backend", "--keep=0"), "--keep: '0' is not a positive whole number"),
        (("history", "--lines=many"), "--lines: 'many' is not a positive whole number"),
    ],
)
def test_wrong_options_are_refused_in_one_message(
    deployed: Deployed, arguments: tuple[str, ...], said: str
) -> None:
    result = deployed.project.run(*arguments)
    assert result.code == 2
    assert said in result.err
    assert "Traceback" not in result.err


@contextmanager
def started(deployed: Deployed, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command that does not end by itself, and see to it that it does."""
    root = deployed.project.root
    with subprocess.Popen(
        [sys.executable, "-m", "invoke", "--search-root", str(root), *arguments],
        cwd=root,
        env=dict(deployed.project.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
