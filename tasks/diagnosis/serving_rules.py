"""What a user gets although ECS is content; and what makes every deploy slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.diagnosis.verdict import Diagnosis

if TYPE_CHECKING:
    from tasks.diagnosis.findings import Findings

KILLED = 137


def wrong_version(findings: Findings) -> Diagnosis | None:
    """Something answers, and it is not the version that was deployed; docs/service-contract.md, rule 3."""
    probe, wanted = findings.probe, findings.case.version
    if probe is None or probe.status != 200 or not wanted or probe.version == wanted:
        return None
    said = f"version {probe.version}" if probe.version else "no version at all"
    return Diagnosis(
        "wrong-version",
        f"ECS runs version {wanted}, but {said} answers.",
        "Look for what sets APP_VERSION again (command, entrypoint, image), for another service behind the same "
        "rule of the load balancer, and for a cache in front of it.",
        (probe.line,),
    )


def not_answering(findings: Findings) -> Diagnosis | None:
    """Nothing, or only the load balancer itself, answers on the health path."""
    probe = findings.probe
    if probe is None or probe.status == 200:
        return None
    if 300 <= probe.status < 500 and probe.version and probe.version == findings.case.version:
        return _other_route(findings, probe.status, (probe.line,))
    if 300 <= probe.status < 500:
        cause = f"The service's health path {findings.service.health_path} is answered with {probe.status}."
    else:
        cause = "ECS calls the service running, but nothing answers through the load balancer."
    return Diagnosis(
        "not-answering",
        cause,
        "Check the listener's rule and the target group's port; see what the service wrote: "
        f"./inv logs --service={findings.service.name}",
        (probe.line,),
    )


def answered_otherwise(findings: Findings) -> Diagnosis | None:
    """What was taken back, by its own log, did not know its health path, or never came as far as to listen."""
    if 300 <= findings.logged_status < 500:
        return _other_route(findings, findings.logged_status, ())
    if not findings.case.taken_back or not findings.stopped or findings.serves or findings.log_unread:
        return None
    return Diagnosis(
        "not-answering",
        "It ran and was taken back, and its log shows neither a request nor a port that it listens on.",
        "Look for what it does before it listens: "
        f"./inv logs --service={findings.service.name} --since=1h; try it here with --target=local.",
    )


def _other_route(findings: Findings, status: int, evidence: tuple[str, ...]) -> Diagnosis:
    path, version = findings.service.health_path, findings.case.version
    return Diagnosis(
        "not-answering",
        f"Version {version} itself answers its health path {path} with {status}.",
        "Make the service's route and health_path in invoke.yaml one; then deploy the next version. "
        f"{findings.service.template} and the target group ask the same path.",
        evidence,
    )


def api_unreachable(findings: Findings) -> Diagnosis | None:
    """The page is there, and the API that it is configured to ask is not (docs/service-contract.md, F2)."""
    api = findings.api
    if api is None or api.status == 200:
        return None
    return Diagnosis(
        "api-unreachable",
        "The page is served, but the API it asks does not answer: people see 'unreachable'.",
        f"Correct VITE_API_URL in {findings.service.template} (empty means the page's own address), or bring the "
        "backend up: ./inv status",
        (api.line,),
    )


def ignores_sigterm(findings: Findings) -> Diagnosis | None:
    """Tasks that were told to stop had to be killed, each after the whole stop timeout.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html (stopTimeout)
    """
    timeout = float(str(findings.container.get("stopTimeout") or 30))
    killed = [
        task
        for task in (*findings.replaced, *findings.stopped)
        if task.code in ("ServiceSchedulerInitiated", "UserInitiated")
        and task.exit_code == KILLED
        and task.stopping >= timeout - 1
    ]
    if not killed:
        return None
    return Diagnosis(
        "ignores-sigterm",
        f"Tasks ignore SIGTERM and are killed after {timeout:.0f} s; requests under way are lost, and each deploy "
        "waits for it.",
        f"Let the server be PID 1 (exec form of CMD, or exec in the entrypoint of {findings.service.folder}/) and "
        "end on SIGTERM.",
        tuple(f"task {task.id} took {task.stopping:.0f} s to stop, exit code 137" for task in killed[:3]),
    )


RULES = (wrong_version, not_answering, answered_otherwise, api_unreachable, ignores_sigterm)
