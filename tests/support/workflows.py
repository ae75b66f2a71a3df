"""The workflows of this checkout, read as GitHub reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import yaml

from tasks.documents import as_list, as_object
from tests.support.project import HERE

if TYPE_CHECKING:
    from tasks.documents import Json

FOLDER = HERE / ".github" / "workflows"
FILES = sorted(each.name for each in FOLDER.glob("*.yml"))
SERVICES = ("backend", "frontend")
TWELVE = (
    "AWS_REGION",
    "AWS_ACCOUNT_ID",
    "ECS_CLUSTER_BACKEND",
    "ECS_SERVICE_BACKEND",
    "ECS_TASK_DEFINITION_BACKEND",
    "ECS_CONTAINER_NAME_BACKEND",
    "ECR_REPOSITORY_BACKEND",
    "ECS_CLUSTER_FRONTEND",
    "ECS_SERVICE_FRONTEND",
    "ECS_TASK_DEFINITION_FRONTEND",
    "ECS_CONTAINER_NAME_FRONTEND",
    "ECR_REPOSITORY_FRONTEND",
)
NEEDED = (*TWELVE, "APP_URL")
# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
GITHUB_BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")


def read(name: str) -> dict[str, Json]:
    """Read a workflow. YAML 1.1 takes its key `on` for a truth value."""
    parsed = cast("dict[object, Json]", yaml.safe_load((FOLDER / name).read_text()))
    return {"on" if key is True else str(key): value for key, value in parsed.items()}


def jobs(name: str) -> list[dict[str, Json]]:
    return [as_object(job) for job in as_object(read(name)["jobs"]).values()]


def steps(name: str) -> list[dict[str, Json]]:
    return [as_object(step) for job in jobs(name) for step in as_list(job.get("steps"))]


def step(name: str) -> dict[str, Json]:
    """Return the step of deploy.yml that has this name."""
    (found,) = [each for each in steps("deploy.yml") if each["name"] == name]
    return found


def deploy_job() -> dict[str, Json]:
    (job,) = jobs("deploy.yml")
    return job
