"""Variables: where they come from, which wins, and what is said when one is missing or wrong."""

from __future__ import annotations

import re
import shutil
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tasks.documents import DocumentError
from tasks.settings import load, misspelled
from tasks.variables import OTHERS, TARGET, MissingVariableError, VariableError
from tests.support.project import HERE
from tests.support.runbook import RUNBOOK

if TYPE_CHECKING:
    from pathlib import Path

OURS = {"DEPLOY_TARGET", "APP_URL", "LOCAL_PORT"}
OPTIONAL = {
    "DEPLOY_ENVIRONMENT",
    "GITHUB_REPOSITORY",
    "GITHUB_REPOSITORY_OWNER_ID",
    "GITHUB_REPOSITORY_ID",
    "ECR_REGISTRY",
    "AWS_ENDPOINT_URL",
    "PYTHON_IMAGE",
    "NODE_IMAGE",
    "NGINX_IMAGE",
}
AWS = {**RUNBOOK, "APP_URL": "https://spryte.example.com", "DEPLOY_TARGET": "aws"}


def example() -> dict[str, str]:
    """Return the assignments of `.env.example`."""
    lines = (HERE / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))


def test_the_example_holds_the_runbooks_twelve_variables_with_its_values() -> None:
    assert {name: example().get(name) for name in RUNBOOK} == RUNBOOK


def test_the_example_explains_every_other_variable_too_and_holds_nothing_unknown() -> None:
    commented = set(re.findall(r"^#([A-Z_]+)=$", (HERE / ".env.example").read_text(), re.MULTILINE))
    assert set(example()) == {*RUNBOOK, *OURS}
    assert commented == OPTIONAL


def test_the_example_explains_each_kind_of_variable_once() -> None:
    lines = (HERE / ".env.example").read_text().splitlines()
    of_the_frontend = re.compile(r"(ECS|ECR)_[A-Z_]+_FRONTEND=")
    for before, line in pairwise(lines):
        if re.match(r"[A-Z_]+=", line) and not of_the_frontend.match(line):
            assert before.startswith("# "), line


def test_the_example_copied_to_dotenv_still_targets_the_embedded_cloud(files: Path) -> None:
    (files / ".env").write_text((files / ".env.example").read_text())
    settings = load(files, {})
    assert settings.target.name == "local"
    assert [service.ecs_service for service in settings.select("all")] == [
        "spryte-backend-service",
        "spryte-frontend-service",
    ]


def test_dotenv_wins_over_the_example(files: Path) -> None:
    (files / ".env").write_text("ECS_CLUSTER_BACKEND=from-dotenv\n")
    assert load(files, {}).select("backend")[0].cluster == "from-dotenv"


def test_the_environment_wins_over_dotenv(files: Path) -> None:
    (files / ".env").write_text("ECS_CLUSTER_BACKEND=from-dotenv\n")
    environment = {"ECS_CLUSTER_BACKEND": "from-the-environment"}
    assert load(files, environment).select("backend")[0].cluster == "from-the-environment"


def test_an_empty_variable_of_the_environment_counts_as_not_set(files: Path) -> None:
    (files / ".env").write_text("ECS_CLUSTER_BACKEND=from-dotenv\nECS_SERVICE_BACKEND=\n")
    backend = load(files, {"ECS_CLUSTER_BACKEND": ""}).select("backend")[0]
    assert backend.cluster == "from-dotenv"
    assert backend.ecs_service == "spryte-backend-service"


def test_a_value_of_dotenv_under_an_empty_one_of_the_environment_is_traced_to_dotenv(files: Path) -> None:
    (files / ".env").write_text("\nAWS_REGION=ohio\n")
    with pytest.raises(VariableError, match=r"^\.env:2: AWS_REGION: 'ohio' is not a region"):
        load(files, {"AWS_REGION": ""})


def test_dotenv_may_hold_comments_quotes_exports_and_a_mark_of_its_encoding(files: Path) -> None:
    (files / ".env").write_text(
        "\ufeffAWS_REGION=eu-west-1\n# a comment\n\nexport ECS_CLUSTER_BACKEND='quoted'  # another\n",
        encoding="utf-8",
    )
    settings = load(files, {})
    assert settings.target.region == "eu-west-1"
    assert settings.select("backend")[0].cluster == "quoted"


@pytest.mark.parametrize("line", ["AWS_REGION", "this is no assignment", "AWS_REGION='open"])
def test_a_malformed_line_of_dotenv_is_told_with_its_number(files: Path, line: str) -> None:
    (files / ".env").write_text(f"# first\n\nAWS_ACCOUNT_ID=727646509464\n\n{line}\n")
    with pytest.raises(DocumentError) as caught:
        load(files, {})
    assert str(caught.value) == ".env:5: is not NAME=value"
    assert caught.value.exit_code == 2


