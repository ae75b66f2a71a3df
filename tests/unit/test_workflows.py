"""The workflows: which tag starts which, and what a run may do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tasks.documents import as_list, as_object
from tasks.setup.policies import AUDIENCE
from tests.support.project import HERE
from tests.support.workflows import FILES, FOLDER, NEEDED, SERVICES, deploy_job, jobs, read, step, steps

if TYPE_CHECKING:
    from tasks.documents import Json

COMMANDS = ("build", "push", "register", "deploy", "verify")


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


def test_only_the_outdated_run_of_a_branch_or_pull_request_is_cancelled_and_none_of_main() -> None:
    assert read("ci.yml")["concurrency"] == {
        "group": "ci-${{ github.ref == 'refs/heads/main' && github.sha || github.ref }}",
        "cancel-in-progress": True,
    }


def test_ci_does_what_a_newcomer_does_on_pushes_to_any_branch_and_on_pull_requests() -> None:
    assert read("ci.yml")["on"] == {"push": {"branches": ["**"]}, "pull_request": None}
    assert [each["run"] for each in steps("ci.yml") if "run" in each] == ["bash .ci/run"]


def test_the_checkout_brings_the_history_of_main() -> None:
    assert as_object(step("Check out the tag")["with"])["fetch-depth"] == 0


def test_the_environment_is_optional_and_named_by_one_variable() -> None:
    assert deploy_job()["environment"] == "${{ vars.DEPLOY_ENVIRONMENT }}"


def test_a_run_gets_the_runbook_s_variables_by_name() -> None:
    expected: dict[str, Json] = {name: f"${{{{ vars.{name} }}}}" for name in NEEDED}

    assert deploy_job()["env"] == {
        "SERVICE": "${{ inputs.service }}",
        "DEPLOY_TARGET": "aws",
        "OIDC_AUDIENCE": AUDIENCE,
        **expected,
    }


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
        "Explain why AWS gave no credentials",
        "Build the image",
        "Push the image to ECR",
        "Register the task definition",
        "Deploy to ECS service (wait-for-service-stability)",
        "Verify what answers",
    ]


def test_the_stages_are_the_commands_of_a_laptop_with_the_version_of_the_tag() -> None:
    stages = [each for each in steps("deploy.yml") if "./inv " in str(each.get("run")) and "if" not in each]

    assert [each["run"] for each in stages] == [
        f'exec ./inv {command} --service="$SERVICE" --version="$VERSION"' for command in COMMANDS
    ]
    assert all(each["env"] == {"VERSION": "${{ steps.version.outputs.version }}"} for each in stages)


def test_a_refused_role_is_explained_by_a_step_of_its_own() -> None:
    assert step("Explain why AWS gave no credentials")["if"] == (
        "failure() && steps.credentials.outcome == 'failure'"
    )
    credentials = step("Get credentials of the deploy role (OIDC)")
    assert credentials["id"] == "credentials"
    assert as_object(credentials["with"])["audience"] == "${{ env.OIDC_AUDIENCE }}"


def test_the_secret_reaches_the_check_and_the_credentials_and_nothing_else() -> None:
    holders = [each["name"] for each in steps("deploy.yml") if "secrets." in str(each)]

    assert holders == ["Check the configuration", "Get credentials of the deploy role (OIDC)"]
