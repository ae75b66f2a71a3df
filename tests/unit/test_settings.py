"""Which services, which version, which target; wrong ones are refused before anything starts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tasks.release.task_definition import Identity, load_template, render
from tasks.settings import Credentials, UnknownServiceError, UnknownTargetError, load
from tasks.version_number import VersionError, checked_version

if TYPE_CHECKING:
    from pathlib import Path


def test_all_services_come_in_the_order_of_invoke_yaml(files: Path) -> None:
    assert [service.name for service in load(files, {}).select("all")] == ["backend", "frontend"]


def test_one_service_is_selected_by_name(files: Path) -> None:
    assert [service.name for service in load(files, {}).select("frontend")] == ["frontend"]


def test_several_services_come_once_each_and_in_the_order_of_invoke_yaml(files: Path) -> None:
    selected = load(files, {}).select("frontend, backend,frontend")
    assert [service.name for service in selected] == ["backend", "frontend"]


def test_the_order_is_the_files_and_not_the_alphabets(files: Path) -> None:
    text = (files / "invoke.yaml").read_text()
    backend = text[text.index("  backend:") : text.index("  frontend:")]
    (files / "invoke.yaml").write_text(text.replace(backend, "").replace("\n# Where", f"{backend}\n# Where"))
    assert [service.name for service in load(files, {}).select("all")] == ["frontend", "backend"]


def test_an_unknown_service_is_refused_with_the_name_that_was_meant(files: Path) -> None:
    with pytest.raises(UnknownServiceError) as caught:
        load(files, {}).select("backned")
    assert str(caught.value) == "There is no service 'backned'. Did you mean 'backend'?"
    assert caught.value.fix == "Use --service=backend|frontend|all, or several joined by commas."
    assert caught.value.exit_code == 2


def test_one_unknown_service_among_several_is_refused(files: Path) -> None:
    with pytest.raises(UnknownServiceError, match="There is no service 'worker'"):
        load(files, {}).select("backend,worker")


def test_no_service_is_refused_without_a_guess(files: Path) -> None:
    with pytest.raises(UnknownServiceError, match=r"^No service was named\.$"):
        load(files, {}).select("")


@pytest.mark.parametrize("version", ["0.1.5", "0.0.0", "10.20.30", "123456789.0.1"])
def test_three_numbers_are_a_version(version: str) -> None:
    assert checked_version(version) == version


@pytest.mark.parametrize(
    "version",
    ["v0.1.5", "0.1", "1.2.3.4", "0.1.5;id", "00.1.5", "0.01.5", "0.1.05",
     "\u0660.\u0661.\u0665", "0.1.\u0665", "0.1.5\n", " 0.1.5",
     "0.1.5-rc1",
     "backend-v0.1.5", "latest", "0.1.-5", "1234567890.0.0", "0,1,5", "$(id)", "0.1.5/../x"],
)  # fmt: skip
def test_anything_else_is_not_a_version(version: str) -> None:
    with pytest.raises(VersionError) as caught:
        checked_version(version)
    assert str(caught.value) == f"'{version}' is not a version."
    assert caught.value.fix == "Give three numbers joined by dots, for example --version=0.1.5."
    assert caught.value.exit_code == 2


def test_a_version_with_a_v_is_refused_with_the_same_one_without_it() -> None:
    with pytest.raises(VersionError) as caught:
        checked_version("v7.8.9")
    assert caught.value.fix.endswith("--version=7.8.9.")


def test_no_version_is_said_to_be_missing() -> None:
    with pytest.raises(VersionError, match=r"^No version was given\.$"):
        checked_version("")


def test_the_target_is_the_embedded_cloud_unless_told_otherwise(files: Path) -> None:
    target = load(files, {}).target
    assert target.name == "local"
    assert target.endpoint_url == "http://127.0.0.1:4566"
    assert not target.is_production
    assert not target.released_commits_only


AWS_VARIABLES = {
    "AWS_ACCOUNT_ID": "727646509464",
    "AWS_REGION": "us-east-2",
    "APP_URL": "https://spryte.example.com/",
}


def test_deploy_target_chooses_aws(files: Path) -> None:
    target = load(files, {**AWS_VARIABLES, "DEPLOY_TARGET": "aws"}).target
    assert target.is_production
    assert target.released_commits_only
    assert target.registry == "727646509464.dkr.ecr.us-east-2.amazonaws.com"
    assert target.app_url == "https://spryte.example.com"
    assert target.endpoint_url is None
    assert target.credentials is None


def test_the_option_wins_over_deploy_target(files: Path) -> None:
    assert load(files, {"DEPLOY_TARGET": "aws"}, "local").target.name == "local"


def test_a_command_that_goes_elsewhere_than_the_default_has_to_name_its_target(files: Path) -> None:
    assert not load(files, {}).target.option
    assert load(files, {"DEPLOY_TARGET": "aws"}, "local").target.option == "--target=local"
    assert load(files, AWS_VARIABLES, "aws").target.option == "--target=aws"


def test_another_endpoint_is_no_production(files: Path) -> None:
    environment = {**AWS_VARIABLES, "AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    rehearsed = load(files, environment, "aws").target
    assert not rehearsed.is_production
    assert rehearsed.released_commits_only


def test_an_unknown_target_is_refused_and_says_where_it_was_given(files: Path) -> None:
    with pytest.raises(UnknownTargetError) as option:
        load(files, {}, "awz")
    assert str(option.value) == "--target: 'awz' is not a target. Did you mean 'aws'?"
    with pytest.raises(UnknownTargetError) as variable:
        load(files, {"DEPLOY_TARGET": "production"})
    assert str(variable.value) == "DEPLOY_TARGET in the environment: 'production' is not a target."
    assert variable.value.exit_code == 2


def test_a_secret_key_is_not_shown(files: Path) -> None:
    assert "the-secret" not in repr(Credentials("an-id", "the-secret"))
    assert "'test'" not in repr(load(files, {}).target).replace("access_key='test'", "")


def test_a_third_service_needs_a_folder_a_task_definition_an_entry_and_five_variables(files: Path) -> None:
    entry = "  job-runner:\n    folder: job-runner\n    task_definition: aws/job-runner.json\n    port: 9000\n"
    text = (files / "invoke.yaml").read_text()
    text = text.replace("\n# Where", f"{entry}    health_path: /ready\n\n# Where")
    (files / "invoke.yaml").write_text(text)
    definition = (files / "aws/backend-task-definition.json").read_text().replace("spryte-backend", "spryte-jobs")
    (files / "aws/job-runner.json").write_text(definition)
    names = {
        "ECS_CLUSTER_JOB_RUNNER": "jobs-cluster",
        "ECS_SERVICE_JOB_RUNNER": "spryte-jobs-service",
        "ECS_TASK_DEFINITION_JOB_RUNNER": "spryte-jobs",
        "ECS_CONTAINER_NAME_JOB_RUNNER": "spryte-jobs",
        "ECR_REPOSITORY_JOB_RUNNER": "spryte-jobs",
    }
    settings = load(files, names)
    assert settings.service_names == ("backend", "frontend", "job-runner")
    (service,) = settings.select("job-runner")
    assert (service.cluster, service.ecs_service, service.repository) == tuple(
        names[f"{name}_JOB_RUNNER"] for name in ("ECS_CLUSTER", "ECS_SERVICE", "ECR_REPOSITORY")
    )
    rendered = render(
        load_template(service, settings.target), Identity("image@digest", "1.0.0", "c"), settings.target
    )
    assert json.dumps(rendered).count('"image": "image@digest"') == 1
