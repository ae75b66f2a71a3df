"""Every failure of docs/failures.md from recorded answers of AWS: each is told apart from all the others."""

# ruff: noqa: E501 - what AWS says is quoted whole

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tasks.diagnosis import rules
from tasks.diagnosis.failures import FAILURES, NOT_HERE
from tasks.diagnosis.findings import Case
from tasks.diagnosis.gather import gather
from tests.support.models import BACKEND, BEGAN, arn
from tests.support.project import HERE
from tests.support.recorded import GROUP, NAMES, Recorded, RecordedClients, ended, event

EXIT = "Essential container in task exited"
PULL = "CannotPullContainerError: pull image manifest has been retried 7 time(s): "
SECRETS = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
)
ASM = f"{SECRETS}unable to retrieve secret from asm: service call has been retried 1 time(s): "
SECRET = "arn:aws:secretsmanager:us-east-2:727646509464:secret:spryte/mongodb-uri-AbCdEf"
LISTENS = "Listening at: http://0.0.0.0:{} (1)"
CONTAINER_CHECK = "Task failed container health checks"
TARGET_CHECK = f"Task failed ELB health checks in (target-group {GROUP})"
SCHEDULER = "ServiceSchedulerInitiated"


def request(path: str, status: int) -> str:
    """Return a request as the contract has it logged."""
    return f'{{"level": "info", "message": "request", "method": "GET", "path": "{path}", "status": {status}}}'


def start(reason: str) -> Recorded:
    """Return tasks that could not be started."""
    return Recorded(stopped=[ended(reason, "TaskFailedToStart")])


def unhealthy(reason: str, *log: str, **fields: object) -> Recorded:
    """Return tasks that ECS stopped because of a health check; killed ones have exit code 137 there."""
    return Recorded(
        stopped=[ended(reason, SCHEDULER, exit_code=137)], log=log, check=str(fields.get("check", CHECK))
    )


CHECK = "curl -fsS http://localhost:5000/api/health || exit 1"


@dataclass(frozen=True)
class Example:
    """A recorded account, and what has to be made of it."""

    account: Recorded = field(repr=False)
    name: str
    cause: str = ""