def test_a_dotenv_that_is_no_text_is_told(files: Path) -> None:
    (files / ".env").write_bytes(b"AWS_REGION=\xff\xfe\n")
    with pytest.raises(DocumentError, match=r"^\.env: cannot be read"):
        load(files, {})


def test_a_folder_in_the_place_of_dotenv_is_told(files: Path) -> None:
    (files / ".env").mkdir()
    with pytest.raises(DocumentError, match=r"^\.env: cannot be read"):
        load(files, {})


@pytest.mark.parametrize("name", sorted(AWS.keys() - {"DEPLOY_TARGET"}))
def test_a_variable_that_is_missing_for_aws_is_named_with_what_to_set_it_to(files: Path, name: str) -> None:
    environment = {key: value for key, value in AWS.items() if key != name}
    with pytest.raises(MissingVariableError) as caught:
        load(files, environment, services="all").select("all")
    assert str(caught.value) == f"The variable {name} is not set."
    assert re.fullmatch(r"Set it to an? .+, in the environment or in \.env; .*", caught.value.fix)
    assert caught.value.exit_code == 2


def test_all_that_is_missing_for_aws_is_named_in_one_error(files: Path) -> None:
    missing = ("AWS_ACCOUNT_ID", "APP_URL", "ECS_CLUSTER_BACKEND", "ECR_REPOSITORY_FRONTEND")
    environment = {key: value for key, value in AWS.items() if key not in missing}
    with pytest.raises(MissingVariableError) as caught:
        load(files, environment, services="all")
    assert str(caught.value) == f"The variables {', '.join(missing[:-1])} and {missing[-1]} are not set."
    assert caught.value.fix == ("Set them in the environment or in .env; .env.example explains each variable.")
    assert caught.value.evidence[:2] == (
        "AWS_ACCOUNT_ID: an account number of 12 digits",
        "APP_URL: an address such as https://spryte.example.com",
    )
    assert len(caught.value.evidence) == 4


def test_what_is_set_up_before_there_is_an_address_needs_none(files: Path) -> None:
    assert load(files, {**AWS, "APP_URL": ""}).target.app_url == ""


def test_what_a_service_that_was_not_named_would_need_is_not_missing(files: Path) -> None:
    environment = {key: value for key, value in AWS.items() if not key.endswith("_FRONTEND")}
    assert load(files, environment, services="backend").select("backend")[0].family == "spryte-backend"
    with pytest.raises(MissingVariableError, match=r"^The variable APP_URL is not set\.$"):
        load(files, {**environment, "APP_URL": ""}, services="backend")


def test_all_that_is_missing_of_several_services_is_named_in_one_error(files: Path) -> None:
    missing = ("ECS_SERVICE_BACKEND", "ECS_SERVICE_FRONTEND")
    settings = load(files, {key: value for key, value in AWS.items() if key not in missing})
    with pytest.raises(MissingVariableError) as caught:
        settings.select("all")
    assert str(caught.value) == "The variables ECS_SERVICE_BACKEND and ECS_SERVICE_FRONTEND are not set."


def test_an_unknown_service_is_left_for_select_to_refuse(files: Path) -> None:
    with pytest.raises(MissingVariableError, match=r"^The variable APP_URL is not set\.$"):
        load(files, {**AWS, "APP_URL": ""}, services="backned")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("AWS_REGON", "AWS_REGION"),
        ("aws_region", "AWS_REGION"),
        ("APP_ULR", "APP_URL"),
        ("AWS_ACCOUNT", "AWS_ACCOUNT_ID"),
        ("ECS_CLUSTER_FRONTED", "ECS_CLUSTER_FRONTEND"),
        ("DEPLOY_TARGETS", "DEPLOY_TARGET"),
        ("LOCALPORT", "LOCAL_PORT"),
        ("GITHUB_REPOSITRY", "GITHUB_REPOSITORY"),
        ("PYTON_IMAGE", "PYTHON_IMAGE"),
    ],
)
def test_a_name_in_dotenv_that_looks_misspelled_is_told_without_its_value(
    files: Path, name: str, meant: str
) -> None:
    (files / ".env").write_text(f"# names\n{name}=hunter2\n")
    assert misspelled(files) == (f".env:2: {name} is no variable of this project. Did you mean '{meant}'?",)
    load(files, {})


@pytest.mark.parametrize(
    "name",
    [
        "AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL_ECS", "API_URL",
        "VITE_API_URL", "GITHUB_TOKEN", "GITHUB_REPOSITORY_OWNER", "MONGODB_URI", "JWT_SECRET", "NODE_ENV", "PORT",
        "APP_ENV", "APP_NAME", "ECS_CLUSTER_WORKER",
    ],
)  # fmt: skip
def test_what_other_programs_keep_in_dotenv_is_passed_over(files: Path, name: str) -> None:
    (files / ".env").write_text(f"{name}=x\n")
    assert misspelled(files) == ()


