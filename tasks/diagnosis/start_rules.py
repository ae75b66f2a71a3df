"""Why a task could not be started: secrets, logs, image, command. ECS says it in the stopped reason or an event.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.diagnosis import pull_rules
from tasks.diagnosis.pull_rules import ABSENT, DENIED, EXECUTION_ROLE, NETWORK, line_with
from tasks.diagnosis.verdict import Diagnosis
from tasks.release.one_off import NAME_TAKEN, NAMED_COMMAND

if TYPE_CHECKING:
    from tasks.diagnosis.findings import Findings

JSON_KEY = re.compile(r"json key '?([^\s'.:]+)")
# The six random characters that end an ARN are hardly ever lower-case letters alone: those are a word of a name.
SECRET = re.compile(r"secret:([^\s:,'\"]+?)(?:-(?![a-z]{6}(?:[\s:,'\"]|$))[A-Za-z0-9]{6})?(?=[\s:,'\"]|$)")
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html (staging labels)
NO_VALUE = re.compile(r"secret value for (?:staging label|VersionId):? ?([\w-]*)", re.I)
LOOKS_COMPLETE = re.compile(r"(.*)(-[a-z]{6})")
NO_COMMAND = re.compile(r"exec:? \"?([^\s\":]+)\"?:.*(executable file not found|no such file or directory)", re.I)


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


def secret_incomplete(findings: Findings) -> Diagnosis | None:
    """A secret is named without the random end of its ARN, and its own name ends in what looks like one.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
    """
    line = line_with(findings, "secret", re.compile(f"{DENIED.pattern}|{ABSENT.pattern}", re.I))
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
    line = line_with(findings, "secret", DENIED)
    if not line or re.search(r"\becr\b", line):
        return None
    action = "ssm:GetParameters" if "from ssm" in line or "ssm:Get" in line else "secretsmanager:GetSecretValue"
    return Diagnosis(
        "secret-denied",
        f"ECS may not read the secret {_named(line)}: {EXECUTION_ROLE} lacks {action}, or KMS.",
        f"Allow {action} on that secret in the execution role's policy (aws/stack.yaml: TaskExecutionRole), "
        "then deploy again.",
    )


def secret_empty(findings: Findings) -> Diagnosis | None:
    """The secret is there, and has no value: created without one, as Terraform's aws_secretsmanager_secret does.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
    """
    line = line_with(findings, "secret", NO_VALUE)
    found = NO_VALUE.search(line)
    name = _named(line)
    if not found or name in findings.missing_secrets:
        return None
    return Diagnosis(
        "secret-empty",
        f"The secret {name} exists, but has no value ({found[1]}).",
        f"Give it one: aws secretsmanager put-secret-value --secret-id {name} --secret-string file://FILE; "
        "then deploy again.",
    )


def secret_missing(findings: Findings) -> Diagnosis | None:
    """Secrets Manager knows no such secret; a partial ARN that ends like a random suffix counts as none.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
    """
    line = line_with(findings, "secret", re.compile(rf"{ABSENT.pattern}|unable to retrieve secret arn", re.I))
    if not line and not (findings.missing_secrets and "secret" in findings.start_told):
        return None
    if line and (NETWORK.search(line) or "log group" in line):
        return None
    name = findings.missing_secrets[0] if findings.missing_secrets else _named(line)
    return Diagnosis(
        "secret-missing",
        f"The secret {name} does not exist in this account and region.",
        f"Create it (aws secretsmanager create-secret --name {name} --secret-string file://value.txt), or correct "
        f"valueFrom in {findings.service.template}; then deploy the next version.",
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


def command_not_found(findings: Findings) -> Diagnosis | None:
    """The container's program does not exist in the image, or is not executable.

    https://docs.docker.com/engine/containers/run/#exit-status (126 and 127)
    """
    found = NO_COMMAND.search(findings.start_told)
    refused = bool(findings.start_told) and bool(NAMED_COMMAND.search(findings.start_told))
    task = findings.newest
    by_code = task is not None and task.exited and task.exit_code in (126, 127)
    tried_again = NAME_TAKEN.search(findings.start_told)
    if not (refused or by_code or tried_again):
        return None
    which = f" '{found[1]}'" if found else ""
    likely = "The container could not be started: most likely its" if tried_again else "The container's"
    return Diagnosis(
        "command-not-found",
        f"{likely} command{which} is not in the image, or may not be executed.",
        f"Correct command and entryPoint in {findings.service.template}, or CMD in "
        f"{findings.service.folder}/Dockerfile; then deploy the next version.",
    )


RULES = (
    pull_rules.no_connection,
    secret_key_missing,
    secret_empty,
    secret_incomplete,
    secret_denied,
    secret_missing,
    log_group_missing,
    *pull_rules.RULES,
    command_not_found,
)


def _named(line: str) -> str:
    found = SECRET.search(line)
    return found[1] if found else "of the task definition"
