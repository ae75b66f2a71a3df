"""Why a running container is called unhealthy: by its own check, or by the load balancer's.

Neither says much: ECS keeps the output of a container health check to itself. What the service's own log shows
of the check's requests tells the causes apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.diagnosis.verdict import Diagnosis

if TYPE_CHECKING:
    from tasks.diagnosis.findings import Check, Findings

PROMISED_TOOL = "curl"  # docs/service-contract.md, rule 12


def http_500(findings: Findings) -> Diagnosis | None:
    """The check reaches the service, and the service answers that it is broken.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    """
    statuses = [findings.target_status if findings.target_check_failed else 0, findings.logged_status]
    if findings.container_check_failed or findings.target_check_failed:
        statuses.append(findings.requests.get(_path(findings), 0))
    if (
        findings.probe and findings.probe.version
    ):  # the service itself answered, not a load balancer without targets
        statuses.append(findings.probe.status)
    status = max(statuses)
    if status < 500:
        return None
    return Diagnosis(
        "http-500",
        f"The service runs, and answers its health check with {status}"
        + (f": {findings.exception}" if findings.exception else "."),
        "Fix what its log tells, then deploy the next version.",
        (findings.probe.line,) if findings.probe else (),
    )


def port_mismatch(findings: Findings) -> Diagnosis | None:
    """The service listens on another port than the one that is asked.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/troubleshoot-service-load-balancers.html
    """
    ports = findings.ports or (findings.service.port,)
    unanswered = findings.case.taken_back or (
        findings.probe is not None and findings.probe.status in (0, 502, 503, 504)
    )
    if not (unanswered or findings.container_check_failed or findings.target_check_failed):
        return None
    elsewhere = [port for port in findings.listening if port not in ports]
    checked = findings.check.port if findings.check else 0
    if findings.container_check_failed and checked and checked not in (*ports, *findings.listening):
        cause = f"The container health check asks port {checked}; the container's port is {ports[0]}."
    elif elsewhere and not set(findings.listening) & set(ports):
        cause = f"The service listens on port {elsewhere[-1]}; task definition and load balancer ask {ports[0]}."
    else:
        return None
    return Diagnosis(
        "port-mismatch",
        cause,
        "Make them match: the service's own setting, portMappings and healthCheck in "
        f"{findings.service.template}, and port in invoke.yaml; then deploy the next version.",
    )


def container_health_path(findings: Findings) -> Diagnosis | None:
    """The container health check asks for a path that the service answers with a refusal."""
    check = findings.check
    if not findings.container_check_failed or check is None:
        return None
    status = findings.requests.get(check.path, 0)
    if not 300 <= status < 500:
        return None
    return Diagnosis(
        "container-health-path",
        f"The container health check asks {check.path}, which the service answers with {status}; its health path "
        f"is {findings.service.health_path}.",
        f"Correct healthCheck.command in {findings.service.template}; then deploy the next version.",
        (f"health check: {check.command}",),
    )


def target_health_path(findings: Findings) -> Diagnosis | None:
    """The load balancer's check is answered with a code that its matcher does not accept.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
    (Target.ResponseCodeMismatch)
    """
    if not findings.target_check_failed or not 300 <= findings.target_status < 500:
        return None
    return Diagnosis(
        "target-health-path",
        f"The target group's health check is answered with {findings.target_status}: it asks another path than "
        f"{findings.service.health_path}.",
        "Correct HealthCheckPath of the service's target group (aws/stack.yaml); the version itself may be good: "
        "then deploy it again.",
        tuple(
            f"target: {each.state}, {each.reason}, {each.description}" for each in findings.targets if each.reason
        ),
    )


def health_tool_missing(findings: Findings) -> Diagnosis | None:
    """The container health check uses a program that nobody promised to be in the image.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html: the command runs inside the
    container, so its program has to be in the image.
    """
    check = findings.check
    if not findings.container_check_failed or check is None or check.program == PROMISED_TOOL:
        return None
    if findings.late(check.patience):
        return None
    return Diagnosis(
        "health-tool-missing",
        f"The container health check never reaches the service: its program '{check.program}' is most likely "
        "not in the image.",
        f"Put '{check.program}' into {findings.service.folder}/Dockerfile, or check with {PROMISED_TOOL}, which "
        "the contract asks for; then deploy the next version.",
        (f"health check: {check.command}",),
    )


def slow_start(findings: Findings) -> Diagnosis | None:
    """The checks gave up before the service was ready.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html (healthCheckGracePeriodSeconds)
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html (startPeriod)
    """
    check = findings.check
    # nginx writes nothing before its first request: for the container's own check, silence is no slow start
    starting = bool(findings.lines) and not findings.serves
    if findings.container_check_failed and (starting or (check and findings.late(check.patience))):
        which, setting = "The container health check", f"healthCheck.startPeriod in {findings.service.template}"
    elif _kept_out(findings) and (not findings.serves or findings.late(_load_balancers_patience(findings))):
        which, setting = (
            "The load balancer's check",
            "HealthCheckGracePeriodSeconds of the service (aws/stack.yaml)",
        )
    else:
        return None
    return Diagnosis(
        "slow-start",
        f"{which} gave up before the service was ready: it starts more slowly than the grace period allows.",
        f"Raise {setting}, or let it start faster; then deploy again.",
    )


def check_unanswered(findings: Findings) -> Diagnosis | None:
    """The container health check fails, and its own program was promised: ECS does not tell its output.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
    """
    check = findings.check
    if not findings.container_check_failed or check is None or findings.log_unread:
        return None
    if findings.requests.get(check.path):
        cause = (
            f"The container health check failed although {check.path} answers, perhaps the load balancer alone: "
            f"'{check.program}' is not in the image, or the service hangs at times."
        )
    else:
        cause = (
            f"The container health check was never answered: the service hangs, or '{check.program}' is not in "
            "the image."
        )
    return Diagnosis(
        "check-unanswered",
        cause,
        f"Bring it up here (./inv deploy --service={findings.service.name} --version=X.Y.Z --target=local) and "
        "run the check in its container (docker exec CONTAINER curl ...), which tells the two apart; then deploy "
        "the next version.",
        (f"health check: {check.command}",),
    )


def target_unreachable(findings: Findings) -> Diagnosis | None:
    """The service listens where it should, and the load balancer gets no answer.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
    """
    if not _kept_out(findings):
        return None
    return Diagnosis(
        "target-unreachable",
        "The service serves on its port, but the load balancer gets no answer from it.",
        "Let the tasks' security group accept the load balancer's on that port (aws/stack.yaml); deploy again.",
        tuple(
            f"target: {each.state}, {each.reason}, {each.description}" for each in findings.targets if each.reason
        ),
    )


RULES = (
    http_500,
    port_mismatch,
    container_health_path,
    target_health_path,
    health_tool_missing,
    slow_start,
    check_unanswered,
    target_unreachable,
)


def _kept_out(findings: Findings) -> bool:
    """Return whether the load balancer's check alone fails, and the log was read that tells why."""
    return findings.target_check_failed and not findings.container_check_failed and not findings.log_unread


def _load_balancers_patience(findings: Findings) -> float:
    """Return the grace period in seconds, or longer: a container's own check first asks after its interval."""
    return max(findings.grace, 2 * findings.check.interval if findings.check else 0.0)


def _path(findings: Findings) -> str:
    check: Check | None = findings.check
    return check.path if check and check.path else findings.service.health_path
