"""The command line itself: its help, and that whatever is wrong ends in one clear message and an exit code."""

from __future__ import annotations

import re
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tasks.collection import ns
from tests.support.project import Project, make_project

if TYPE_CHECKING:
    from tests.support.project import Result

RELEASING = ("build", "push", "register", "deploy", "verify", "tag")
OPERATING = ("rollback", "plan", "status", "history", "logs", "events", "run", "exec", "prune")
LOCAL = tuple(f"local.{name}" for name in ("up", "down", "status", "reset", "logs"))
SETUP = ("rehearse", "diagnose", "doctor", "setup.aws", "setup.github", "setup.stack")
TASKS = (*RELEASING, *OPERATING, *SETUP, "test", "lint", *LOCAL)
AWS = {
    "DEPLOY_TARGET": "aws",
    "AWS_ACCOUNT_ID": "727646509464",
    "AWS_REGION": "us-east-2",
    "APP_URL": "https://spryte.example.com",
}
NAMES = {
    f"{name}_BACKEND": "spryte-backend"
    for name in ("ECS_CLUSTER", "ECS_SERVICE", "ECS_TASK_DEFINITION", "ECS_CONTAINER_NAME", "ECR_REPOSITORY")
}
DEPLOY = ("deploy", "--service=backend", "--version=0.1.5")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of this project; the tests leave it as they find it."""
    return make_project(tmp_path_factory.mktemp("command line"))


@dataclass(frozen=True)
class Wrong:
    """A command that is wrong in one way, and what is said about it."""

    arguments: tuple[str, ...]
    said: str
    code: int = 2
    environment: dict[str, str] = field(default_factory=dict)


def error_of(result: Result) -> str:
    """Insist that there is exactly one error, without a traceback and with a remedy, and return it."""
    lines = result.err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1, result.err
    assert len([line for line in lines if line.startswith("  fix: ")]) == 1, result.err
    assert "Traceback" not in result.err
    return errors[0]


WRONG = {
    "a misspelled task": Wrong(("deplyo",), "There is no task 'deplyo'. Did you mean 'deploy'?"),
    "a misspelled task to explain": Wrong(
        ("--help", "setup.asw"), "There is no task 'setup.asw'. Did you mean 'setup.aws'?"
    ),
    "a misspelled option": Wrong(
        ("deploy", "--sevice=backend"), "deploy has no option '--sevice'. Did you mean '--service'?"
    ),
    "an option of another task": Wrong(("status", "--no-rollback"), "status has no option '--no-rollback'."),
    "an option before its task": Wrong(("--service=backend", "deploy"), "inv has no option '--service'."),
    "an option without its value": Wrong(("deploy", "--service"), "deploy: --service needs a value: --service=…"),
    "a task where Invoke's own option may have a value": Wrong(
        ("deploy", "--list", "build"), "The command line cannot be read: 'build' is ambiguous"
    ),
    "a service without its option": Wrong(("deploy", "backend"), "deploy: 'backend' is no option and no task."),
    "an unknown service": Wrong(
        ("deploy", "--service=backned", "--version=0.1.5"),
        "There is no service 'backned'. Did you mean 'backend'?",
    ),
    **{
        f"an unknown service of {name}": Wrong(
            (name, "--service=bakend"), "There is no service 'bakend'. Did you mean 'backend'?"
        )
        for name in ("verify", "status", "plan", "history", "events", "logs", "prune", "rollback", "diagnose")
    },
    "no service": Wrong(("deploy", "--version=0.1.5"), "No service was named."),
    "no version": Wrong(("deploy", "--service=backend"), "No version was given."),
    "a version with a v": Wrong(("deploy", "--service=all", "--version=v0.1.5"), "'v0.1.5' is not a version."),
    "a version with a command in it": Wrong(
        ("push", "--service=all", "--version=0.1.5;id"), "'0.1.5;id' is not a version."
    ),
    "a wrong version to verify": Wrong(("verify", "--version=latest"), "'latest' is not a version."),
    "a wrong version to tag": Wrong(("tag", "--service=backend", "--version=v1"), "'v1' is not a version."),
    "an unknown target": Wrong((*DEPLOY, "--target=awz"), "--target: 'awz' is not a target. Did you mean 'aws'?"),
    "a time limit that is no number": Wrong(
        (*DEPLOY, "--timeout=abc"), "--timeout: 'abc' is not a positive whole number"
    ),
    "a negative time limit": Wrong(("verify", "--timeout=-5"), "--timeout: '-5' is not a positive whole number."),
    "a number of lines that is none": Wrong(
        ("local.logs", "--lines=all"), "--lines: 'all' is not a positive whole number"
    ),
    "a missing variable": Wrong(
        DEPLOY, "The variable APP_URL is not set.", environment={**AWS, **NAMES, "APP_URL": ""}
    ),
    "a missing variable of the service": Wrong(
        DEPLOY,
        "The variable ECS_CLUSTER_BACKEND is not set.",
        environment={**AWS, **NAMES, "ECS_CLUSTER_BACKEND": ""},
    ),
    "no variable at all": Wrong(
        DEPLOY,
        "The variables AWS_ACCOUNT_ID, AWS_REGION, APP_URL, ECS_CLUSTER_BACKEND, ECS_SERVICE_BACKEND, "
        "ECS_TASK_DEFINITION_BACKEND, ECS_CONTAINER_NAME_BACKEND and ECR_REPOSITORY_BACKEND are not set.",
        environment={"DEPLOY_TARGET": "aws"},
    ),
    "a variable of the wrong form": Wrong(
        DEPLOY,
        "AWS_ACCOUNT_ID in the environment: '42' is not an account number of 12 digits.",
        environment=AWS | {"AWS_ACCOUNT_ID": "42"},
    ),
    "a rehearsal of nothing": Wrong(("rehearse",), "No tag was given."),
    "a rehearsal of an Environment without a tag": Wrong(("rehearse", "--environment=x"), "No tag was given."),
    "a rehearsed tag with a service": Wrong(
        ("rehearse", "--tag=backend-v0.1.5", "--service=frontend"), "--service is for --failure;"
    ),
    "a rehearsed service without a failure": Wrong(
        ("rehearse", "--service=backend"), "--service is for --failure;"
    ),
    **{
        f"a failure with {option}": Wrong(
            ("rehearse", "--failure=crash-at-start", "--service=backend", option),
            f"--failure and {option.partition('=')[0]} do not go together",
        )
        for option in ("--tag=backend-v0.1.5", "--from-branch=main", "--fork", "--environment=production")
    },
    **{
        f"a run of the branch '{name}'": Wrong(
            ("rehearse", f"--from-branch={name}"), f"git accepts no branch with the name '{name}'."
        )
        for name in ("a b", "-x", "@{-1}", "a..b")
    },
    "no git": Wrong(DEPLOY, "git is not installed.", 3, {"PATH": "/nonexistent"}),
    "a checkout of another user": Wrong(
        DEPLOY, "git does not trust", 3, {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1", "GIT_CONFIG_COUNT": "0"}
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_message_and_an_exit_code_for(project: Project, name: str) -> None:
    wrong = WRONG[name]
    result = project.run(*wrong.arguments, **wrong.environment)
    assert wrong.said in error_of(result)
    assert result.code == wrong.code
    assert result.out == ""


def test_with_json_the_failure_is_one_document(project: Project) -> None:
    result = project.run("deploy", "--service=backned", "--version=0.1.5", "--json")
    assert result.document["ok"] is False
    assert "UnknownService" in result.out
    assert error_of(result)


def test_production_is_not_deployed_from_a_dirty_tree(project: Project) -> None:
    with project.changed("backend/Dockerfile", "changed\n"):
        result = project.run(*DEPLOY, **AWS, **NAMES)
    assert result.code == 3
    assert "The working tree has 1 uncommitted change." in error_of(result)
    assert "  |  M backend/Dockerfile\n" in result.err


def test_a_malformed_dotenv_is_told_with_its_line(project: Project) -> None:
    with project.changed(".env", "# names\nthis is no assignment\n"):
        result = project.run(*DEPLOY)
    assert error_of(result) == "error: .env:2: is not NAME=value"
    assert result.code == 2


def test_a_misspelled_name_in_dotenv_is_told_beside_what_is_missing_for_it(project: Project) -> None:
    with project.changed(".env", "AWS_REGON=us-east-2\nOPENAI_API_KEY=hunter2\n"):
        result = project.run(*DEPLOY, **{**AWS, **NAMES, "AWS_REGION": ""})
    assert ".env:1: AWS_REGON is no variable of this project. Did you mean 'AWS_REGION'?" in result.err
    assert error_of(result) == "error: The variable AWS_REGION is not set."
    assert "OPENAI" not in result.err
    assert "us-east-2" not in result.err.replace("a region such as us-east-2", "")


def test_a_misspelled_name_in_dotenv_is_no_error(project: Project) -> None:
    with project.changed(".env", "LOCALPORT=4566\n"):
        result = project.succeed("tag", "--service=backend", "--version=0.1.5", "--dry-run", "--json")
    assert result.document["tags"] == ["backend-v0.1.5"]
    assert result.err.count("LOCALPORT") == 1


@pytest.mark.parametrize("command", [("--list",), DEPLOY])
def test_a_malformed_invoke_yaml_is_told_in_our_words(project: Project, command: tuple[str, ...]) -> None:
    with project.changed("invoke.yaml", "services:\n  backend: [\n"):
        result = project.run(*command)
    assert error_of(result).startswith("error: invoke.yaml:3: is not YAML: ")
    assert result.code == 2


def test_a_malformed_invoke_yaml_is_one_document_with_json(project: Project) -> None:
    with project.changed("invoke.yaml", "- a list\n"):
        result = project.run(*DEPLOY, "--json")
    assert result.document["ok"] is False
    assert result.code == 2


def test_a_wrong_key_of_invoke_yaml_is_told_with_its_line(project: Project) -> None:
    text = (project.root / "invoke.yaml").read_text()
    with project.changed("invoke.yaml", text.replace("port: 5000", "prot: 5000")):
        result = project.run(*DEPLOY)
    assert re.search(r"invoke\.yaml:\d+: services\.backend\.prot: is not a known key\. Did you", error_of(result))


def test_a_missing_dockerfile_is_told_before_anything_starts(project: Project) -> None:
    dockerfile = project.root / "backend/Dockerfile"
    dockerfile.rename(dockerfile.with_name("Elsewhere"))
    result = project.run(*DEPLOY)
    dockerfile.with_name("Elsewhere").rename(dockerfile)
    assert error_of(result) == "error: backend/ has no Dockerfile."
    assert result.code == 2


def test_every_task_is_listed_with_one_sentence(project: Project) -> None:
    listed = project.succeed("--list", "--list-format=flat", COLUMNS="200").out
    found = dict(re.findall(r"^  ([a-z.]+) +(\S.*)", listed, re.MULTILINE))
    assert set(found) == set(TASKS)
    assert all(len(text) > 20 for text in found.values())


def explained(name: str) -> dict[str, str | None]:
    """Return a task's options with their help; Invoke takes it out of the task that it asks."""
    task = copy(ns[name])
    task.help = dict(task.help)
    return {argument.name.replace("_", "-"): argument.help for argument in task.get_arguments()}


