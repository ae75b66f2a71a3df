"""Deployments whose containers run and are called unhealthy, as recorded answers of AWS, with real lines of a log.

A container's own check and the load balancer ask the same path every 10 s, and both are in the service's log:
gunicorn says there that it listens, nginx writes nothing before its first request.
"""

# ruff: noqa: E501 - causes are quoted whole

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from tests.support.models import BACKEND, BEGAN
from tests.support.recorded import CHECK, GROUP, ended, event
from tests.support.replay import Example, Moving

FRONTEND = replace(
    BACKEND,
    name="frontend",
    folder="frontend",
    template="aws/frontend-task-definition.json",
    port=8080,
    health_path="/",
    family="spryte-frontend",
    container="spryte-frontend",
)
PAGE_CHECK = "curl -fsS http://localhost:8080/ || exit 1"
LISTENS = "Listening at: http://0.0.0.0:{} (1)"
CONTAINER_CHECK = "Task failed container health checks"
TARGET_CHECK = f"Task failed ELB health checks in (target-group {GROUP})"
SCHEDULER = "ServiceSchedulerInitiated"
CHECKS = range(12, 102, 10)


def said(second: int, message: str, **fields: object) -> str:
    """Return a line of the backend's log, seconds after the task's start."""
    time = (BEGAN + timedelta(seconds=second)).isoformat(timespec="milliseconds")
    return json.dumps({"time": time, "level": "info", "message": message, **fields})


def came_up(second: int, port: int = 5000) -> tuple[str, ...]:
    """Return what gunicorn says when it comes up."""
    return (
        said(second, "Starting gunicorn 27.0.1"),
        said(second, LISTENS.format(port)),
        said(second, "Using worker: gthread"),
        said(second, "Booting worker with pid: 7"),
    )


def asked(*seconds: int, status: int = 200, path: str = "/api/health") -> tuple[str, ...]:
    """Return requests as the backend logs them."""
    fields = {"method": "GET", "path": path, "status": status, "seconds": 0.001}
    return tuple(said(second, "request", **fields) for second in seconds)


def page(*seconds: int, status: int = 200, path: str = "/") -> tuple[str, ...]:
    """Return requests as nginx logs them."""
    times = ((BEGAN + timedelta(seconds=second)).isoformat(timespec="seconds") for second in seconds)
    return tuple(
        f'{{"time":"{time}","level":"info","message":"request","method":"GET","path":"{path}",'
        f'"status":{status},"seconds":0.000}}'
        for time in times
    )


def unhealthy(*log: str, check: str = CHECK) -> Moving:
    """Return tasks that ECS killed because of their own health check; their exit code is 137 then."""
    return Moving(stopped=[_stopped(CONTAINER_CHECK, 137)], log=log, check=check)


def unreached(*log: str, code: int = 0) -> Moving:
    """Return tasks that ECS stopped because of the load balancer's check, answered with `code` where not 0."""
    why = f"due to (reason Health checks failed with these codes: [{code}])"
    told = [event(f"(task 0123) (port 5000) is unhealthy in (target-group x) {why}")] if code else []
    return Moving(
        stopped=[_stopped(TARGET_CHECK, 0)],
        log=log,
        settings={"events": told, "healthCheckGracePeriodSeconds": 60},
    )


def of_page(account: Moving, check: str = PAGE_CHECK) -> Moving:
    """Return the same of the page's container."""
    stopped = [{**each, "containers": [{"name": "spryte-frontend", "exitCode": 137}]} for each in account.stopped]
    return Moving(
        stopped=stopped, log=account.log, settings=account.settings, check=check, port=8080,
        container="spryte-frontend",
    )  # fmt: skip


def _stopped(reason: str, exit_code: int) -> dict[str, object]:
    """Return a task that began with the deployment, and was stopped after 100 s."""
    times = {"startedAt": BEGAN.timestamp(), "stoppedAt": (BEGAN + timedelta(seconds=100)).timestamp()}
    return ended(reason, SCHEDULER, exit_code=exit_code, **times)


