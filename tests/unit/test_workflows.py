"""The workflows: which tag starts which, what a run may do, and what its own scripts make of bad input."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pytest
import yaml

from tasks.documents import as_list, as_object
from tests.support.project import HERE

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.documents import Json

FOLDER = HERE / ".github" / "workflows"
FILES = sorted(each.name for each in FOLDER.glob("*.yml"))
SERVICES = ("backend", "frontend")
COMMANDS = ("build", "push", "register", "deploy", "verify")
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
CONFIGURED = dict.fromkeys((*NEEDED, "AWS_ROLE_TO_ASSUME"), "set")

# Tags that start the backend's workflow, because a filter cannot say "number", or that somebody might point at it.
BAD_TAGS = (
    "backend-v1.2",
    "backend-v1.2.3-rc1",
    "backend-v1.2.3.4",
    "backend-v01.2.3",
    "backend-v1.2.",
    "backend-v1.2.1234567890",
    "backendv1.2.3",
    "Backend-v1.2.3",
    "x-backend-v1.2.3",
    "backend-v1.2.3;curl x|sh",
    "backend-v`id`",
    "backend-v$(touch ran)",
    "backend-v1.2.$(touch ran)",
    "frontend-v1.2.3",
    "main",
    "",
)


@dataclass(frozen=True)
class Ran:
    """What a step's script did."""

    code: int
    shown: str
    output: str


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


def tag_filters(name: str) -> list[str]:
    push = as_object(as_object(read(name)["on"]).get("push"))
    return [str(each) for each in as_list(push.get("tags"))]


def filter_matches(pattern: str, tag: str) -> bool:
    """Match as GitHub does: `*` is anything but `/`, `**` anything; these filters use no other special.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet
    """
    assert not set(pattern) & set("?+[]!\\"), pattern
    wild = {"*": "[^/]*", "**": ".*"}
    parts = re.split(r"(\*{1,2})", pattern)
    return re.fullmatch("".join(wild.get(part, re.escape(part)) for part in parts), tag) is not None


def run_script(name: str, folder: Path, **environment: str) -> Ran:
    """Run the script of a step of deploy.yml the way GitHub runs `shell: bash`."""
    script, output = folder / "step.sh", folder / "output"
    script.write_text(str(step(name)["run"]))
    output.touch()
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "GITHUB_OUTPUT": str(output), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=20,
        check=False,
    )
    return Ran(done.returncode, done.stdout, output.read_text())


def read_version(folder: Path, service: str, tag: str) -> Ran:
    return run_script("Read the version from the tag", folder, SERVICE=service, GITHUB_REF_NAME=tag)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("backend-v0.1.5", ["Deploy Backend"]),
        ("backend-v10.20.30", ["Deploy Backend"]),
        ("frontend-v0.1.5", ["Deploy Frontend"]),
        ("backend-v1.2", []),
        ("backendv1.2.3", []),
        ("v1.2.3", []),
        ("worker-v1.2.3", []),
        ("x/backend-v1.2.3", []),
        ("backend-v1.2/3.4", []),
        # What no filter can keep out, and the version step therefore must.
        ("backend-v1.2.3-rc1", ["Deploy Backend"]),
        ("frontend-vx.y.z", ["Deploy Frontend"]),
    ],
)
def test_a_tag_starts_its_own_workflow_only(tag: str, expected: list[str]) -> None:
    started = [
        read(name)["name"] for name in FILES if any(filter_matches(each, tag) for each in tag_filters(name))
    ]

    assert started == expected


@pytest.mark.parametrize("service", SERVICES)
def test_a_deploy_starts_on_tags_and_on_nothing_else(service: str) -> None:
    assert read(f"deploy-{service}.yml")["on"] == {"push": {"tags": [f"{service}-v*.*.*"]}}


def test_the_shared_workflow_can_only_be_called() -> None:
    assert list(as_object(read("deploy.yml")["on"])) == ["workflow_call"]


def test_the_two_workflows_differ_in_the_service_and_in_nothing_else() -> None:
    backend = (FOLDER / "deploy-backend.yml").read_text()
    frontend = (FOLDER / "deploy-frontend.yml").read_text()

    assert backend.replace("backend", "frontend").replace("Backend", "Frontend") == frontend


@pytest.mark.parametrize("service", SERVICES)
def test_a_deploy_hands_over_its_service_and_one_secret_by_name(service: str) -> None:
    (job,) = jobs(f"deploy-{service}.yml")

    assert job["uses"] == "$/.github/workflows/deploy.yml"
    assert job["with"] == {"service": service}
    assert job["secrets"] == {"AWS_ROLE_TO_ASSUME": "${{ secrets.AWS_ROLE_TO_ASSUME }}"}


@pytest.mark.parametrize("name", FILES)
def test_every_action_is_pinned_by_its_commit_and_says_its_version(name: str) -> None:
    for line in (FOLDER / name).read_text().splitlines():
        if re.match(r"\s*(- )?uses:", line):
            own = r"\$/\.github/workflows/deploy\.yml"
            pinned = r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+"
            assert re.fullmatch(rf"\s*(- )?uses: ({own}|{pinned})", line), line


