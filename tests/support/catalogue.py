"""Deployments that ECS gives up, as recorded answers of AWS: what each of them has to be told as."""

# ruff: noqa: E501 - what AWS says is quoted whole

from __future__ import annotations

from tests.support.recorded import CHECK, GROUP, NAMES, ended, event
from tests.support.replay import Example, Moving

EXIT = "Essential container in task exited"
PULL = "CannotPullContainerError: pull image manifest has been retried 7 time(s): "
SECRETS = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
)
ASM = f"{SECRETS}unable to retrieve secret from asm: service call has been retried 1 time(s): "
LOGGER = (
    "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to "
    "create Cloudwatch log stream: "
)
SECRET = "arn:aws:secretsmanager:us-east-2:727646509464:secret:spryte/mongodb-uri-AbCdEf"
PARTIAL = "arn:aws:secretsmanager:us-east-2:727646509464:secret:spryte/jwt-secret"
LISTENS = "Listening at: http://0.0.0.0:{} (1)"
CONTAINER_CHECK = "Task failed container health checks"
TARGET_CHECK = f"Task failed ELB health checks in (target-group {GROUP})"
SCHEDULER = "ServiceSchedulerInitiated"
NO_PULL = "The registry refuses the pull: the execution role (executionRoleArn) may not read the repository."
NO_WAY_OUT = "The task cannot reach the registry, or Secrets Manager: its subnet has no way out."
FOREIGN = "was built for another processor than the task's (exec format error)."


def request(path: str, status: int) -> str:
    """Return a request as the contract has it logged."""
    return f'{{"level": "info", "message": "request", "method": "GET", "path": "{path}", "status": {status}}}'


def exited(code: int, *log: str, **fields: object) -> Moving:
    """Return tasks whose container ended by itself."""
    return Moving(stopped=[ended(EXIT, exit_code=code, **fields)], log=log)


def start(reason: str, **fields: tuple[str, ...]) -> Moving:
    """Return tasks that could not be started."""
    return Moving(stopped=[ended(reason, "TaskFailedToStart")], **fields)  # type: ignore[arg-type]


def unhealthy(*log: str, check: str = CHECK) -> Moving:
    """Return tasks that ECS killed because of their own health check; their exit code is 137 then."""
    return Moving(stopped=[ended(CONTAINER_CHECK, SCHEDULER, exit_code=137)], log=log, check=check)


def unreached(*log: str, code: int = 0) -> Moving:
    """Return tasks that ECS stopped because of the load balancer's check, answered with `code` where not 0."""
    why = f"due to (reason Health checks failed with these codes: [{code}])"
    told = [event(f"(task 0123) (port 5000) is unhealthy in (target-group x) {why}")] if code else []
    return Moving(stopped=[ended(TARGET_CHECK, SCHEDULER, exit_code=0)], log=log, settings={"events": told})