UNHEALTHY = {
    "the container check asks another path": Example(
        unhealthy(*came_up(2), *asked(12, 22, 32, status=404, path="/health"),
                  check="curl -f http://localhost:5000/health || exit 1"),
        "container-health-path",
        "The container health check asks /health, which the service answers with 404; its health path is /api/health.",
        "Correct healthCheck.command in aws/backend-task-definition.json",
    ),
    "the page's container check asks for the API": Example(
        of_page(unhealthy(*page(12, 22, 32, status=404, path="/api/health")),
                check="curl -f http://localhost:8080/api/health"),
        "container-health-path",
        "The container health check asks /api/health, which the service answers with 404; its health path is /.",
        "Correct healthCheck.command in aws/frontend-task-definition.json",
        service=FRONTEND,
    ),
    "the target group asks another path": Example(
        unreached(*came_up(2), *asked(*CHECKS), *asked(95, status=404, path="/health"), code=404),
        "target-health-path",
        "The target group's health check is answered with 404: it asks another path than /api/health.",
        "Correct HealthCheckPath of the service's target group (aws/stack.yaml)",
    ),
    "the check uses a tool that nobody promised": Example(
        unhealthy(*came_up(2), *asked(*CHECKS), check="wget -q http://localhost:5000/api/health"),
        "health-tool-missing",
        "its program 'wget' is most likely not in the image.",
        "Put 'wget' into backend/Dockerfile, or check with curl",
    ),
    "the page's check uses a tool that nobody promised": Example(
        of_page(unhealthy(*page(*CHECKS)), check="wget -q http://localhost:8080/"),
        "health-tool-missing",
        "its program 'wget' is most likely not in the image.",
        "Put 'wget' into frontend/Dockerfile, or check with curl",
        service=FRONTEND,
    ),
    "it listens and hangs": Example(
        unhealthy(*came_up(2)),
        "check-unanswered",
        "The container health check was never answered: the service hangs, or 'curl' is not in the image.",
        "run the check in its container",
    ),
    "the page hangs": Example(
        of_page(unhealthy()),
        "check-unanswered",
        "The container health check was never answered: the service hangs, or 'curl' is not in the image.",
        "Bring it up here (./inv deploy --service=frontend",
        service=FRONTEND,
    ),
    "the load balancer alone is answered": Example(
        unhealthy(*came_up(2), *asked(15, 25, 35)),
        "check-unanswered",
        "failed although /api/health answers, perhaps the load balancer alone: 'curl' is not in the image",
        "run the check in its container",
    ),
    "the load balancer alone is answered by the page": Example(
        of_page(unhealthy(*page(15, 25, 35))),
        "check-unanswered",
        "failed although / answers, perhaps the load balancer alone: 'curl' is not in the image",
        "run the check in its container",
        service=FRONTEND,
    ),
    "it does not come as far as to listen before its own check gives up": Example(
        unhealthy(said(2, "loading the model")),
        "slow-start",
        "The container health check gave up before the service was ready",
        "Raise healthCheck.startPeriod in aws/backend-task-definition.json",
    ),
    "it answers after its own check gave up": Example(
        unhealthy(said(2, "loading the model"), *came_up(48), *asked(50)),
        "slow-start",
        "The container health check gave up before the service was ready",
        "Raise healthCheck.startPeriod in aws/backend-task-definition.json",
    ),
    "the page answers after its own check gave up": Example(
        of_page(unhealthy(*page(50))),
        "slow-start",
        "The container health check gave up before the service was ready",
        "Raise healthCheck.startPeriod in aws/frontend-task-definition.json",
        service=FRONTEND,
    ),
    "it does not come as far as to listen before the load balancer gives up": Example(
        unreached(said(2, "loading the model")),
        "slow-start",
        "The load balancer's check gave up before the service was ready",
        "Raise HealthCheckGracePeriodSeconds of the service (aws/stack.yaml)",
    ),
    "it answers after the grace period": Example(
        unreached(said(2, "loading the model"), *came_up(75), *asked(82, 92)),
        "slow-start",
        "The load balancer's check gave up before the service was ready",
        "Raise HealthCheckGracePeriodSeconds of the service (aws/stack.yaml)",
    ),
    "the page answers after the grace period": Example(
        of_page(unreached(*page(82, 92))),
        "slow-start",
        "The load balancer's check gave up before the service was ready",
        "Raise HealthCheckGracePeriodSeconds of the service (aws/stack.yaml)",
        service=FRONTEND,
    ),
    "it listens elsewhere": Example(
        unreached(*came_up(2, port=5001)),
        "port-mismatch",
        "The service listens on port 5001; task definition and load balancer ask 5000.",
        "Make them match: the service's own setting, portMappings and healthCheck",
    ),
    "its check asks another port": Example(
        unhealthy(*came_up(2), *asked(15, 25), check="curl -f http://localhost:8000/api/health"),
        "port-mismatch",
        "The container health check asks port 8000; the container's port is 5000.",
        "Make them match: the service's own setting, portMappings and healthCheck",
    ),
    "the security group keeps the load balancer out": Example(
        unreached(*came_up(2), *asked(*CHECKS)),
        "target-unreachable",
        "The service serves on its port, but the load balancer gets no answer from it.",
        "Let the tasks' security group accept the load balancer's on that port",
    ),
    "the security group keeps the load balancer from the page": Example(
        of_page(unreached(*page(*CHECKS))),
        "target-unreachable",
        "The service serves on its port, but the load balancer gets no answer from it.",
        "Let the tasks' security group accept the load balancer's on that port",
        service=FRONTEND,
    ),
    "its health check answers 500": Example(
        unhealthy(*came_up(2), *asked(12, 22, 32, status=500)),
        "http-500",
        "The service runs, and answers its health check with 500.",
        "Fix what its log tells",
    ),
    "the load balancer gets 500": Example(
        unreached(code=500),
        "http-500",
        "The service runs, and answers its health check with 500.",
        "Fix what its log tells",
    ),
}  # fmt: skip