def test_an_action_has_the_same_pin_wherever_it_is_used() -> None:
    used = {str(each["uses"]) for name in FILES for each in steps(name) if "uses" in each}

    assert len({each.partition("@")[0] for each in used}) == len(used)


@pytest.mark.parametrize("name", FILES)
def test_permissions_are_none_but_for_what_a_job_is_granted(name: str) -> None:
    granted: dict[str, Json] = {"contents": "read"}
    if name != "ci.yml":
        granted["id-token"] = "write"

    assert read(name)["permissions"] == {}
    assert [job["permissions"] for job in jobs(name)] == [granted]


@pytest.mark.parametrize("name", FILES)
def test_a_checkout_leaves_no_credentials_behind(name: str) -> None:
    for each in steps(name):
        if str(each.get("uses")).startswith("actions/checkout@"):
            assert as_object(each["with"])["persist-credentials"] is False


@pytest.mark.parametrize("name", FILES)
def test_every_job_that_runs_has_a_limit_and_a_fixed_machine(name: str) -> None:
    for job in jobs(name):
        if "uses" not in job:
            assert job["runs-on"] == "ubuntu-24.04"
            assert isinstance(job["timeout-minutes"], int)


@pytest.mark.parametrize("name", FILES)
def test_no_script_has_an_expression_put_into_it(name: str) -> None:
    assert not [each["name"] for each in steps(name) if "${{" in str(each.get("run"))]


def test_deploys_of_a_service_wait_for_each_other_and_are_never_cancelled() -> None:
    assert deploy_job()["concurrency"] == {"group": "deploy-${{ inputs.service }}", "cancel-in-progress": False}


def test_only_the_outdated_run_of_a_pull_request_is_cancelled() -> None:
    assert read("ci.yml")["concurrency"] == {
        "group": "ci-${{ github.ref }}",
        "cancel-in-progress": "${{ github.event_name == 'pull_request' }}",
    }


def test_ci_does_what_a_newcomer_does_on_pushes_to_main_and_on_pull_requests() -> None:
    assert read("ci.yml")["on"] == {"push": {"branches": ["main"]}, "pull_request": None}
    assert [each["run"] for each in steps("ci.yml") if "run" in each] == ["bash .ci/run"]


def test_the_checkout_brings_the_history_of_main() -> None:
    assert as_object(step("Check out the tag")["with"])["fetch-depth"] == 0


def test_the_environment_is_optional_and_named_by_one_variable() -> None:
    assert deploy_job()["environment"] == "${{ vars.DEPLOY_ENVIRONMENT }}"


def test_a_run_gets_the_runbook_s_variables_by_name() -> None:
    expected: dict[str, Json] = {name: f"${{{{ vars.{name} }}}}" for name in NEEDED}

    assert deploy_job()["env"] == {"SERVICE": "${{ inputs.service }}", "DEPLOY_TARGET": "aws", **expected}


def test_the_variables_are_those_that_env_example_explains() -> None:
    explained = re.findall(r"^([A-Z_]+)=", (HERE / ".env.example").read_text(), re.MULTILINE)

    assert set(explained) - {"DEPLOY_TARGET", "LOCAL_PORT"} == set(NEEDED)


def test_the_steps_can_be_followed() -> None:
    assert [each["name"] for each in steps("deploy.yml")] == [
        "Check out the tag",
        "Read the version from the tag",
        "Check the configuration",
        "Set up Python with its package cache",
        "Get credentials of the deploy role (OIDC)",
        "Build the image",
        "Push the image to ECR",
        "Register the task definition",
        "Deploy to ECS service (wait-for-service-stability)",
        "Verify what answers",
    ]


def test_the_stages_are_the_commands_of_a_laptop_with_the_version_of_the_tag() -> None:
    stages = [each for each in steps("deploy.yml") if str(each.get("run")).startswith("./inv")]

    assert [each["run"] for each in stages] == [
        f'./inv {command} --service="$SERVICE" --version="$VERSION"' for command in COMMANDS
    ]
    assert all(each["env"] == {"VERSION": "${{ steps.version.outputs.version }}"} for each in stages)


def test_the_secret_reaches_the_check_and_the_credentials_and_nothing_else() -> None:
    holders = [each["name"] for each in steps("deploy.yml") if "secrets." in str(each)]

    assert holders == ["Check the configuration", "Get credentials of the deploy role (OIDC)"]


@pytest.mark.parametrize(
    ("service", "tag", "version"),
    [
        ("backend", "backend-v0.1.5", "0.1.5"),
        ("frontend", "frontend-v0.0.0", "0.0.0"),
        ("backend", "backend-v10.200.3000", "10.200.3000"),
        ("order-worker", "order-worker-v1.2.3", "1.2.3"),
    ],
)
def test_the_version_is_read_from_the_tag(tmp_path: Path, service: str, tag: str, version: str) -> None:
    assert read_version(tmp_path, service, tag) == Ran(0, "", f"version={version}\n")