@pytest.mark.parametrize("name", TASKS)
def test_every_option_is_explained_of(name: str) -> None:
    options = explained(name)
    assert all(options.values()), options
    assert ("version" in options) == (name in (*RELEASING, "plan"))


@pytest.mark.parametrize("option", ["json", "target", "dry-run"])
def test_an_option_that_several_tasks_have_says_the_same_in_each(option: str) -> None:
    texts = [explained(name)[option] for name in TASKS if option in explained(name)]
    assert len(texts) > 5
    assert len(set(texts)) == 1


def test_the_help_of_deploy_explains_each_option_on_its_line(project: Project) -> None:
    shown = project.succeed("--help", "deploy").out
    options = re.findall(r"^  --([a-z-]+)(?:=[A-Z]+)? +\S+", shown, re.MULTILINE)
    assert options == sorted(options)
    assert set(options) == set(explained("deploy"))


@pytest.mark.parametrize("asked", [("--list",), ("--help", "deploy")])
def test_help_loads_neither_what_the_tasks_do_nor_what_that_needs(
    project: Project, asked: tuple[str, ...]
) -> None:
    shown = project.succeed(*asked, PYTHONPROFILEIMPORTTIME="1").err
    loaded = set(re.findall(r"\| +([a-z0-9_.]+)$", shown, re.MULTILINE))
    assert {"invoke", "tasks.operate.collection"} <= loaded
    assert loaded.isdisjoint({"boto3", "botocore", "docker", "requests", "rich", "ministack"})
    assert not [name for name in loaded if name.startswith(("tasks.release", "tasks.embedded"))]


