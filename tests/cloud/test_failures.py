"""Deploys that fail, for real: each is told apart, and the version before it answers again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tasks.rehearsal.defects import FAILURES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.deployed import Deployed
    from tests.support.project import Result

BACKEND = "aws/backend-task-definition.json"
FRONTEND = "aws/frontend-task-definition.json"


@dataclass(frozen=True)
class Told:
    """What a failing deploy has to say."""

    cause: str
    next_step: str
    code: int = 7


CASES = {
    "crash-at-start": Told("exit code 7: the database is on fire", "Fix what its last lines say"),
    "missing-variable": Told("(exit code 78): MONGODB_URI.", "Give MONGODB_URI as environment or secret"),
    "secret-missing": Told("The secret spryte/no-such-secret does not exist", "Create it"),
    "exits-cleanly": Told("ends by itself with exit code 0", "stay in the foreground"),
    "port-mismatch": Told("listens on port 5001", "Make them match", 9),
    "wrong-version": Told("version 9.9.9 answers", "Look for what sets APP_VERSION again", 9),
    "http-500": Told("answers its health check with 500", "Fix what its log tells", 9),
}
# What a practised failure has to say, its exit code, and the service where it is not the backend.
PRACTISED = {
    "out-of-memory": Told("most likely for its memory", "Raise memory in aws/backend-task-definition.json"),
    "image-missing": Told("is not in the registry", "Push it again: ./inv push --service=backend"),
    "registry-unreachable": Told("cannot reach the registry", "Give the tasks assignPublicIp"),
    "secret-key-missing": Told("no JSON key 'no-such-key'", "Add the key 'no-such-key' to the secret"),
    "secret-missing": Told("spryte/no-such-secret does not exist", "aws --endpoint-url http://127.0.0.1:"),
    "wrong-architecture": Told("built for another processor", "Build it for linux/amd64"),
    "command-not-found": Told("is not in the image", "Correct command and entryPoint"),
    "not-answering": Told("itself answers its health path /api/health with 404", "Make the service's route", 9),
}
ON_THE_PAGE = {
    "crash-at-start": Told("exit code 7: the database is on fire", "Fix what its last lines say, then deploy"),
    "missing-variable": Told("(exit code 78): VITE_API_URL", "Give VITE_API_URL as environment or secret"),
    "secret-missing": Told("spryte/no-such-secret does not exist", "aws --endpoint-url http://127.0.0.1:"),
    "image-missing": Told("is not in the registry", "Push it again: ./inv push --service=frontend"),
    "command-not-found": Told("is not in the image", "aws/frontend-task-definition.json"),
    "port-mismatch": Told("listens on port 8081", "aws/frontend-task-definition.json", 9),
    "http-500": Told("answers its health check with 500", "Fix what its log tells", 9),
    "api-unreachable": Told("the API it asks does not answer", "Correct VITE_API_URL", 9),
}
SITUATIONS = {
    "desired-count-zero": Told("has a desired count of 0", "Scale it up first", 3),
    "invalid-size": Told("memory: '4096' does not go with 256 CPU units", "Give one of", 2),
    "superseded": Told("another deployment took over", "then decide which version is to serve", 10),
    "interrupted": Told(
        "Interrupted. spryte-backend-service: ECS goes on", "To go on: the same command again", 130
    ),
}


@pytest.fixture(scope="module")
def good(deployed: Deployed) -> str:
    """The version that serves before each failing deploy, and after it."""
    version = deployed.next_version()
    deployed.project.succeed("deploy", "--service=all", f"--version={version}")
    return version


@pytest.mark.parametrize("name", CASES)
def test_a_failing_deploy_names_its_cause_and_the_version_before_answers(
    deployed: Deployed, good: str, name: str
) -> None:
    told = CASES[name]
    with defect(deployed, name):
        result = deploy(deployed, "backend", *(["--timeout=20"] if told.code == 9 else []))

    assert result.code == told.code, result.err
    cause = next(line for line in result.err.splitlines() if line.startswith("  | cause: "))
    assert told.cause in cause
    assert cause.endswith(f"(docs/failures.md#{name})")
    assert told.next_step in result.err.partition("  fix: ")[2]
    assert f"Version {good} serves again, proved over HTTP." in result.err
    assert serving(deployed, "/api/health") == good


def test_diagnose_explains_the_last_failure_later_too(deployed: Deployed, good: str) -> None:
    practised = practise(deployed, "crash-at-start", "backend")

    result = diagnose(deployed)

    assert practised.document["serving"] == good
    assert result.code == 0, result.err
    assert result.services[0]["failure"] == "crash-at-start"
    assert "log: the database is on fire" in str(result.services[0]["evidence"])


def test_diagnose_explains_what_failed_over_http_later_too(deployed: Deployed, good: str) -> None:
    with defect(deployed, "port-mismatch"):
        assert deploy(deployed, "backend", "--timeout=20").code == 9

    (found,) = diagnose(deployed).services

    assert found["failure"] == "port-mismatch"
    assert f"runs, version {good}; /api/health answers 200" in str(found["remarks"])


@pytest.mark.parametrize("name", PRACTISED)
def test_a_failure_is_practised_on_top_of_the_version_that_runs(deployed: Deployed, good: str, name: str) -> None:
    result = practise(deployed, name, "backend")

    check(result, PRACTISED[name], good)
    assert f"(docs/failures.md#{name})" in str(result.document["evidence"])
    assert serving(deployed, "/api/health") == good


@pytest.mark.parametrize("name", ON_THE_PAGE)
def test_a_failure_is_practised_on_the_page_too(deployed: Deployed, good: str, name: str) -> None:
    result = practise(deployed, name, "frontend")

    check(result, ON_THE_PAGE[name], good)
    assert f"(docs/failures.md#{name})" in str(result.document["evidence"])
    assert serving(deployed, "/") == good


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_is_no_defect_of_a_version_is_practised_and_put_right(
    deployed: Deployed, good: str, name: str
) -> None:
    before = deployed.state().services
    result = practise(deployed, name, "backend")

    check(result, SITUATIONS[name], good)
    assert serving(deployed, "/api/health") == good
    after = deployed.state().services
    assert [(arn, count) for arn, _, count in after] == [(arn, count) for arn, _, count in before]


def test_a_page_whose_api_does_not_answer_goes_back(deployed: Deployed, good: str) -> None:
    template = json.loads((deployed.project.root / FRONTEND).read_text())
    template["containerDefinitions"][0]["environment"][0]["value"] = "http://127.0.0.1:9"
    with deployed.project.changed(FRONTEND, json.dumps(template)):
        result = deploy(deployed, "frontend")

    assert result.code == 9
    assert "(docs/failures.md#api-unreachable)" in result.err
    assert "Correct VITE_API_URL" in result.err
    assert serving(deployed, "/") == good


def test_a_release_goes_back_as_a_whole_when_its_second_service_fails(deployed: Deployed, good: str) -> None:
    with broken_page(deployed):
        result = deploy(deployed, "all")

    assert result.code == 7
    assert f"backend goes back too: Version {good} serves again, proved over HTTP." in result.err
    assert (serving(deployed, "/api/health"), serving(deployed, "/")) == (good, good)


def test_independent_services_stay_where_they_are(deployed: Deployed, good: str) -> None:
    version = deployed.next_version()
    with broken_page(deployed):
        result = deployed.project.run("deploy", "--service=all", f"--version={version}", "--independent")

    assert result.code == 7
    assert f"As asked, backend stays at version {version}" in result.err
    assert (serving(deployed, "/api/health"), serving(deployed, "/")) == (version, good)
    deployed.project.succeed("deploy", "--service=backend", f"--version={good}")


def test_an_interrupted_wait_says_what_ecs_goes_on_with_and_how_to_go_on(deployed: Deployed, good: str) -> None:
    version, root = deployed.next_version(), deployed.project.root
    command = [sys.executable, "-m", "invoke", "--search-root", str(root), "deploy", "--service=backend"]
    process = subprocess.Popen(
        [*command, f"--version={version}"],
        cwd=root,
        env=dict(deployed.project.environment),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    next(line for line in process.stderr if " rollout " in line)
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "ECS goes on bringing up spryte-backend:" in rest
    assert f"ran, version {good}. Nothing was rolled back." in rest
    assert "inv status --service=backend" in rest
    assert "inv rollback --service=backend --revision=" in rest
    deployed.project.succeed("deploy", "--service=backend", f"--version={version}")
    deployed.project.succeed("deploy", "--service=backend", f"--version={good}")


@contextmanager
def defect(deployed: Deployed, name: str) -> Iterator[None]:
    """Have the defect in the backend's template."""
    template = json.loads((deployed.project.root / BACKEND).read_text())
    FAILURES[name].change(template["containerDefinitions"][0], template)
    with deployed.project.changed(BACKEND, json.dumps(template)):
        yield


