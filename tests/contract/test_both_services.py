"""What every service owes the pipeline."""

import json
import re
import socket
from contextlib import closing
from typing import cast

import pytest
from docker.models.images import Image

from tests.support.containers import (
    HEALTHY_WITHIN,
    Running,
    Service,
    Start,
    config_of,
    eventually,
    refusal_of,
    version_headers,
)

STOPS_WITHIN = 5
ODD_LABELS = {
    "a space alone": " ",
    "a quote": '1.2.3"',
    "a space": "1.2 3",
    "a second header": "1.2.3\r\nX-Evil: 1",
    "a second line": "1.2.3\n4",
    "a newline at its end": "1.2.3\n",
    "a variable of nginx": "1.2.3$hostname",
    "a letter beyond ASCII": "1.2.3-ü",
    "a leading dash": "-1.2.3",
    "a semicolon": "1.2.3;",
    "a backslash": "1.2.3\\",
    "129 characters": "1" * 129,
}


def test_a_service_answers_200_on_its_health_path_and_port(running: Running, image: Image) -> None:
    assert running.send(running.service.health_path).status_code == 200
    assert f"{running.service.port}/tcp" in config_of(image)["ExposedPorts"]


def test_every_response_names_the_version_and_the_commit(start: Start, service: Service) -> None:
    told = {"APP_VERSION": "2.0.0-rc.1+build_7", "APP_COMMIT": "f" * 40}
    running = start(service, {**service.environment, **told}).ready()
    answers = {
        200: running.send(service.health_path),
        404: running.send(service.not_found),
        405: running.send(service.health_path, "POST"),
    }
    for status, answer in answers.items():
        assert (answer.status_code, *version_headers(answer)) == (status, *told.values())


def test_a_service_that_is_told_no_version_says_so(start: Start, service: Service) -> None:
    untold = start(service, {**service.environment, "APP_VERSION": "", "APP_COMMIT": ""}).ready()
    assert version_headers(untold.send(service.health_path)) == ("unversioned", "unknown")


def test_one_image_serves_under_two_versions_at_once(start: Start, service: Service) -> None:
    first = start(service, {**service.environment, "APP_VERSION": "1.0.0", "APP_COMMIT": "aaaaaaa"}).ready()
    second = start(service, {**service.environment, "APP_VERSION": "2.0.0", "APP_COMMIT": "bbbbbbb"}).ready()
    assert version_headers(first.send(service.health_path)) == ("1.0.0", "aaaaaaa")
    assert version_headers(second.send(service.health_path)) == ("2.0.0", "bbbbbbb")


def test_the_image_itself_carries_no_version(image: Image) -> None:
    names = {entry.partition("=")[0] for entry in config_of(image)["Env"]}
    assert names.isdisjoint({"APP_VERSION", "APP_COMMIT"})
    labels = {f"org.opencontainers.image.{name}" for name in ("version", "revision", "ref.name", "created")}
    assert labels.isdisjoint(config_of(image)["Labels"] or {})


@pytest.mark.parametrize("value", ODD_LABELS.values(), ids=ODD_LABELS)
def test_a_service_refuses_a_version_and_a_commit_with(start: Start, service: Service, value: str) -> None:
    odd = {"APP_VERSION": value, "APP_COMMIT": value}
    refusal = refusal_of(start(service, {**service.environment, **odd}))
    assert f"spryte-{service.name} cannot start: APP_VERSION must be" in refusal
    assert "; APP_COMMIT must be" in refusal
    assert value.isspace() or value not in refusal


def test_no_process_of_a_service_runs_as_root(running: Running, image: Image) -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", config_of(image)["User"])
    users = {uid for _, uid in running.processes()}
    assert users == {config_of(image)["User"].partition(":")[0]}


def test_the_healthcheck_of_the_image_turns_healthy(running: Running) -> None:
    eventually(lambda: running.health() == "healthy", within=HEALTHY_WITHIN)


def test_the_healthcheck_asks_the_contract_s_address(image: Image, service: Service) -> None:
    command = cast("list[str]", config_of(image)["Healthcheck"]["Test"])
    assert command[:2] == ["CMD", "curl"]
    assert command[-1] == f"http://localhost:{service.port}{service.health_path}"


def test_the_health_check_of_ecs_finds_a_shell_and_curl_inside(running: Running) -> None:
    asked = f"curl -f http://localhost:{running.service.port}{running.service.health_path} || exit 1"
    assert running.container.exec_run(["/bin/sh", "-c", asked]).exit_code == 0


@pytest.mark.parametrize("signal", ["SIGTERM", "its own stop signal"])
def test_a_service_stops_cleanly_although_a_client_stays_connected_on(running: Running, signal: str) -> None:
    with closing(socket.create_connection(running.address())):
        if signal == "SIGTERM":
            running.container.kill("SIGTERM")
        else:
            running.container.stop(timeout=STOPS_WITHIN)
        assert running.exit_code(within=STOPS_WITHIN) == 0


def test_each_request_is_one_line_of_json_on_stdout_without_its_query(running: Running) -> None:
    path = running.service.not_found
    running.send(f"{path}?token=not-for-the-log")
    lines = eventually(lambda: [line for line in running.stdout() if path in line], within=5)
    assert len(lines) == 1
    logged = json.loads(lines[0])
    assert (logged["method"], logged["path"], logged["status"]) == ("GET", path, 404)
    assert "not-for-the-log" not in lines[0]
    assert running.stderr() == []


def test_every_line_on_stdout_is_json(running: Running) -> None:
    running.send(running.service.health_path)
    running.container.stop(timeout=30)
    assert running.exit_code(within=30) == 0
    assert all(isinstance(json.loads(line), dict) for line in running.stdout())


def test_a_service_writes_nowhere_but_to_tmp_and_shared_memory(start: Start, service: Service) -> None:
    running = start(service, service.environment, read_only=True).ready()
    assert running.send(service.health_path).status_code == 200
