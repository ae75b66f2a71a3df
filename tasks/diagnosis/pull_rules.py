"""Why an image could not be pulled: the registry, the way to it, the role, the processor it is for.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.diagnosis.verdict import Diagnosis

if TYPE_CHECKING:
    from tasks.diagnosis.findings import Findings

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
NO_ROLE = re.compile(r"unable to assume the role '?([^\s']+)")
PULL_PROBLEMS = (
    (
        re.compile(r"no space left on device", re.I),
        "The image could not be pulled: the task's disk is full.",
        "Raise ephemeralStorage in {} (20 GiB unless it says otherwise), or make the image smaller",
    ),
    (
        re.compile(r"toomanyrequests|\b429\b|rate limit|Rate exceeded", re.I),
        "The image could not be pulled: the registry limits how often it is asked.",
        "Wait a few minutes; take base images and sidecars from ECR rather than from a public registry",
    ),
)
EXECUTION_ROLE = "the execution role (executionRoleArn)"


def no_connection(findings: Findings) -> Diagnosis | None:
    """AWS itself says that the task cannot reach one of its services.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html
    """
    found = CONNECTION.search(findings.start_told)
    return _unreachable(found[1]) if found else None


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
    line = _pull_line(findings) or line_with(findings, "registry auth", NETWORK)
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


def pull_failed(findings: Findings) -> Diagnosis | None:
    """The image is there, as far as is known, and its pull failed for another reason.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
    """
    line = _pull_line(findings)
    refused = NO_ROLE.search(findings.start_told)
    if refused:
        return Diagnosis(
            "pull-failed",
            f"ECS may not act as the role {refused[1].rpartition('/')[2]}, and so cannot pull the image.",
            "See that the role exists, and let its trust policy allow ecs-tasks.amazonaws.com sts:AssumeRole; "
            "then deploy again.",
        )
    if not line:
        return None
    for pattern, cause, step in PULL_PROBLEMS:
        if pattern.search(line):
            return Diagnosis("pull-failed", cause, f"{step.format(findings.service.template)}; then deploy again.")
    step = "Read the registry's own answer above; then deploy again."
    return Diagnosis("pull-failed", "The image could not be pulled.", step)


RULES = (
    wrong_architecture,
    pull_denied,
    image_missing,
    registry_unreachable,
    pull_failed,
)


def line_with(findings: Findings, word: str, pattern: re.Pattern[str]) -> str:
    """Return the first line that tells why no task could be started, with that word, and the pattern in it."""
    lines = findings.start_told.splitlines()
    return next((each for each in lines if word in _body(each) and pattern.search(_body(each))), "")


def _body(line: str) -> str:
    """Return the line without the beginning that every failed preparation has in common."""
    return line.replace("unable to pull secrets or registry auth", "")


def _pull_line(findings: Findings) -> str:
    wanted = ("CannotPullContainer", "ecr registry auth", "pull image manifest")
    line = next((each for each in findings.start_told.splitlines() if any(word in each for word in wanted)), "")
    return IDENTITIES.sub("", line)
