"""What the scripts of the deploy workflow make of good and of bad input."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tasks.rehearsal.event import Event
from tasks.setup.policies import Repository
from tests.support.workflows import GITHUB_BASH, NEEDED, SERVICES, step

if TYPE_CHECKING:
    from pathlib import Path

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
    output: str = ""
    summary: str = ""


def run_script(name: str, folder: Path, **environment: str) -> Ran:
    """Run the script of a step of deploy.yml the way GitHub runs `shell: bash`."""
    script, output, summary = folder / "step.sh", folder / "output", folder / "summary"
    script.write_text(str(step(name)["run"]))
    output.touch()
    summary.touch()
    files = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
    done = subprocess.run(
        [*GITHUB_BASH, str(script)],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **files, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=20,
        check=False,
    )
    return Ran(done.returncode, done.stdout, output.read_text(), summary.read_text())


def read_version(folder: Path, service: str, tag: str) -> Ran:
    return run_script("Read the version from the tag", folder, SERVICE=service, GITHUB_REF_NAME=tag)


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
def test_another_tag_is_refused_in_one_line_and_in_the_summary(tmp_path: Path, tag: str) -> None:
    ran = read_version(tmp_path, "backend", tag)

    problem = f"'{tag}' is not backend-vX.Y.Z, three numbers without leading zeros."
    fix = "Delete the tag and push the one that was meant."
    assert ran == Ran(
        1,
        f"::error title=Not a release tag::{problem} {fix}\n",
        summary=f"### Not a release tag\n\n    {problem}\n\nFix: {fix}\n",
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
    assert check_configuration(tmp_path, service) == Ran(0, "")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_does_not_need_the_variables_of_the_other(tmp_path: Path, service: str) -> None:
    others = tuple(
        name for name in NEEDED for other in SERVICES if other != service and name.endswith(other.upper())
    )

    assert len(others) == 5
    assert check_configuration(tmp_path, service, others).code == 0


@pytest.mark.parametrize("name", [name for name in NEEDED if not name.endswith("_FRONTEND")])
def test_an_unset_variable_is_named(tmp_path: Path, name: str) -> None:
    fix = "Set it in Settings, Secrets and variables, Actions; docs/runbook.md has the values."
    assert check_configuration(tmp_path, "backend", (name,)) == Ran(
        1,
        f"::error title=Not configured::Not set: variable {name}. {fix}\n",
        summary=f"### Not configured\n\nNot set: variable {name}.\n\nFix: {fix}\n",
    )


def test_all_that_is_unset_is_named_at_once(tmp_path: Path) -> None:
    ran = check_configuration(tmp_path, "backend", ("AWS_ROLE_TO_ASSUME", "AWS_REGION", "APP_URL"))

    assert ran.code == 1
    assert "Not set: variable AWS_REGION, variable APP_URL, secret AWS_ROLE_TO_ASSUME." in ran.shown
    assert ran.shown.count("\n") == 1


def test_a_hyphen_in_a_service_s_name_is_an_underscore_in_its_variables(tmp_path: Path) -> None:
    ran = check_configuration(tmp_path, "order-worker")

    assert "variable ECR_REPOSITORY_ORDER_WORKER," in ran.shown


def explain_refusal(folder: Path, environment: str = "") -> Ran:
    return run_script(
        "Explain why AWS gave no credentials",
        folder,
        GITHUB_REPOSITORY="siruscoder/spryte",
        GITHUB_REPOSITORY_ID="2002",
        GITHUB_REPOSITORY_OWNER="siruscoder",
        GITHUB_REPOSITORY_OWNER_ID="1001",
        GITHUB_REF="refs/tags/backend-v0.1.5",
        DEPLOY_ENVIRONMENT=environment,
        OIDC_AUDIENCE="sts.amazonaws.com",
    )


@pytest.mark.parametrize(
    ("environment", "about"),
    [
        ("", "ref:refs/tags/backend-v0.1.5"),
        ("production", "environment:production"),
        ("eu:production", "environment:eu%3Aproduction"),
    ],
)
def test_a_refused_role_is_explained_by_what_github_sent(tmp_path: Path, environment: str, about: str) -> None:
    ran = explain_refusal(tmp_path, environment)

    plain, ids = f"repo:siruscoder/spryte:{about}", f"repo:siruscoder@1001/spryte@2002:{about}"
    problem = "AWS did not give this run the role SpryteGithubDeployRole; the step before says how it was refused."
    fix = "./inv setup.aws --target=aws --check compares provider, role and trust policy with aws/iam."
    sent = f"GitHub sent the sub '{plain}' or '{ids}', and the aud 'sts.amazonaws.com'.".replace("%", "%25")
    assert ran == Ran(
        0,
        f"::error title=No credentials::{problem} {sent} {fix}\n",
        summary=f"### No credentials\n\n{problem}\n\nGitHub sent one of these, and AWS must know it:\n\n"
        f"    sub: {plain}\n    sub: {ids}\n    aud: sts.amazonaws.com\n\nFix: {fix}\n",
    )


@pytest.mark.parametrize("environment", ["", "eu:production"])
def test_the_explanation_and_the_rehearsal_know_the_same_subjects(tmp_path: Path, environment: str) -> None:
    event = Event(Repository("siruscoder", "spryte", "1001", "2002"), "refs/tags/backend-v0.1.5", "c" * 40)

    summary = explain_refusal(tmp_path, environment).summary

    assert [each for each in event.subjects(environment) if f"    sub: {each}\n" not in summary] == []
