"""Deployments whose tasks end or never start, as recorded answers of AWS: what each of them has to be told as."""

# ruff: noqa: E501 - what AWS says is quoted whole

from __future__ import annotations

from tests.support.recorded import NAMES, ended
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
GONE = "Secrets Manager can't find the specified secret."
NO_VALUE = "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-not-found-error.html, the newer wording
NEWER = (
    f"{SECRETS}unable to retrieve secret from asm: ResourceNotFoundException: The task can't retrieve the secret with "
    "ARN '{}' from AWS Secrets Manager. Check whether the secret exists in the specified Region: "
    "ResourceNotFoundException: {}"
)
PARTIAL = "arn:aws:secretsmanager:us-east-2:727646509464:secret:spryte/jwt-secret"
NO_PULL = "The registry refuses the pull: the execution role (executionRoleArn) may not read the repository."
NO_WAY_OUT = "The task cannot reach the registry, or Secrets Manager: its subnet has no way out."
FOREIGN = "was built for another processor than the task's (exec format error)."


def exited(code: int, *log: str, **fields: object) -> Moving:
    """Return tasks whose container ended by itself."""
    return Moving(stopped=[ended(EXIT, exit_code=code, **fields)], log=log)


def start(reason: str, **fields: tuple[str, ...]) -> Moving:
    """Return tasks that could not be started."""
    return Moving(stopped=[ended(reason, "TaskFailedToStart")], **fields)  # type: ignore[arg-type]


ENDED = {
    "it crashes": Example(
        exited(1, "Traceback", "KeyError: 'x'"),
        "crash-at-start",
        "The container crashes at start with exit code 1: KeyError: 'x'",
        "Fix what its last lines say, try it here (./inv deploy --service=backend",
    ),
    "it crashes with empty lines around what it says": Example(
        exited(1, "", "Error: boom", " "),
        "crash-at-start",
        "The container crashes at start with exit code 1: Error: boom",
        "Fix what its last lines say",
    ),
    "it crashes without a word": Example(
        exited(139),
        "crash-at-start",
        "crashes at start with exit code 139, without a word in its log",
        "Fix what its last lines say",
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
        "Create it (aws secretsmanager create-secret --name spryte/",
    ),
    "a secret is missing, in newer words": Example(
        start(NEWER.format(SECRET, GONE), there=NAMES[1:]),
        "secret-missing",
        "The secret spryte/mongodb-uri does not exist in this account and region.",
        "Create it (aws secretsmanager create-secret --name spryte/",
    ),
    "a secret has no value": Example(
        start(f"{ASM}failed to fetch secret {SECRET} from secrets manager: ResourceNotFoundException: {NO_VALUE}"),
        "secret-empty",
        "The secret spryte/mongodb-uri exists, but has no value (AWSCURRENT).",
        "Give it one: aws secretsmanager put-secret-value --secret-id spryte/mongodb-uri",
    ),
    "a secret has no value, in newer words": Example(
        start(NEWER.format(PARTIAL, NO_VALUE)),
        "secret-empty",
        "The secret spryte/jwt-secret exists, but has no value (AWSCURRENT).",
        "Give it one: aws secretsmanager put-secret-value --secret-id spryte/jwt-secret",
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
        "pull-failed",
        "The image could not be pulled.",
        "Read the registry's own answer above",
    ),
    "the task's disk is full": Example(
        start(f"{PULL}failed to extract layer sha256:{'4' * 64}: write /var/lib/containerd/data: no space left on "
              "device"),
        "pull-failed",
        "The image could not be pulled: the task's disk is full.",
        "Raise ephemeralStorage in aws/backend-task-definition.json",
    ),
    "the registry has been asked too often": Example(
        start(f"{PULL}httpReadSeeker: failed open: unexpected status code: 429 Too Many Requests - Server message: "
              "toomanyrequests: You have reached your unauthenticated pull rate limit."),
        "pull-failed",
        "The image could not be pulled: the registry limits how often it is asked.",
        "Wait a few minutes; take base images and sidecars from ECR",
    ),
    "the execution role cannot be assumed": Example(
        start("ECS was unable to assume the role 'arn:aws:iam::727646509464:role/ecsTaskExecutionRole' that was provided "
              "for this task. Please verify that the role being passed has the proper trust relationship and "
              "permissions and that your IAM user has permissions to pass this role."),
        "pull-failed",
        "ECS may not act as the role ecsTaskExecutionRole, and so cannot pull the image.",
        "let its trust policy allow ecs-tasks.amazonaws.com sts:AssumeRole",
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
    "a command that could not be started is tried again, and its container's name is taken": Example(
        start("ResourceInitializationError: unable to pull image or start container: 409 Client Error for "
              'http+docker://localhost/containers/create: Conflict ("Conflict. The container name "/spryte-backend" '
              'is already in use by container "bb99".")'),
        "command-not-found",
        "The container could not be started: most likely its command is not in the image, or may not be executed.",
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
}  # fmt: skip