GIVEN_UP = {
    "it crashes": Example(
        exited(1, "Traceback", "KeyError: 'x'"),
        "crash-at-start",
        "The container crashes at start with exit code 1: KeyError: 'x'",
        "Mend what its last lines say, try it here (./inv deploy --service=backend",
    ),
    "it crashes with empty lines around what it says": Example(
        exited(1, "", "Error: boom", " "),
        "crash-at-start",
        "The container crashes at start with exit code 1: Error: boom",
        "Mend what its last lines say",
    ),
    "it crashes without a word": Example(
        exited(139),
        "crash-at-start",
        "crashes at start with exit code 139, without a word in its log",
        "Mend what its last lines say",
    ),
    "it is killed for its memory": Example(
        exited(137, container_reason="OutOfMemoryError: Container killed due to memory usage"),
        "out-of-memory",
        "The container was killed for using more memory than it has; the task has 512 MiB.",
        "Raise memory in aws/backend-task-definition.json",
    ),
    "it is killed and nobody says why": Example(
        exited(137),
        "out-of-memory",
        "was killed (137), most likely for its memory; the task has 512 MiB.",
        "or let it use less (WEB_CONCURRENCY)",
    ),
    "a variable is missing": Example(
        exited(78, "spryte-backend cannot start: JWT_SECRET_KEY is not set."),
        "missing-variable",
        "The service refuses its environment (exit code 78): JWT_SECRET_KEY.",
        "Give JWT_SECRET_KEY as environment or secret in aws/backend-task-definition.json",
    ),
    "it exits cleanly": Example(
        exited(0),
        "exits-cleanly",
        "The container ends by itself with exit code 0; a service has to keep running.",
        "stay in the foreground; for work that ends there is ./inv run.",
    ),
    "a secret is missing": Example(
        start(f"{ASM}failed to fetch secret {SECRET} from secrets manager: ResourceNotFoundException: Secrets Manager "
              "can't find the specified secret.", there=NAMES[1:]),
        "secret-missing",
        "The secret spryte/mongodb-uri does not exist in this account and region.",
        "Create it (aws secretsmanager create-secret), or correct valueFrom",
    ),
    "a secret has no such key": Example(
        start(f"{ASM}retrieved secret from Secrets Manager did not contain json key MONGODB_URI"),
        "secret-key-missing",
        "A secret of the task definition has no JSON key 'MONGODB_URI'.",
        "Add the key 'MONGODB_URI' to the secret, or take it out of valueFrom",
    ),
    "a secret may not be read": Example(
        start(f"{ASM}failed to fetch secret {SECRET} from secrets manager: AccessDeniedException: User: "
              "arn:aws:sts::727646509464:assumed-role/ecsTaskExecutionRole/0123 is not authorized to perform: "
              f"secretsmanager:GetSecretValue on resource: {SECRET}"),
        "secret-denied",
        "ECS may not read the secret spryte/mongodb-uri: the execution role (executionRoleArn) lacks "
        "secretsmanager:GetSecretValue, or KMS.",
        "Allow secretsmanager:GetSecretValue on that secret in the execution role's policy",
    ),
    "a secret's key may not be used": Example(
        start(f"{ASM}failed to fetch secret {SECRET} from secrets manager: AccessDeniedException: Access to KMS is "
              "not allowed"),
        "secret-denied",
        "ECS may not read the secret spryte/mongodb-uri",
        "in the execution role's policy (aws/stack.yaml: TaskExecutionRole)",
    ),
    "a secret is named without the end of its ARN": Example(
        start(f"{ASM}failed to fetch secret {PARTIAL} from secrets manager: AccessDeniedException: User: "
              "arn:aws:sts::727646509464:assumed-role/ecsTaskExecutionRole/0123 is not authorized to perform: "
              f"secretsmanager:GetSecretValue on resource: {PARTIAL}"),
        "secret-missing",
        "The secret spryte/jwt-secret is named without the random end of its ARN, and '-secret' is taken for that end: "
        "AWS looks for spryte/jwt.",
        "Put its complete ARN into aws/backend-task-definition.json: aws secretsmanager describe-secret --secret-id "
        "spryte/jwt-secret --query ARN",
    ),
    "the image is missing": Example(
        start(f"{PULL}failed to resolve ref 727646509464.dkr.ecr.us-east-2.amazonaws.com/spryte-backend@sha256:a: "
              "not found"),
        "image-missing",
        "is not in the registry.",
        "Push it again: ./inv push --service=backend --version=0.1.5",
    ),
    "the registry cannot be reached": Example(
        start(f"{PULL}failed to resolve ref: failed to do request: Head \"https://727646509464.dkr.ecr/v2/\": dial "
              "tcp 3.1.2.3:443: i/o timeout"),
        "registry-unreachable",
        NO_WAY_OUT,
        "Give the tasks assignPublicIp with a route to an internet gateway, a NAT, or VPC endpoints",
    ),
    "secrets manager cannot be reached": Example(
        start(f"{SECRETS}unable to retrieve ecr registry auth: service call has been retried 3 time(s): RequestError: "
              "send request failed caused by: Post \"https://api.ecr.us-east-2.amazonaws.com/\": dial tcp: i/o timeout"),
        "registry-unreachable",
        NO_WAY_OUT,
        "check the security group's egress on 443",
    ),
    "AWS says that there is no connection to secrets manager": Example(
        start(f"{SECRETS}unable to retrieve secret from asm: There is a connection issue between the task and AWS "
              "Secrets Manager. Check your task network configuration. failed to fetch secret "
              f"{PARTIAL} from secrets manager: operation error Secrets Manager: GetSecretValue, canceled, context "
              "deadline exceeded", there=NAMES[:1]),
        "registry-unreachable",
        "The task cannot reach AWS Secrets Manager: its subnet has no way out.",
        "or VPC endpoints for ecr.api, ecr.dkr, s3, logs and secretsmanager",
    ),
    "AWS says that there is no connection to the log": Example(
        start("ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch "
              "log group defined in the task definition. There is a connection issue between the task and Amazon "
              "CloudWatch. Check your network configuration. : signal: killed"),
        "registry-unreachable",
        "The task cannot reach Amazon CloudWatch: its subnet has no way out.",
        "or VPC endpoints for ecr.api, ecr.dkr, s3, logs and secretsmanager",
    ),
    "a digest with a 403 and a 404 in it cannot be pulled": Example(
        start(f"{PULL}failed to resolve ref 727646509464.dkr.ecr.us-east-2.amazonaws.com/spryte-backend@sha256:"
              f"403404{'a' * 58}: unexpected end, request id: 40312345-1404-4040-a403-000000000404"),
        "image-missing",
        "The image could not be pulled.",
        "Read the registry's own answer above",
    ),
    "the pull is refused": Example(
        start(f"{PULL}failed to resolve ref: unexpected status code [manifests 0.1.5]: 403 Forbidden"),
        "pull-denied",
        NO_PULL,
        "Attach AmazonECSTaskExecutionRolePolicy to the execution role",
    ),
    "the registry's token is refused": Example(
        start(f"{SECRETS}unable to retrieve ecr registry auth: service call has been retried 1 time(s): "
              "AccessDeniedException: User: x is not authorized to perform: ecr:GetAuthorizationToken on resource: *"),
        "pull-denied",
        NO_PULL,
        "Attach AmazonECSTaskExecutionRolePolicy to the execution role",
    ),
    "the image is for another processor": Example(
        start(f"{PULL}image Manifest does not contain descriptor matching platform 'linux/amd64'."),
        "wrong-architecture",
        FOREIGN,
        "Build it for linux/amd64 (./inv build does), or set runtimePlatform.cpuArchitecture",
    ),
    "its program is for another processor": Example(
        exited(1, "exec /opt/venv/bin/python3: exec format error"),
        "wrong-architecture",
        FOREIGN,
        "Build it for linux/amd64 (./inv build does), or set runtimePlatform.cpuArchitecture",
    ),
    "the command is not in the image": Example(
        start("CannotStartContainerError: Error response from daemon: failed to create task for container: failed to "
              "create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
              'exec: "gunicron": executable file not found in $PATH: unknown'),
        "command-not-found",
        "The container's command 'gunicron' is not in the image, or may not be executed.",
        "Correct command and entryPoint in aws/backend-task-definition.json, or CMD in backend/Dockerfile",
    ),
    "a shell does not find the command": Example(
        exited(127, "sh: 1: gunicron: not found"),
        "command-not-found",
        "The container's command is not in the image, or may not be executed.",
        "Correct command and entryPoint in aws/backend-task-definition.json, or CMD in backend/Dockerfile",
    ),
    "the log group is missing": Example(
        start(f"{LOGGER}ResourceNotFoundException: The specified log group does not exist. : exit status 1"),
        "log-group-missing",
        "The log group /ecs/spryte-backend does not exist, or cannot be reached.",
        "Create it (aws logs create-log-group --log-group-name /ecs/spryte-backend; see aws/stack.yaml)",
    ),
    "the log may not be written": Example(
        start(f"{LOGGER}AccessDeniedException: User: x is not authorized to perform: logs:CreateLogStream"),
        "log-group-missing",
        "ECS may not write to the log group /ecs/spryte-backend: the execution role (executionRoleArn) lacks "
        "logs:CreateLogStream.",
        "Allow logs:CreateLogStream in the execution role's policy",
    ),
    "the container check asks another path": Example(
        unhealthy(LISTENS.format(5000), request("/health", 404), check="curl -f http://localhost:5000/health || exit 1"),
        "container-health-path",
        "The container health check asks /health, which the service answers with 404; its health path is /api/health.",
        "Correct healthCheck.command in aws/backend-task-definition.json",
    ),
    "the target group asks another path": Example(
        unreached(LISTENS.format(5000), request("/health", 404), code=404),
        "target-health-path",
        "The target group's health check is answered with 404: it asks another path than /api/health.",
        "Correct HealthCheckPath of the service's target group (aws/stack.yaml)",
    ),
    "the check's tool is not in the image": Example(
        unhealthy(LISTENS.format(5000)),
        "health-tool-missing",
        "The container health check never reaches the service: its program 'curl' is most likely not in the image.",
        "Put 'curl' into backend/Dockerfile",
    ),
    "the check uses a tool that nobody promised": Example(
        unhealthy(check="wget -q http://localhost:5000/api/health"),
        "health-tool-missing",
        "its program 'wget' is most likely not in the image.",
        "Put 'wget' into backend/Dockerfile, or check with curl",
    ),
    "it starts too slowly for its own check": Example(
        unhealthy("loading the model"),
        "slow-start",
        "The container health check gave up before the service was ready",
        "Raise healthCheck.startPeriod in aws/backend-task-definition.json",
    ),
    "it starts too slowly for the load balancer": Example(
        unreached("loading the model"),
        "slow-start",
        "The load balancer's check gave up before the service was ready",
        "Raise HealthCheckGracePeriodSeconds of the service (aws/stack.yaml)",
    ),
    "it listens elsewhere": Example(
        unreached(LISTENS.format(5001)),
        "port-mismatch",
        "The service listens on port 5001; task definition and load balancer ask 5000.",
        "Make them one: the service's own setting, portMappings and healthCheck",
    ),
    "its check asks another port": Example(
        unhealthy(LISTENS.format(5000), check="curl -f http://localhost:8000/api/health"),
        "port-mismatch",
        "The container health check asks port 8000; the container's port is 5000.",
        "Make them one: the service's own setting, portMappings and healthCheck",
    ),
    "the security group keeps the load balancer out": Example(
        unreached(LISTENS.format(5000)),
        "target-unreachable",
        "The service listens on its port, but the load balancer gets no answer from it.",
        "Let the tasks' security group accept the load balancer's on that port",
    ),
    "its health check answers 500": Example(
        unhealthy(LISTENS.format(5000), request("/api/health", 500)),
        "http-500",
        "The service runs, and answers its health check with 500.",
        "Mend what its log tells",
    ),
    "the load balancer gets 500": Example(
        unreached(code=500),
        "http-500",
        "The service runs, and answers its health check with 500.",
        "Mend what its log tells",
    ),
}  # fmt: skip
