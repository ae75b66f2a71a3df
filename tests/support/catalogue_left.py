"""The failures that ECS does not see, that a deploy is refused for, or that leave it in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.documents import as_list, as_object
from tests.support.account import RefusedError
from tests.support.catalogue import ENDED
from tests.support.catalogue_health import LISTENS, UNHEALTHY
from tests.support.models import BEGAN, arn, ecs_deployment
from tests.support.recorded import ended
from tests.support.replay import UP, Example, Look, Moving, coming_up
from tests.support.web import Page, version

if TYPE_CHECKING:
    from tasks.documents import Json

NOBODY = "http://127.0.0.1:9"
RUNS: dict[str, object] = {"taskArn": "a/0123", "taskDefinitionArn": arn(7), "lastStatus": "RUNNING"}
PASS_ROLE = (
    "User: arn:aws:sts::727646509464:assumed-role/SpryteGithubDeployRole/GitHubActions is not authorized to "
    "perform: iam:PassRole on resource: arn:aws:iam::727646509464:role/ecsTaskExecutionRole because no "
    "identity-based policy allows the iam:PassRole action"
)
TAKEN_OVER: Look = [ecs_deployment(8, "ecs-svc/8"), ecs_deployment(7, status="ACTIVE", runningCount=0)]

SINCE: Look = [ecs_deployment(8, "ecs-svc/8"), ecs_deployment(7, status="ACTIVE", desiredCount=0)]


def serving(page: Page | None = None, *log: str) -> Moving:
    """Return a rollout that goes well for ECS, and what its version answers."""
    return Moving(looks=UP, page=page, tasks=[{**RUNS, "containers": []}] if log else [], log=log)


def asking_nobody(definition: dict[str, Json]) -> None:
    """Have a page whose API is nowhere."""
    as_object(as_list(definition["containerDefinitions"])[0])["environment"] = [
        {"name": "VITE_API_URL", "value": NOBODY}
    ]


def too_large(definition: dict[str, Json]) -> None:
    """Have a size that Fargate does not have."""
    definition["memory"] = "4096"


def page_without_api() -> Moving:
    """Return a page that serves, and is configured to ask an API that does not."""
    account = serving()
    account.definitions[7] = {"containerDefinitions": [{"name": "spryte-backend", "image": "x"}]}
    asking_nobody(account.definitions[7])
    return account


SERVED_WRONG = {
    "another version answers": Example(
        serving(version("9.9.9")),
        "wrong-version",
        "ECS runs version 0.1.5, but version 9.9.9 answers.",
        "Look for what sets APP_VERSION again",
        9,
    ),
    "something without a version answers": Example(
        serving(Page(body="ok")),
        "wrong-version",
        "ECS runs version 0.1.5, but no version at all answers.",
        "and for a cache in front of it",
        9,
    ),
    "the version answers with 500": Example(
        serving(Page(500, {"X-App-Version": "0.1.5"})),
        "http-500",
        "The service runs, and answers its health check with 500.",
        "Fix what its log tells",
        9,
    ),
    "the load balancer has no target": Example(
        serving(Page(502)),
        "not-answering",
        "ECS calls the service running, but nothing answers through the load balancer.",
        "Check the listener's rule and the target group's port",
        9,
    ),
    "the listener has no rule for it": Example(
        serving(Page(404)),
        "not-answering",
        "The service's health path /api/health is answered with 404.",
        "Check the listener's rule and the target group's port",
        9,
    ),
    "it has no such path itself": Example(
        serving(Page(404, {"X-App-Version": "0.1.5"})),
        "not-answering",
        "Version 0.1.5 itself answers its health path /api/health with 404.",
        "Make the service's route and health_path in invoke.yaml one",
        9,
    ),
    "it listens elsewhere, and nothing checks its health": Example(
        serving(Page(503), LISTENS.format(5001)),
        "port-mismatch",
        "The service listens on port 5001; task definition and load balancer ask 5000.",
        "Make them match: the service's own setting, portMappings and healthCheck",
        9,
    ),
    "the page is there and its API is not": Example(
        page_without_api(),
        "api-unreachable",
        "The page is served, but the API it asks does not answer",
        "Correct VITE_API_URL in aws/backend-task-definition.json",
        9,
        change=asking_nobody,
    ),
}
REFUSED = {
    "the size is none of Fargate's": Example(
        Moving(),
        "invalid-size",
        "memory: '4096' does not go with 256 CPU units on Fargate.",
        "Give one of",
        2,
        change=too_large,
    ),
    "the roles may not be passed": Example(
        Moving(refused={"ecs:RegisterTaskDefinition": PASS_ROLE}),
        "pass-role-denied",
        "the permission iam:PassRole is missing",
        "Allow iam:PassRole in the deploy role's policy.",
        3,
    ),
    "the service was scaled to zero": Example(
        Moving(
            deployments=[ecs_deployment(4, "ecs-svc/1", desiredCount=0, runningCount=0)],
            settings={"desiredCount": 0},
        ),
        "desired-count-zero",
        "spryte-backend-service has a desired count of 0: nothing would be started.",
        "Scale it up first: aws ecs update-service --cluster spryte-cluster --service spryte-backend-service",
        3,
        answers="",  # nothing ran, and nothing was started
    ),
    "something else deploys it": Example(
        Moving(settings={"deploymentController": {"type": "CODE_DEPLOY"}}),
        "foreign-controller",
        "its deployment controller is CODE_DEPLOY",
        "Deploy it with CODE_DEPLOY, or create the service anew",
        3,
    ),
}
LEFT = {
    "another deployment takes over": Example(
        Moving(revisions={4: "0.1.4", 8: "0.1.6"}, looks=(coming_up(), coming_up(), TAKEN_OVER)),
        "superseded",
        "another deployment took over, of spryte-backend:8.",
        "then decide which version is to serve.",
        10,
        answers="0.1.6",
    ),
    "another deployment takes over while it is proved": Example(
        Moving(revisions={4: "0.1.4", 8: "0.1.6"}, looks=(*UP, SINCE), page=version("0.1.6")),
        "superseded",
        "another deployment took over, of spryte-backend:8.",
        "then decide which version is to serve.",
        10,
        answers="0.1.6",
    ),
    "another deployment takes over and nothing answers yet": Example(
        Moving(revisions={4: "0.1.4", 8: "0.1.6"}, looks=(*UP, SINCE), page=Page(503)),
        "superseded",
        "another deployment took over, of spryte-backend:8.",
        "then decide which version is to serve.",
        10,
        answers="0.1.6",
    ),
    "AWS throttles to the end": Example(
        Moving(looks=(coming_up(), RefusedError("ThrottlingException", "Rate exceeded"))),
        "throttled",
        "AWS is throttling requests",
        "Wait a minute, then run the command again; it goes on where it stopped.",
        3,
    ),
    "the credentials expire": Example(
        Moving(looks=(coming_up(), RefusedError("ExpiredTokenException", "The security token is expired"))),
        "credentials-expired",
        "AWS credentials: no longer accepted (ExpiredTokenException)",
        "Log in again (aws sso login, or set AWS_PROFILE)",
        3,
    ),
    "somebody presses Ctrl-C": Example(
        Moving(looks=(coming_up(), coming_up(), KeyboardInterrupt())),
        "interrupted",
        "Interrupted. spryte-backend-service: ECS goes on bringing up spryte-backend:7, version 0.1.5",
        "Look: ./inv status --service=backend. To go on: the same command again",
        130,
    ),
}
SLOW = Example(
    Moving(
        looks=UP,
        stopped=[
            ended(
                "Scaling activity initiated by (deployment ecs-svc/2)",
                "ServiceSchedulerInitiated",
                exit_code=137,
                taskDefinitionArn=arn(4),
                stoppingAt=BEGAN.timestamp(),
                executionStoppedAt=BEGAN.timestamp() + 30.4,
            )
        ],
    ),
    "ignores-sigterm",
    "Tasks ignore SIGTERM and are killed after 30 s",
    "Let the server be PID 1 (exec form of CMD, or exec in the entrypoint of backend/)",
    0,
    answers="0.1.5",
)
GIVEN_UP = {**ENDED, **UNHEALTHY}
GOES_BACK = {**GIVEN_UP, **SERVED_WRONG}
CATALOGUE = {**GOES_BACK, **REFUSED, **LEFT, "it ignores SIGTERM": SLOW}