def test_a_tag_is_planned_without_being_made(project: Project) -> None:
    result = project.succeed("tag", "--service=all", "--version=0.1.5", "--dry-run", "--json")
    assert result.document["tags"] == ["backend-v0.1.5", "frontend-v0.1.5"]
    assert project.git("tag", "--list") == ""


def test_a_tag_is_made_and_pushed(project: Project) -> None:
    result = project.succeed("tag", "--service=frontend", "--version=9.9.9")
    assert result.out == "pushed frontend-v9.9.9: GitHub's workflow deploys it now\n"
    assert project.git("ls-remote", "--tags", "origin", "frontend-v9.9.9")
    project.git("push", "--quiet", "origin", ":frontend-v9.9.9")
    project.git("tag", "--delete", "frontend-v9.9.9")


@pytest.mark.parametrize("loaded", ["tasks/collection.py", "tasks/operate/status.py"])
def test_an_interruption_while_the_tasks_are_loaded_is_none_of_the_defects_of_the_tool(
    project: Project, loaded: str
) -> None:
    text, first = (project.root / loaded).read_text(), "from __future__ import annotations\n"
    pressed = f"{first}import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    with project.changed(loaded, text.replace(first, pressed, 1)):
        result = project.run("status")

    assert (result.code, result.out) == (130, "")
    assert result.err == "error: Interrupted.\n  fix: Run the command again.\n"
