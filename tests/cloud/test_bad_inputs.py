"""What must be refused with one clear message, its exit code, and nothing changed anywhere."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from docker import DockerClient

    from tests.support.deployed import Deployed
    from tests.support.project import Result


@dataclass(frozen=True)
class Bad:
    """An environment that is wrong in one way, and what must be said about it."""

    code: int
    said: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


def as_aws(deployed: Deployed, **environment: str) -> dict[str, str]:
    """Return the variables that make the embedded cloud be the target `aws`, as a real account would be."""
    target = deployed.clients.target
    return {
        "DEPLOY_TARGET": "aws",
        "AWS_ACCOUNT_ID": target.account,
        "AWS_REGION": target.region,
        "AWS_ENDPOINT_URL": str(target.endpoint_url),
        "ECR_REGISTRY": target.registry,
        "APP_URL": target.app_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "ECS_CLUSTER_BACKEND": "spryte-cluster",
        "ECS_SERVICE_BACKEND": "spryte-backend-service",
        "ECS_TASK_DEFINITION_BACKEND": "spryte-backend",
        "ECS_CONTAINER_NAME_BACKEND": "spryte-backend",
        "ECR_REPOSITORY_BACKEND": "spryte-backend",
        **environment,
    }


ARGUMENT = "ARG PYTHON_IMAGE=python:3.13-slim-bookworm\n"
NO_CONFIG = {"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
REFUSED = {
    "no credentials": Bad(
        3,
        ("AWS credentials", "aws sso login"),
        {**NO_CONFIG, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
    ),
    "credentials nobody accepts": Bad(
        3,
        ("AWS credentials: no longer accepted", "sts get-caller-identity"),
        {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"},
    ),
    "a profile that does not exist": Bad(
        3, ("AWS credentials", "nowhere"), {**NO_CONFIG, "AWS_PROFILE": "nowhere"}
    ),
    "another account": Bad(
        3, ("belong to account 727646509464", "111111111111"), {"AWS_ACCOUNT_ID": "111111111111"}
    ),
    "no repository": Bad(3, ("no ECR repository 'spryte-nothing'",), {"ECR_REPOSITORY_BACKEND": "spryte-nothing"}),
    "no cluster": Bad(3, ("no cluster 'nowhere'", "ECS_CLUSTER_"), {"ECS_CLUSTER_BACKEND": "nowhere"}),
    "no service": Bad(3, ("there is no such service", "ECS_SERVICE_"), {"ECS_SERVICE_BACKEND": "nothing"}),
    "no endpoint": Bad(3, ("No answer from AWS", "AWS_ENDPOINT_URL"), {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}),
    "no Docker Engine": Bad(3, ("No Docker Engine answers",), {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_a_deploy_that_cannot_succeed_is_refused_before_anything_changes(deployed: Deployed, case: Bad) -> None:
    before = deployed.state()
    version = deployed.next_version()

    result = deployed.project.run(
        "deploy", "--service=backend", f"--version={version}", **as_aws(deployed, **case.environment)
    )

    assert_refused(result, case)
    assert deployed.state() == before


def test_an_inactive_service_is_refused(deployed: Deployed) -> None:
    ecs = deployed.clients.ecs
    ecs.create_service(
        cluster="spryte-cluster", serviceName="gone", taskDefinition="spryte-backend:1", desiredCount=0
    )
    ecs.delete_service(cluster="spryte-cluster", service="gone", force=True)
    before = deployed.state()

    result = deployed.project.run(
        "deploy", "--service=backend", "--version=0.2.0", **as_aws(deployed, ECS_SERVICE_BACKEND="gone")
    )

    assert_refused(result, Bad(3, ("the service is INACTIVE",)))
    assert deployed.state() == before


def test_a_service_scaled_to_zero_after_its_first_deploy_is_refused(deployed: Deployed) -> None:
    ecs = deployed.clients.ecs
    running = ecs.describe_services(cluster="spryte-cluster", services=["spryte-backend-service"])["services"][0]
    ecs.create_service(
        cluster="spryte-cluster", serviceName="idle", taskDefinition=running["taskDefinition"], desiredCount=0
    )

    result = deployed.project.run(
        "deploy", "--service=backend", "--version=0.2.0", **as_aws(deployed, ECS_SERVICE_BACKEND="idle")
    )

    assert_refused(result, Bad(3, ("desired count of 0", "--desired-count 1")))


def test_verify_of_a_service_that_was_never_deployed_says_so_at_once(deployed: Deployed) -> None:
    deployed.clients.ecs.create_service(
        cluster="spryte-cluster", serviceName="new", taskDefinition="spryte-backend:1", desiredCount=0
    )

    result = deployed.project.run("verify", "--service=backend", **as_aws(deployed, ECS_SERVICE_BACKEND="new"))

    assert_refused(result, Bad(3, ("was never deployed", "inv deploy --service=backend")))


def test_a_failing_step_of_the_dockerfile_is_named_with_its_last_lines(deployed: Deployed) -> None:
    before = deployed.state()
    dockerfile = f"{ARGUMENT}FROM ${{PYTHON_IMAGE}}\nRUN echo compiling && echo out of luck && exit 3\n"

    with deployed.project.changed("backend/Dockerfile", dockerfile):
        result = deployed.project.run("deploy", "--service=backend", f"--version={deployed.next_version()}")

    assert_refused(result, Bad(4, ("step 3 of", "RUN echo compiling", "| out of luck", "backend/Dockerfile")))
    assert deployed.state() == before


def test_an_image_for_another_platform_is_refused(deployed: Deployed, docker_client: DockerClient) -> None:
    before = deployed.state()
    base = "spryte-test/other-platform:1"
    docker_client.images.load(image_archive(base, "arm64"))
    dockerfile = f"{ARGUMENT}FROM --platform=linux/arm64 {base}\nLABEL made=here\n"
    try:
        with deployed.project.changed("backend/Dockerfile", dockerfile):
            result = deployed.project.run("deploy", "--service=backend", f"--version={deployed.next_version()}")
    finally:
        docker_client.images.remove(base, force=True)

    assert_refused(result, Bad(4, ("is for linux/arm64", "runs linux/amd64", "exec format error")))
    assert deployed.state() == before


def test_a_version_is_never_used_twice(deployed: Deployed) -> None:
    version = deployed.next_version()
    deployed.project.succeed("deploy", "--service=backend", f"--version={version}")
    before = deployed.state()

    with deployed.project.changed("backend/spryte/more.py", '"""More."""\n'):
        refused = [
            deployed.project.run(name, "--service=backend", f"--version={version}")
            for name in ("push", "register", "deploy")
        ]

    for result in refused:
        assert_refused(result, Bad(5, (f"Version {version} of backend is already in ECR", "choose the next one")))
        assert "building backend/" not in result.err
    assert deployed.state() == before


def test_another_deployment_in_progress_is_not_overtaken(deployed: Deployed) -> None:
    ecs = deployed.clients.ecs
    definition = ecs.describe_task_definition(taskDefinition="spryte-backend:1")["taskDefinition"]
    name = "busy"
    ecs.create_service(
        cluster="spryte-cluster", serviceName=name, taskDefinition="spryte-backend:1", desiredCount=0
    )
    ecs.register_task_definition(
        family="unpullable",
        containerDefinitions=[{"name": "spryte-backend", "image": definition["containerDefinitions"][0]["image"]}],
    )
    ecs.update_service(cluster="spryte-cluster", service=name, taskDefinition="unpullable", desiredCount=1)

    result = deployed.project.run(
        "deploy", "--service=backend", "--version=0.2.0", **as_aws(deployed, ECS_SERVICE_BACKEND=name)
    )

    ecs.delete_service(cluster="spryte-cluster", service=name, force=True)
    assert_refused(result, Bad(3, ("a deployment of unpullable:1 is in progress", "--force")))


def assert_refused(result: Result, case: Bad) -> None:
    """One error, its exit code, what it must say, and no traceback."""
    assert result.code == case.code, result.err
    assert result.err.count("error: ") == 1
    assert "\n  fix: " in result.err
    assert "Traceback" not in result.err
    for words in case.said:
        assert words in result.err, result.err


def image_archive(name: str, architecture: str) -> bytes:
    """Return what `docker save` would write for an image of one empty layer and a given architecture."""
    layer = packed({})
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    return packed(
        {
            "layer.tar": layer,
            "config.json": json.dumps(config).encode(),
            "manifest.json": json.dumps(manifest).encode(),
        }
    )


def packed(files: dict[str, bytes]) -> bytes:
    """Return a tar archive of the files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()