@contextmanager
def broken_page(deployed: Deployed) -> Iterator[None]:
    """Have a frontend that refuses to start."""
    template = json.loads((deployed.project.root / FRONTEND).read_text())
    template["containerDefinitions"][0]["environment"][0]["value"] = "no address"
    with deployed.project.changed(FRONTEND, json.dumps(template)):
        yield


def deploy(deployed: Deployed, service: str, *options: str) -> Result:
    """Deploy the next version of a service."""
    return deployed.project.run("deploy", f"--service={service}", f"--version={deployed.next_version()}", *options)


def practise(deployed: Deployed, failure: str, service: str) -> Result:
    """Practise a failure on a service."""
    return deployed.project.run("rehearse", f"--service={service}", f"--failure={failure}", "--json")


def diagnose(deployed: Deployed) -> Result:
    """Ask why the backend's last deployment failed."""
    return deployed.project.run("diagnose", "--service=backend", "--json")


def check(result: Result, told: Told, good: str) -> None:
    """Insist that a failure was shown with its cause and next step, and that the good version serves again."""
    assert result.code == 0, result.err
    assert result.document["serving"] == good
    assert result.document["deploy_exit_code"] == told.code
    assert told.cause in f"{result.document['message']} {result.document['evidence']}"
    assert told.next_step in str(result.document["next_step"])
    assert told.next_step in result.err.partition("  fix: ")[2]


def serving(deployed: Deployed, path: str) -> str:
    """Return the version that answers."""
    return deployed.clients.http.get(f"{deployed.clients.target.app_url}{path}").headers["X-App-Version"]