EXAMPLES = {
    "it crashes": Example(
        Recorded(stopped=[ended(EXIT, exit_code=1)], log=("Traceback", "KeyError: 'x'")),
        "crash-at-start",
        "The container crashes at start with exit code 1: KeyError: 'x'",
    ),
    "it crashes without a word": Example(
        Recorded(stopped=[ended(EXIT, exit_code=139)]), "crash-at-start", "exit code 139, without a word in its log"
    ),
    "it is killed for its memory": Example(
        Recorded(
            stopped=[
                ended(EXIT, exit_code=137, container_reason="OutOfMemoryError: Container killed due to memory usage")
            ]
        ),
        "out-of-memory",
        "The container was killed for using more memory than it has; the task has 512 MiB.",
    ),
    "it is killed and nobody says why": Example(
        Recorded(stopped=[ended(EXIT, exit_code=137)]), "out-of-memory", "was killed (137), most likely for its memory"
    ),
    "a variable is missing": Example(
        Recorded(stopped=[ended(EXIT, exit_code=78)], log=("spryte-backend cannot start: JWT_SECRET_KEY is not set.",)),
        "missing-variable",
        "The service refuses its environment (exit code 78): JWT_SECRET_KEY.",
    ),
    "it exits cleanly": Example(Recorded(stopped=[ended(EXIT, exit_code=0)]), "exits-cleanly"),
    "a secret is missing": Example(
        Recorded(
            stopped=[
                ended(
                    f"{ASM}failed to fetch secret {SECRET} from secrets manager: ResourceNotFoundException: "
                    "Secrets Manager can't find the specified secret.",
                    "TaskFailedToStart",
                )
            ],
            there=NAMES[1:],
        ),
        "secret-missing",
        "The secret spryte/mongodb-uri does not exist in this account and region.",
    ),
    "a secret has no such key": Example(
        start(f"{ASM}retrieved secret from Secrets Manager did not contain json key MONGODB_URI"),
        "secret-key-missing",
        "A secret of the task definition has no JSON key 'MONGODB_URI'.",
    ),
    "a secret may not be read": Example(
        start(
            f"{ASM}failed to fetch secret {SECRET} from secrets manager: AccessDeniedException: User: "
            "arn:aws:sts::727646509464:assumed-role/ecsTaskExecutionRole/0123 is not authorized to perform: "
            f"secretsmanager:GetSecretValue on resource: {SECRET}"
        ),
        "secret-denied",
        "ECS may not read the secret spryte/mongodb-uri: the execution role (executionRoleArn) lacks "
        "secretsmanager:GetSecretValue, or KMS.",
    ),
    "a secret's key may not be used": Example(
        start(f"{ASM}failed to fetch secret {SECRET} from secrets manager: AccessDeniedException: Access to KMS is "
              "not allowed"),
        "secret-denied",
    ),
    "the image is missing": Example(
        start(f"{PULL}failed to resolve ref 727646509464.dkr.ecr.us-east-2.amazonaws.com/spryte-backend@sha256:a: "
              "not found"),
        "image-missing",
    ),
    "the registry cannot be reached": Example(
        start(f"{PULL}failed to resolve ref: failed to do request: Head \"https://727646509464.dkr.ecr/v2/\": dial "
              "tcp 3.1.2.3:443: i/o timeout"),
        "registry-unreachable",
    ),
    "secrets manager cannot be reached": Example(
        start(f"{SECRETS}unable to retrieve ecr registry auth: service call has been retried 3 time(s): RequestError: "
              "send request failed caused by: Post \"https://api.ecr.us-east-2.amazonaws.com/\": dial tcp: i/o timeout"),
        "registry-unreachable",
    ),
    "the pull is refused": Example(
        start(f"{PULL}failed to resolve ref: unexpected status code [manifests 0.1.5]: 403 Forbidden"), "pull-denied"
    ),
    "the registry's token is refused": Example(
        start(f"{SECRETS}unable to retrieve ecr registry auth: service call has been retried 1 time(s): "
              "AccessDeniedException: User: x is not authorized to perform: ecr:GetAuthorizationToken on resource: *"),
        "pull-denied",
    ),
    "the image is for another processor": Example(
        start(f"{PULL}image Manifest does not contain descriptor matching platform 'linux/amd64'."),
        "wrong-architecture",
    ),
    "its program is for another processor": Example(
        Recorded(stopped=[ended(EXIT, exit_code=1)], log=("exec /opt/venv/bin/python3: exec format error",)),
        "wrong-architecture",
    ),
    "the command is not in the image": Example(
        start("CannotStartContainerError: Error response from daemon: failed to create task for container: failed to "
              "create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
              'exec: "gunicron": executable file not found in $PATH: unknown'),
        "command-not-found",
        "The container's command 'gunicron' is not in the image, or may not be executed.",
    ),
    "a shell does not find the command": Example(
        Recorded(stopped=[ended(EXIT, exit_code=127)], log=("sh: 1: gunicron: not found",)), "command-not-found"
    ),
    "the log group is missing": Example(
        start("ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
              "failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not "
              "exist. : exit status 1"),
        "log-group-missing",
        "The log group /ecs/spryte-backend does not exist, or cannot be reached.",
    ),
    "the log may not be written": Example(
        start("ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
              "failed to create Cloudwatch log stream: AccessDeniedException: User: x is not authorized to perform: "
              "logs:CreateLogStream"),
        "log-group-missing",
        "ECS may not write to the log group /ecs/spryte-backend",
    ),
    "the container check asks another path": Example(
        unhealthy(CONTAINER_CHECK, LISTENS.format(5000), request("/health", 404),
                  check="curl -f http://localhost:5000/health || exit 1"),
        "container-health-path",
        "The container health check asks /health, which the service answers with 404; its health path is /api/health.",
    ),
    "the target group asks another path": Example(
        Recorded(
            stopped=[ended(TARGET_CHECK, SCHEDULER, exit_code=0)],
            log=(LISTENS.format(5000), request("/health", 404)),
            settings={"events": [event(
                "(task 0123) (port 5000) is unhealthy in (target-group x) due to (reason Health checks failed with "
                "these codes: [404])")]},
        ),
        "target-health-path",
        "The target group's health check is answered with 404: it asks another path than /api/health.",
    ),
    "the check's tool is not in the image": Example(
        unhealthy(CONTAINER_CHECK, LISTENS.format(5000)), "health-tool-missing", "its program 'curl' is most likely"
    ),
    "the check uses a tool that nobody promised": Example(
        unhealthy(CONTAINER_CHECK, check="wget -q http://localhost:5000/api/health"), "health-tool-missing",
        "its program 'wget'",
    ),
    "it starts too slowly for its own check": Example(
        unhealthy(CONTAINER_CHECK, "loading the model"), "slow-start", "The container health check gave up"
    ),
    "it starts too slowly for the load balancer": Example(
        Recorded(stopped=[ended(TARGET_CHECK, SCHEDULER, exit_code=0)], log=("loading the model",)),
        "slow-start",
        "The load balancer's check gave up",
    ),
    "it listens elsewhere": Example(
        Recorded(stopped=[ended(TARGET_CHECK, SCHEDULER, exit_code=0)], log=(LISTENS.format(5001),)),
        "port-mismatch",
        "The service listens on port 5001; task definition and load balancer ask 5000.",
    ),
    "its check asks another port": Example(
        unhealthy(CONTAINER_CHECK, LISTENS.format(5000), check="curl -f http://localhost:8000/api/health"),
        "port-mismatch",
        "The container health check asks port 8000; the container's port is 5000.",
    ),
    "the security group keeps the load balancer out": Example(
        Recorded(stopped=[ended(TARGET_CHECK, SCHEDULER, exit_code=0)], log=(LISTENS.format(5000),)),
        "target-unreachable",
    ),
    "its health check answers 500": Example(
        unhealthy(CONTAINER_CHECK, LISTENS.format(5000), request("/api/health", 500)),
        "http-500",
        "The service runs, and answers its health check with 500.",
    ),
    "the load balancer gets 500": Example(
        Recorded(
            stopped=[ended(TARGET_CHECK, SCHEDULER, exit_code=0)],
            settings={"events": [event("is unhealthy in (target-group x) due to (reason Health checks failed with "
                                       "these codes: [500])")]},
        ),
        "http-500",
    ),
    "it ignores SIGTERM": Example(
        Recorded(stopped=[
            ended("Scaling activity initiated by (deployment ecs-svc/2)", SCHEDULER, exit_code=137,
                  taskDefinitionArn=arn(4), stoppingAt=BEGAN.timestamp(), executionStoppedAt=BEGAN.timestamp() + 30.4)
        ]),
        "ignores-sigterm",
        "Tasks ignore SIGTERM and are killed after 30 s",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", EXAMPLES)
def test_the_cause_is_named_when(what: str) -> None:
    example = EXAMPLES[what]
    found = rules.explain(gather(Case(BACKEND, arn(7), "0.1.5"), RecordedClients(example.account)))
    assert found.name == example.name
    assert example.cause in found.cause
    assert found.next_step
    assert found.lines[0].endswith(f"(docs/failures.md#{example.name})")


def test_every_failure_has_its_place_in_the_catalogue() -> None:
    text = (HERE / "docs/failures.md").read_text()
    for name in (*FAILURES, *NOT_HERE):
        assert f"\n### {name}\n" in text


def test_every_failure_can_be_practised_or_says_why_not() -> None:
    named = {example.name for example in EXAMPLES.values()} | {"wrong-version", "api-unreachable"}
    assert named <= FAILURES.keys() | NOT_HERE.keys()
    assert not FAILURES.keys() & NOT_HERE.keys()
