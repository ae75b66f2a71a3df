"""A deploy, end to end, with nothing played: real images, a real registry, containers started by ECS."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tasks.documents import as_list, as_object
from tasks.embedded import ministack
from tasks.settings import load
from tests.support.containers import eventually

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

    from tests.support.deployed import Deployed

pytestmark = pytest.mark.usefixtures("deployed")

STAGES = ["cloud", "build", "push", "register", "update", "rollout", "verify"]


@pytest.mark.parametrize("name", ["backend", "frontend"])
def test_a_service_runs_as_a_container_that_ecs_started_from_the_digest_in_ecr(
    deployed: Deployed, docker_client: DockerClient, name: str
) -> None:
    labels = [
        f"com.amazonaws.ecs.container-name=spryte-{name}",
        f"com.amazonaws.ecs.cluster={cluster_arn(deployed)}",
        f"ministack.instance={instance(deployed)}",
    ]

    # one that was replaced may still be draining
    (left,) = eventually(lambda: sole(docker_client, labels), within=30)

    assert left.attrs["Config"]["Image"].startswith(f"{deployed.clients.target.registry}/spryte-{name}@sha256:")


def test_the_backend_answers_behind_the_load_balancer_with_its_version_and_commit(deployed: Deployed) -> None:
    answer = deployed.clients.http.get(f"{deployed.clients.target.app_url}/api/health")

    assert answer.status == 200
    running = deployed.project.succeed("verify", "--service=backend", "--json").services[0]
    assert answer.headers["X-App-Version"] == running["version"]
    assert answer.headers["X-App-Commit"] == deployed.project.git("rev-parse", "HEAD")


def test_the_frontend_answers_everything_that_is_not_the_api(deployed: Deployed) -> None:
    answer = deployed.clients.http.get(f"{deployed.clients.target.app_url}/")

    assert answer.status == 200
    assert "<title>Spryte</title>" in answer.body


def test_the_summary_says_what_runs_where_its_address_and_where_the_time_went(deployed: Deployed) -> None:
    version = deployed.next_version()

    result = deployed.project.succeed("deploy", "--service=backend", f"--version={version}")

    assert f"version {version} serves" in result.out
    assert "spryte-cluster/spryte-backend-service runs spryte-backend:" in result.out
    assert f"{deployed.clients.target.app_url}/api/health" in result.out
    assert "took" in result.out
    assert "rollout" in result.out
    assert "\033" not in result.out + result.err


def test_json_is_one_document_with_every_fact_of_the_deploy(deployed: Deployed) -> None:
    backend = deployed.first["backend"]

    assert deployed.result.document["ok"] is True
    assert str(backend["digest"]).startswith("sha256:")
    assert str(backend["deployment"]).startswith("ecs-svc/")
    assert backend["before"] == {"revision": "spryte-backend:1", "version": ""}
    timings = [as_object(each) for each in as_list(deployed.result.document["timings"])]
    assert {each["stage"] for each in timings} == set(STAGES)


def test_the_same_deploy_run_twice_changes_nothing_the_second_time(deployed: Deployed) -> None:
    version = deployed.next_version()
    deployed.project.succeed("deploy", "--service=all", f"--version={version}")
    before = deployed.state()

    told = deployed.project.succeed("deploy", "--service=all", f"--version={version}", "--dry-run")
    again = deployed.project.succeed("deploy", "--service=all", f"--version={version}", "--json")

    assert told.out.count("would update nothing") == 2
    assert deployed.state() == before
    assert [each["adopted"] for each in again.services] == [True, True]


def test_the_next_version_of_the_same_content_builds_and_uploads_nothing(deployed: Deployed) -> None:
    version = deployed.next_version()

    result = deployed.project.succeed("deploy", "--service=backend", f"--version={version}", "--json")

    backend = result.services[0]
    assert backend["digest"] == deployed.first["backend"]["digest"]
    assert backend["new_tags"] == [version]
    assert as_object(backend["image"])["reused"] is True


def test_force_replaces_the_tasks_of_a_revision_that_runs_already(deployed: Deployed) -> None:
    version = deployed.next_version()
    first = deployed.project.succeed("deploy", "--service=backend", f"--version={version}", "--json").services[0]

    forced = deployed.project.succeed(
        "deploy", "--service=backend", f"--version={version}", "--force", "--json"
    ).services[0]

    assert forced["revision"] == first["revision"]
    assert forced["deployment"] != first["deployment"]


def test_the_stages_as_separate_commands_end_where_deploy_ends(deployed: Deployed) -> None:
    arguments = ("--service=frontend", f"--version={deployed.next_version()}", "--json")

    built = deployed.project.succeed("build", *arguments).services[0]
    pushed = deployed.project.succeed("push", *arguments).services[0]
    registered = deployed.project.succeed("register", *arguments).services[0]
    released = deployed.project.succeed("deploy", *arguments).services[0]

    assert as_object(built["image"])["id"] == as_object(released["image"])["id"]
    assert pushed["digest"] == released["digest"]
    assert registered["revision"] == released["revision"]
    assert released["revision_reused"] is True
    assert deployed.project.run("verify", *arguments).code == 0


def test_a_dry_run_tells_every_stage_and_changes_nothing(deployed: Deployed) -> None:
    before, version = deployed.state(), deployed.next_version()

    result = deployed.project.succeed("deploy", "--service=all", f"--version={version}", "--dry-run")

    assert deployed.state() == before
    for words in ("would push", "would register", "would update spryte-frontend-service", "would verify"):
        assert words in result.out
    assert "APP_VERSION" in result.out


def test_an_uncommitted_task_definition_is_said_to_be_of_no_commit(deployed: Deployed) -> None:
    name, version = "aws/backend-task-definition.json", deployed.next_version()
    text = (deployed.project.root / name).read_text()
    with deployed.project.changed(name, text.replace('"stopTimeout": 30', '"stopTimeout": 29')):
        result = deployed.project.succeed("register", "--service=backend", f"--version={version}")

    assert f"{name} has uncommitted changes: no commit holds what is registered" in result.err


def test_changed_content_becomes_another_image_marked_as_uncommitted(deployed: Deployed) -> None:
    version = deployed.next_version()
    with deployed.project.changed("backend/spryte/notes.py", '"""Changed."""\n'):
        result = deployed.project.succeed("deploy", "--service=backend", f"--version={version}", "--json")

    backend = result.services[0]
    assert backend["digest"] != deployed.first["backend"]["digest"]
    assert str(backend["commit"]).startswith(f"{deployed.project.git('rev-parse', 'HEAD')}-dirty-")


def test_a_proxy_in_the_environment_has_no_say_on_loopback(deployed: Deployed) -> None:
    proxy = "http://127.0.0.1:9"

    result = deployed.project.run("verify", HTTP_PROXY=proxy, http_proxy=proxy, HTTPS_PROXY=proxy)

    assert result.code == 0, result.err


def test_verify_proves_all_services_by_default(deployed: Deployed) -> None:
    result = deployed.project.succeed("verify", "--json")

    assert [each["service"] for each in result.services] == ["backend", "frontend"]


def test_verify_fails_at_once_when_ecs_runs_another_version_than_the_given_one(deployed: Deployed) -> None:
    result = deployed.project.run("verify", "--service=backend", "--version=9.9.9")

    assert result.code == 9
    assert "spryte-backend-service runs version 0.1." in result.err
    assert "./inv deploy --service=backend --version=9.9.9" in result.err


def test_a_version_that_crashes_at_start_fails_in_seconds_and_the_one_before_serves(deployed: Deployed) -> None:
    good, bad = deployed.next_version(), deployed.next_version()
    deployed.project.succeed("deploy", "--service=backend", f"--version={good}")
    broken = (deployed.project.root / "backend/Dockerfile").read_text() + '\nCMD ["python3", "-c", "exit(7)"]\n'

    with deployed.project.changed("backend/Dockerfile", broken):
        result = deployed.project.run("deploy", "--service=backend", f"--version={bad}")

    assert result.code == 7
    assert f"version {bad}" in result.err
    assert "did not come up" in result.err
    assert "The container crashes at start with exit code 7" in result.err
    assert f"Version {good} serves again, proved over HTTP." in result.err
    assert (
        deployed.clients.http.get(f"{deployed.clients.target.app_url}/api/health").headers["X-App-Version"] == good
    )


def test_an_interrupted_deploy_says_so_and_the_next_one_goes_on(deployed: Deployed) -> None:
    version = deployed.next_version()
    arguments = ["deploy", "--service=backend", f"--version={version}"]
    root = deployed.project.root
    process = subprocess.Popen(
        [sys.executable, "-m", "invoke", "--search-root", str(root), *arguments],
        cwd=root,
        env=dict(deployed.project.environment),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    line = next(line for line in process.stderr if ", deployment " in line)
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)

    assert version not in line
    assert process.returncode == 130
    assert "Interrupted." in rest
    again = deployed.project.succeed(*arguments, "--json").services[0]
    assert again["version"] == version
    assert again["adopted"] is True


def sole(docker_client: DockerClient, labels: list[str]) -> list[Container]:
    """Return the container that runs with these labels; nothing while there are more."""
    found = docker_client.containers.list(filters={"label": labels})
    return found if len(found) == 1 else []


def cluster_arn(deployed: Deployed) -> str:
    """Return the ARN of the cluster, as ECS labels its containers with it."""
    target = deployed.clients.target
    return f"arn:aws:ecs:{target.region}:{target.account}:cluster/spryte-cluster"


def instance(deployed: Deployed) -> str:
    """Return how the containers of this very environment are marked."""
    settings = load(deployed.project.root, deployed.project.environment)
    return f"{ministack.instance(settings)}:{settings.local_port}"