@pytest.mark.parametrize("tag", BAD_TAGS)
def test_another_tag_is_refused_in_one_line_and_writes_nothing(tmp_path: Path, tag: str) -> None:
    ran = read_version(tmp_path, "backend", tag)

    assert ran == Ran(
        1,
        f"::error title=Not a release tag::'{tag}' is not backend-vX.Y.Z, three numbers without leading zeros. "
        "Delete the tag and push the one that was meant.\n",
        "",
    )
    assert not (tmp_path / "ran").exists()


def test_a_backend_tag_is_refused_on_the_frontend_s_workflow(tmp_path: Path) -> None:
    ran = read_version(tmp_path, "frontend", "backend-v1.2.3")

    assert ran.code == 1
    assert "'backend-v1.2.3' is not frontend-vX.Y.Z" in ran.shown
    assert ran.output == ""


def test_a_tag_cannot_write_a_second_line_into_the_annotation(tmp_path: Path) -> None:
    ran = read_version(tmp_path, "backend", "backend-v1.2.3%0A::add-mask::a")

    assert "'backend-v1.2.3%250A::add-mask::a' is not" in ran.shown
    assert ran.shown.count("\n") == 1


def check_configuration(folder: Path, service: str, missing: tuple[str, ...] = ()) -> Ran:
    values = {name: "" if name in missing else value for name, value in CONFIGURED.items()}
    return run_script("Check the configuration", folder, SERVICE=service, **values)


@pytest.mark.parametrize("service", SERVICES)
def test_a_complete_configuration_passes_silently(tmp_path: Path, service: str) -> None:
    assert check_configuration(tmp_path, service) == Ran(0, "", "")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_does_not_need_the_variables_of_the_other(tmp_path: Path, service: str) -> None:
    others = tuple(
        name for name in NEEDED for other in SERVICES if other != service and name.endswith(other.upper())
    )

    assert len(others) == 5
    assert check_configuration(tmp_path, service, others).code == 0


@pytest.mark.parametrize("name", [name for name in NEEDED if not name.endswith("_FRONTEND")])
def test_an_unset_variable_is_named(tmp_path: Path, name: str) -> None:
    assert check_configuration(tmp_path, "backend", (name,)) == Ran(
        1,
        f"::error title=Not configured::Not set: variable {name}. Set it in Settings, "
        "Secrets and variables, Actions; docs/runbook.md has the values.\n",
        "",
    )


def test_all_that_is_unset_is_named_at_once(tmp_path: Path) -> None:
    ran = check_configuration(tmp_path, "backend", ("AWS_ROLE_TO_ASSUME", "AWS_REGION", "APP_URL"))

    assert ran.code == 1
    assert "Not set: variable AWS_REGION, variable APP_URL, secret AWS_ROLE_TO_ASSUME." in ran.shown
    assert ran.shown.count("\n") == 1


def test_a_hyphen_in_a_service_s_name_is_an_underscore_in_its_variables(tmp_path: Path) -> None:
    ran = check_configuration(tmp_path, "order-worker")

    assert "variable ECR_REPOSITORY_ORDER_WORKER," in ran.shown


def dependabot() -> list[dict[str, Json]]:
    parsed = cast("dict[str, Json]", yaml.safe_load((HERE / ".github" / "dependabot.yml").read_text()))
    return [as_object(each) for each in as_list(parsed["updates"])]


def test_dependabot_looks_after_everything_that_is_pinned() -> None:
    assert [(each["package-ecosystem"], each["directory"]) for each in dependabot()] == [
        ("github-actions", "/"),
        ("pip", "/"),
        ("uv", "/backend"),
        ("npm", "/frontend"),
        ("docker", "/.github/base-images"),
    ]


def test_dependabot_makes_one_pull_request_a_week_and_place() -> None:
    for each in dependabot():
        assert each["schedule"] == {"interval": "weekly"}
        assert [as_object(group)["patterns"] for group in as_object(each["groups"]).values()] == [["*"]]


def test_dependabot_leaves_alone_what_ministack_pins() -> None:
    (python,) = [each for each in dependabot() if each["package-ecosystem"] == "pip"]

    ignored = [as_object(each)["dependency-name"] for each in as_list(python["ignore"])]
    assert ignored == ["boto3", "botocore", "ministack"]


def test_dependabot_sees_the_base_images_that_the_services_are_built_on() -> None:
    seen = re.findall(r"^FROM (\S+)$", (HERE / ".github/base-images/Dockerfile").read_text(), re.MULTILINE)
    built_on = [
        image
        for service in SERVICES
        for image in re.findall(
            r"^ARG \w+_IMAGE=(\S+)$", (HERE / service / "Dockerfile").read_text(), re.MULTILINE
        )
    ]

    assert seen == built_on
