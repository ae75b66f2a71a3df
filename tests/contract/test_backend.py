"""What the backend adds to the contract."""

import json

import pytest

from tests.support.containers import (
    BACKEND,
    SECRETS,
    STARTS_WITHIN,
    Running,
    Start,
    eventually,
    refusal_of,
    version_headers,
)

# Written into the backend's container at start, since no route of the backend itself fails.
FAILING_APP = """
from spryte.web import create_app
app = create_app()
app.add_url_rule("/api/fail", view_func=lambda: 1 / 0)
"""


def test_the_backend_s_health_names_its_version_and_commit(backend: Running) -> None:
    answer = backend.send("/api/health")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json() == {"status": "ok", "service": "backend", "version": "1.2.3", "commit": "0a1b2c3"}


@pytest.mark.parametrize("missing", SECRETS)
@pytest.mark.parametrize("value", [None, "", "  "], ids=["absent", "empty", "blank"])
def test_the_backend_refuses_to_start_without(start: Start, missing: str, value: str | None) -> None:
    environment = {name: secret for name, secret in SECRETS.items() if name != missing}
    refusal = refusal_of(start(BACKEND, environment if value is None else {**environment, missing: value}))
    assert f"spryte-backend cannot start: {missing} is not set." in refusal
    assert all(secret not in refusal for secret in SECRETS.values())


def test_the_backend_names_all_that_is_wrong_in_its_one_line(start: Start) -> None:
    refusal = refusal_of(start(BACKEND, {"APP_VERSION": "1 2", "WEB_CONCURRENCY": "many"}))
    assert "MONGODB_URI, JWT_SECRET_KEY, OPENAI_API_KEY are not set" in refusal
    assert "APP_VERSION must be" in refusal
    assert "WEB_CONCURRENCY must be a whole number from 1 to 32" in refusal


def test_the_backend_never_logs_its_secrets(backend: Running) -> None:
    backend.send("/api/health")
    backend.container.stop(timeout=30)
    logged = "\n".join([*backend.stdout(), *backend.stderr()])
    assert all(secret not in logged for secret in SECRETS.values())


@pytest.mark.parametrize("path", ["/api", "/api/nothing-here", "/api/health/", "/health"])
def test_the_backend_answers_an_unknown_path_with_404_in_json(backend: Running, path: str) -> None:
    answer = backend.send(path)
    assert (answer.status_code, answer.json()) == (404, {"error": "Not Found", "status": 404})


def test_a_page_of_another_origin_may_read_the_backend_s_health_and_nothing_else(backend: Running) -> None:
    health = backend.send("/api/health").headers
    assert health["Access-Control-Allow-Origin"] == "*"
    assert health["Access-Control-Expose-Headers"] == "X-App-Version, X-App-Commit"
    assert "Access-Control-Allow-Origin" not in backend.send("/api/nothing-here").headers


def test_an_error_in_the_backend_answers_500_with_the_version_and_is_logged_in_one_line(start: Start) -> None:
    begin = (
        'printf %s "$FAILING_APP" > /tmp/failing.py && '
        "exec gunicorn --pythonpath /tmp --config python:spryte.server failing:app"
    )
    told = {"APP_VERSION": "1.2.3", "APP_COMMIT": "0a1b2c3", "FAILING_APP": FAILING_APP}
    backend = start(BACKEND, {**SECRETS, **told}, command=["/bin/sh", "-c", begin]).ready()
    answer = backend.send("/api/fail")
    assert (answer.status_code, answer.json()) == (500, {"error": "Internal Server Error", "status": 500})
    assert version_headers(answer) == ("1.2.3", "0a1b2c3")
    lines = eventually(lambda: [line for line in backend.stdout() if "ZeroDivision" in line], within=5)
    assert len(lines) == 1
    assert json.loads(lines[0])["level"] == "error"


@pytest.mark.parametrize(("told", "workers"), [("", 2), ("1", 1), ("3", 3)], ids=["default", "one", "three"])
def test_the_backend_runs_as_many_workers_as_it_is_told(start: Start, told: str, workers: int) -> None:
    backend = start(BACKEND, {**SECRETS, "WEB_CONCURRENCY": told}).ready()
    eventually(lambda: len(backend.processes()) == workers + 1, within=STARTS_WITHIN)


@pytest.mark.parametrize("odd", ["0", "33", "-1", "2.5", "two", "2\n"])
def test_the_backend_refuses_a_number_of_workers_like(start: Start, odd: str) -> None:
    refusal = refusal_of(start(BACKEND, {**SECRETS, "WEB_CONCURRENCY": odd}))
    assert "WEB_CONCURRENCY must be a whole number from 1 to 32" in refusal
