"""Why a task could not be started: secrets, logs, image, command. ECS says it in the stopped reason or an event.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.diagnosis.verdict import Diagnosis
from tasks.release.one_off import NAMED_COMMAND

if TYPE_CHECKING:
    from tasks.diagnosis.findings import Findings

JSON_KEY = re.compile(r"json key '?([^\s'.:]+)")
# The six random characters that end an ARN are hardly ever lower-case letters alone: those are a word of a name.
SECRET = re.compile(r"secret:([^\s:,]+?)(?:-(?![a-z]{6}(?:[\s:,]|$))[A-Za-z0-9]{6})?(?=[\s:,]|$)")
LOOKS_COMPLETE = re.compile(r"(.*)(-[a-z]{6})")
IDENTITIES = re.compile(r"sha256:[0-9a-f]+|request ?id:? *[0-9a-f-]+", re.I)
CONNECTION = re.compile(r"There is a connection issue between the task and (?:the )?([^.,]+)")
DENIED = re.compile(
    r"AccessDenied|not authorized to perform|Access to KMS|\b403\b|pull access denied|no basic auth", re.I
)
ABSENT = re.compile(r"not ?found|manifest unknown|does not exist|no such (image|manifest)|can't find", re.I)
NETWORK = re.compile(
    r"timeout|deadline exceeded|dial tcp|connection refused|no route|no such host|send request failed|unreachable",
    re.I,
)
PLATFORM = re.compile(r"descriptor (matching|for) platform|no matching manifest for|exec format error", re.I)
NO_COMMAND = re.compile(r"exec:? \"?([^\s\":]+)\"?:.*(executable file not found|no such file or directory)", re.I)
EXECUTION_ROLE = "the execution role (executionRoleArn)"


def secret_key_missing(findings: Findings) -> Diagnosis | None:
    """The secret is there, but is no JSON with the key named.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
    """
    found = JSON_KEY.search(findings.start_told)
    if not found:
        return None
    return Diagnosis(
        "secret-key-missing",
        f"A secret of the task definition has no JSON key '{found[1]}'.",
        f"Add the key '{found[1]}' to the secret, or take it out of valueFrom in {findings.service.template}; "
        "then deploy the next version.",
    )


def no_connection(findings: Findings) -> Diagnosis | None:
    """AWS itself says that the task reaches one of its services not.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html
    """
    found = CONNECTION.search(findings.start_told)
    return _unreachable(found[1]) if found else None


def secret_incomplete(findings: Findings) -> Diagnosis | None:
    """A secret is named without the random end of its ARN, and its own name ends in what looks like one.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
    """
    line = _line(findings, "secret", re.compile(f"{DENIED.pattern}|{ABSENT.pattern}", re.I))
    name = _named(line)
    found = LOOKS_COMPLETE.fullmatch(name)
    if not found or name in findings.missing_secrets:
        return None
    return Diagnosis(
        "secret-missing",
        f"The secret {name} is named without the random end of its ARN, and '{found[2]}' is taken for that end: "
        f"AWS looks for {found[1]}.",
        f"Put its complete ARN into {findings.service.template}: aws secretsmanager describe-secret --secret-id "
        f"{name} --query ARN; then deploy the next version.",
    )


def secret_denied(findings: Findings) -> Diagnosis | None:
    """ECS may not read a secret on behalf of the task.

    https://repost.aws/knowledge-center/ecs-unable-to-pull-secrets
    """
    line = _line(findings, "secret", DENIED)
    if not line or re.search(r"\becr\b", line):
        return None
    action = "ssm:GetParameters" if "from ssm" in line or "ssm:Get" in line else "secretsmanager:GetSecretValue"
    return Diagnosis(
        "secret-denied",
        f"ECS may not read the secret {_named(line)}: {EXECUTION_ROLE} lacks {action}, or KMS.",
        f"Allow {action} on that secret in the execution role's policy (aws/stack.yaml: TaskExecutionRole), "
        "then deploy again.",
    )


def secret_missing(findings: Findings) -> Diagnosis | None:
    """Secrets Manager knows no such secret; a partial ARN that ends like a random suffix counts as none.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
    """
    line = _line(findings, "secret", re.compile(rf"{ABSENT.pattern}|unable to retrieve secret arn", re.I))
    if not line and not (findings.missing_secrets and "secret" in findings.start_told):
        return None
    if line and (NETWORK.search(line) or "log group" in line):
        return None
    name = findings.missing_secrets[0] if findings.missing_secrets else _named(line)
    return Diagnosis(
        "secret-missing",
        f"The secret {name} does not exist in this account and region.",
        f"Create it (aws secretsmanager create-secret), or correct valueFrom in {findings.service.template}; "
        "then deploy the next version.",
    )


def log_group_missing(findings: Findings) -> Diagnosis | None:
    """The awslogs driver finds no log group, or may not write to it; it creates none unless told to.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
    """
    line = next(
        (each for each in findings.start_told.splitlines() if re.search("logger|logging driver|awslogs", each)), ""
    )
    if not line:
        return None
    group = findings.log_group or "named by awslogs-group"
    if DENIED.search(line):
        cause = f"ECS may not write to the log group {group}: {EXECUTION_ROLE} lacks logs:CreateLogStream."
        step = "Allow logs:CreateLogStream in the execution role's policy, then deploy again."
        return Diagnosis("log-group-missing", cause, step)
    return Diagnosis(
        "log-group-missing",
        f"The log group {group} does not exist, or cannot be reached.",
        f"Create it (aws logs create-log-group --log-group-name {group}; see aws/stack.yaml), then deploy again.",
    )


def wrong_architecture(findings: Findings) -> Diagnosis | None:
    """The image holds no program for the platform the task runs on.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html
    """
    lines = [each for each in (*findings.told.splitlines(), *findings.lines) if PLATFORM.search(each)]
    if not lines:
        return None
    return Diagnosis(
        "wrong-architecture",
        "The image, or a program in it, was built for another processor than the task's (exec format error).",
        "Build it for linux/amd64 (./inv build does), or set runtimePlatform.cpuArchitecture in "
        f"{findings.service.template} to what the image is for.",
        (f"seen: {lines[-1]}",),
    )


def pull_denied(findings: Findings) -> Diagnosis | None:
    """The registry refuses the pull, or ECR refuses its token.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/ECR_on_ECS.html (required permissions)
    """
    line = _pull_line(findings)
    if not line or not DENIED.search(line):
        return None
    return Diagnosis(
        "pull-denied",
        f"The registry refuses the pull: {EXECUTION_ROLE} may not read the repository.",
        "Attach AmazonECSTaskExecutionRolePolicy to the execution role, and see that the repository's own policy "
        "lets this account in; then deploy again.",
    )


def image_missing(findings: Findings) -> Diagnosis | None:
    """The repository has no such image.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html
    """
    line = _pull_line(findings)
    absent = bool(line) and bool(ABSENT.search(line) or re.search(r"\b404\b", line))
    if not absent and not (findings.image_missing and (line or not findings.stopped)):
        return None
    return Diagnosis(
        "image-missing",
        f"The image {findings.container.get('image', '')} is not in the registry.",
        f"Push it again: ./inv push --service={findings.service.name} "
        f"--version={findings.case.version or 'X.Y.Z'}; was it removed by a lifecycle rule, or by hand?",
    )


def registry_unreachable(findings: Findings) -> Diagnosis | None:
    """The subnet has no way to the registry: no public address, no NAT, no VPC endpoint.

    https://repost.aws/knowledge-center/ecs-fargate-pull-container-error
    """
    line = _pull_line(findings) or _line(findings, "registry auth", NETWORK)
    if not line or not NETWORK.search(line):
        return None
    return _unreachable("the registry, or Secrets Manager")


def _unreachable(what: str) -> Diagnosis:
    return Diagnosis(
        "registry-unreachable",
        f"The task cannot reach {what}: its subnet has no way out.",
        "Give the tasks assignPublicIp with a route to an internet gateway, a NAT, or VPC endpoints for ecr.api, "
        "ecr.dkr, s3, logs and secretsmanager; check the security group's egress on 443.",
    )


def image_not_pulled(findings: Findings) -> Diagnosis | None:
    """The pull failed for a reason that none of the rules before knows."""
    if not _pull_line(findings):
        return None
    step = "Read the registry's own answer above; then deploy again."
    return Diagnosis("image-missing", "The image could not be pulled.", step)


def command_not_found(findings: Findings) -> Diagnosis | None:
    """The container's program does not exist in the image, or is not executable.

    https://docs.docker.com/engine/containers/run/#exit-status (126 and 127)
    """
    found = NO_COMMAND.search(findings.start_told)
    refused = bool(findings.start_told) and bool(NAMED_COMMAND.search(findings.start_told))
    task = findings.newest
    by_code = task is not None and task.exited and task.exit_code in (126, 127)
    if not refused and not by_code:
        return None
    which = f" '{found[1]}'" if found else ""
    return Diagnosis(
        "command-not-found",
        f"The container's command{which} is not in the image, or may not be executed.",
        f"Correct command and entryPoint in {findings.service.template}, or CMD in "
        f"{findings.service.folder}/Dockerfile; then deploy the next version.",
    )


RULES = (
    no_connection,
    secret_key_missing,
    secret_incomplete,
    secret_denied,
    secret_missing,
    log_group_missing,
    wrong_architecture,
    pull_denied,
    image_missing,
    registry_unreachable,
    image_not_pulled,
    command_not_found,
)


def _line(findings: Findings, word: str, pattern: re.Pattern[str]) -> str:
    lines = findings.start_told.splitlines()
    return next((each for each in lines if word in _body(each) and pattern.search(_body(each))), "")


def _pull_line(findings: Findings) -> str:
    wanted = ("CannotPullContainer", "ecr registry auth", "pull image manifest")
    line = next((each for each in findings.start_told.splitlines() if any(word in each for word in wanted)), "")
    return IDENTITIES.sub("", line)


def _body(line: str) -> str:
    """Return the line without the beginning that every failed preparation has in common."""
    return line.replace("unable to pull secrets or registry auth", "")


def _named(line: str) -> str:
    found = SECRET.search(line)
    return found[1] if found else "of the task definition"