def test_every_variable_of_the_example_is_known(files: Path) -> None:
    names = {*RUNBOOK, *OURS, *OPTIONAL}
    assert {*TARGET, *OTHERS} == {name for name in names if not name.endswith(("_BACKEND", "_FRONTEND"))}
    (files / ".env").write_text("".join(f"{name}=\n" for name in sorted(names)))
    assert misspelled(files) == ()


def test_without_dotenv_nothing_is_misspelled(files: Path) -> None:
    assert misspelled(files) == ()


def test_the_variables_of_a_third_service_are_known(files: Path) -> None:
    text = (files / "invoke.yaml").read_text()
    entry = "  job-runner:\n    folder: jobs\n    task_definition: aws/jobs.json\n    port: 9000\n"
    (files / "invoke.yaml").write_text(text.replace("\n# Where", f"{entry}    health_path: /ready\n\n# Where"))
    (files / ".env").write_text("ECS_CLUSTER_JOB_RUNNER=a\nECS_CLUSTER_JOBRUNNER=b\n")
    assert misspelled(files) == (
        ".env:2: ECS_CLUSTER_JOBRUNNER is no variable of this project. Did you mean 'ECS_CLUSTER_JOB_RUNNER'?",
    )


def test_nothing_is_missing_for_the_embedded_cloud(files: Path) -> None:
    assert len(load(files, {}, "local").select("all")) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ACCOUNT_ID", "7276-4650-9464"),
        ("AWS_ACCOUNT_ID", "72764650946"),
        ("AWS_ACCOUNT_ID", "\u0667" * 12),
        ("AWS_REGION", "Ohio"),
        ("AWS_REGION", "us-east-2a"),
        ("AWS_REGION", "us-east-2\n"),
        ("APP_URL", "spryte.example.com"),
        ("APP_URL", "ftp://spryte.example.com"),
        ("APP_URL", "https://spryte.example.com/api"),
        ("APP_URL", "https://spryte.example.com:99999"),
        ("AWS_ENDPOINT_URL", "localhost:4566"),
        ("ECR_REGISTRY", "https://registry.example.com"),
        ("LOCAL_PORT", "http"),
        ("LOCAL_PORT", "0"),
        ("LOCAL_PORT", "65536"),
        ("ECS_CLUSTER_BACKEND", "spryte cluster"),
        ("ECS_SERVICE_BACKEND", "a" * 256),
        ("ECS_TASK_DEFINITION_BACKEND", "spryte-backend:7"),
        ("ECS_CONTAINER_NAME_BACKEND", "spryte/backend"),
        ("ECR_REPOSITORY_BACKEND", "Spryte-Backend"),
        ("ECR_REPOSITORY_BACKEND", "spryte-backend:latest"),
        ("ECR_REPOSITORY_BACKEND", "-spryte"),
    ],
)
def test_a_variable_of_the_wrong_form_is_told_with_its_place_and_the_expected_form(
    files: Path, name: str, value: str
) -> None:
    with pytest.raises(VariableError) as caught:
        load(files, {**AWS, name: value}).select("all")
    assert str(caught.value).startswith(f"{name} in the environment: '{value}' is not a")
    assert caught.value.exit_code == 2


def test_a_wrong_value_of_dotenv_is_told_with_its_line(files: Path) -> None:
    (files / ".env").write_text("# names\nECR_REPOSITORY_BACKEND=UPPER\n")
    with pytest.raises(VariableError) as caught:
        load(files, {}).select("backend")
    assert str(caught.value) == ".env:2: ECR_REPOSITORY_BACKEND: 'UPPER' is not a repository name in lower case."


@pytest.mark.parametrize("value", ["team/spryte-backend", "spryte.backend", "a1_b-c"])
def test_repository_names_that_ecr_accepts_are_accepted(files: Path, value: str) -> None:
    assert load(files, {**AWS, "ECR_REPOSITORY_BACKEND": value}).select("backend")[0].repository == value


def test_only_a_services_own_base_images_reach_its_build(files: Path) -> None:
    settings = load(files, {"PYTHON_IMAGE": "mirror/python", "NODE_IMAGE": "", "UNRELATED": "x"})
    assert settings.target.build_args == {"PYTHON_IMAGE": "mirror/python"}


def test_a_password_in_an_address_is_never_shown(tmp_path: Path) -> None:
    environment = {**AWS, "APP_URL": "https://user:hunter2@spryte.example.com"}
    shutil.copy(HERE / "invoke.yaml", tmp_path)
    with pytest.raises(VariableError) as caught:
        load(tmp_path, environment)
    assert "hunter2" not in str(caught.value)
    assert "APP_URL in the environment" in str(caught.value)
