"""Asking AWS and the service for everything that may tell why; what may not be asked is noted, never raised."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from tasks.diagnosis import read_log
from tasks.diagnosis.findings import Case, Findings, Probe, Task
from tasks.diagnosis.gaps import Gaps
from tasks.documents import as_list, as_object
from tasks.release import ecs_tasks, target_health
from tasks.release.api_check import API_HEALTH, API_VARIABLE
from tasks.release.service_state import describe
from tasks.release.smoke import VERSION_HEADER
from tasks.release.task_definition import described, environment_of
from tasks.sdk_errors import asking_aws, error_code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_ecs.type_defs import ContainerTypeDef, DeploymentTypeDef, ServiceTypeDef, TaskTypeDef

    from tasks.clients import Clients
    from tasks.documents import Json
    from tasks.release.target_health import Target
    from tasks.settings import Service

NO_TASKS: tuple[Task, ...] = ()
NO_TARGETS: tuple[Target, ...] = ()
EVENTS = 10
FAILURE_CODES = ("EssentialContainerExited", "TaskFailedToStart")
SECRET_ARN = re.compile(r"arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:[^:]+")


def gather(case: Case, clients: Clients) -> Findings:
    """Ask for all that the rules look at; never raises for what AWS answers.

    Each question is only put when an answer before it makes it worth while: a failing deploy explains itself
    in a second, and a role that may ask little is not refused a dozen times.
    """
    gaps, service = Gaps(), case.service
    state = gaps.unless(lambda: describe(service, clients), cast("ServiceTypeDef", {}))
    definition = gaps.unless(lambda: described(case.arn, clients), None) or {}
    stopped = gaps.unless(lambda: _tasks(service, "STOPPED", clients), NO_TASKS)
    ours = tuple(task for task in stopped if task.revision == case.arn)
    # running tasks only say something where none of ours stopped by itself
    runs = NO_TASKS if ours or gaps.lines else gaps.unless(lambda: _tasks(service, "RUNNING", clients), NO_TASKS)
    running = tuple(task for task in runs if task.revision == case.arn)
    log = read_log.read(definition, ours or running, gaps, clients)
    findings = Findings(
        case,
        definition,
        reason=_reason(state, case.arn),
        events=_events(state, case, definition),
        stopped=ours,
        running=running,
        replaced=tuple(task for task in stopped if task.revision != case.arn),
        lines=log.lines,
        log_group=log.group,
        log_group_missing=log.missing,
        log_unread=log.unread,
        log_cut=log.cut,
        grace=float(state.get("healthCheckGracePeriodSeconds", 0)),
        targets=gaps.unless(lambda: target_health.ask(state, clients), NO_TARGETS) if running else (),
        probe=_probe(f"{clients.target.app_url}{service.health_path}", clients) if case.asks_http else None,
        api=_api(definition, service, clients) if case.asks_http else None,
    )
    return _with_stores(findings, gaps, clients)


def failed_revision(service: Service, state: ServiceTypeDef, clients: Clients) -> str:
    """Return the revision that failed last: one ECS calls FAILED, else that of the last task that ended by itself.

    Empty where nothing failed since the running revision was deployed.

    Raises:
        AccessDeniedError: `ecs:ListTasks` or `ecs:DescribeTasks` is missing.
    """
    failed = [each for each in state.get("deployments", []) if each.get("rolloutState") == "FAILED"]
    newest = max((each.get("taskDefinition", "") for each in failed), key=_number, default="")
    if not newest:
        ended = (task.revision for task in _tasks(service, "STOPPED", clients) if task.code in FAILURE_CODES)
        newest = next(ended, "")
    return newest if _number(newest) >= _number(state["taskDefinition"]) else ""


def taken_back_revision(service: Service, state: ServiceTypeDef, clients: Clients) -> str:
    """Return the newest revision after the running one whose tasks ran and were stopped; empty for none.

    Raises:
        AccessDeniedError: `ecs:ListTasks` or `ecs:DescribeTasks` is missing.
    """
    ran = (task.revision for task in _tasks(service, "STOPPED", clients) if task.code not in FAILURE_CODES)
    newest = max(ran, key=_number, default="")
    return newest if _number(newest) > _number(state["taskDefinition"]) else ""


def _number(arn: str) -> int:
    """Return a revision's number, 0 for none."""
    number = arn.rpartition(":")[2]
    return int(number) if number.isdigit() else 0


def _with_stores(findings: Findings, gaps: Gaps, clients: Clients) -> Findings:
    """Add whether image and secrets exist, where the task could not be started."""
    told = findings.start_told
    missing: tuple[str, ...] = ()
    image = False
    if "secret" in told:
        missing = gaps.unless(lambda: _missing_secrets(findings.definition, clients), ())
    if "CannotPullContainer" in told or not (findings.stopped or findings.running):
        image = gaps.unless(lambda: _image_missing(findings, clients), otherwise=False)
    return replace(findings, missing_secrets=missing, image_missing=image, gaps=tuple(gaps.lines))


def _tasks(service: Service, desired: str, clients: Clients) -> tuple[Task, ...]:
    """Return the service's tasks, the newest first; ECS keeps stopped ones for about an hour."""
    with asking_aws("looking for its tasks"):
        found = ecs_tasks.listed(
            {
                "cluster": service.cluster,
                "serviceName": service.ecs_service,
                "desiredStatus": "STOPPED" if desired == "STOPPED" else "RUNNING",
            },
            clients,
        )
    newest = sorted(found, key=lambda task: task.get("stoppedAt") or task.get("createdAt") or _EVER, reverse=True)
    return tuple(_task(task, service) for task in newest)


_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def _task(task: TaskTypeDef, service: Service) -> Task:
    container = _telling(task.get("containers", []), service.container)
    told, ended = task.get("stoppingAt"), task.get("executionStoppedAt") or task.get("stoppedAt")
    return Task(
        id=task.get("taskArn", "").rpartition("/")[2],
        revision=task.get("taskDefinitionArn", ""),
        reason=task.get("stoppedReason", ""),
        code=task.get("stopCode", ""),
        container=container.get("name", service.container),
        container_reason=container.get("reason", ""),
        exit_code=container.get("exitCode"),
        health=task.get("healthStatus", ""),
        stopping=(ended - told).total_seconds() if told and ended else 0.0,
        started=task.get("startedAt"),
        ended=ended,
    )


def _telling(containers: list[ContainerTypeDef], own: str) -> ContainerTypeDef:
    """Return the container that failed, the service's own before another; else the service's own."""
    ranked = sorted(containers, key=lambda each: each.get("name") != own)
    failed = (each for each in ranked if each.get("exitCode") or each.get("reason"))
    nothing: ContainerTypeDef = {}
    return next(failed, next(iter(ranked), nothing))


def _reason(state: ServiceTypeDef, arn: str) -> str:
    found = (each for each in state.get("deployments", []) if each.get("taskDefinition") == arn)
    return next((each.get("rolloutStateReason", "") for each in found), "")


def _events(state: ServiceTypeDef, case: Case, definition: Mapping[str, Json]) -> tuple[str, ...]:
    """Return the newest events, without those from before the revision's deployment.

    Where its beginning was not handed on, and ECS no longer lists it, they are those since the revision was
    registered: it cannot have been deployed before.
    """
    own = [each.get("createdAt", _EVER) for each in state.get("deployments", []) if _is_of(each, case.arn)]
    registered = definition.get("registeredAt")
    began = case.since or max(own, default=registered if isinstance(registered, datetime) else _EVER)
    return tuple(each["message"] for each in state.get("events", []) if each["createdAt"] >= began)[:EVENTS]


def _is_of(deployment: DeploymentTypeDef, arn: str) -> bool:
    return deployment.get("taskDefinition") == arn


def _missing_secrets(definition: Mapping[str, Json], clients: Clients) -> tuple[str, ...]:
    """Return the names of the secrets that Secrets Manager does not know; their values are never asked for."""
    used = [
        str(as_object(secret).get("valueFrom", ""))
        for container in as_list(definition.get("containerDefinitions"))
        for secret in as_list(as_object(container).get("secrets"))
    ]
    arns = dict.fromkeys(found[0] for found in map(SECRET_ARN.match, used) if found)
    return tuple(arn.rpartition(":secret:")[2] for arn in arns if not _exists(arn, clients))


def _exists(arn: str, clients: Clients) -> bool:
    with asking_aws("asking whether its secrets exist"):
        try:
            return "DeletedDate" not in clients.secretsmanager.describe_secret(SecretId=arn)
        except clients.secretsmanager.exceptions.ResourceNotFoundException:
            return False


def _image_missing(findings: Findings, clients: Clients) -> bool:
    """Return whether the image is named in the service's repository, and is not in it."""
    service, image = findings.service, str(findings.container.get("image", ""))
    repository = f"{clients.target.registry}/{service.repository}"
    if not image.startswith(repository):
        return False
    rest = image.removeprefix(repository)
    name = {"imageDigest": rest[1:]} if rest.startswith("@") else {"imageTag": rest.removeprefix(":") or "latest"}
    with asking_aws("looking for its image"):
        try:
            answer = clients.ecr.batch_get_image(
                repositoryName=service.repository,
                imageIds=[
                    {"imageDigest": name["imageDigest"]}
                    if "imageDigest" in name
                    else {"imageTag": name["imageTag"]}
                ],
            )
        except clients.ecr.exceptions.ClientError as error:
            if error_code(error) in ("RepositoryNotFoundException", "ImageNotFoundException"):
                return True
            raise
    return not answer["images"]


def _probe(url: str, clients: Clients) -> Probe:
    answer = clients.http.get(url)
    return Probe(url, answer.status, answer.headers.get(VERSION_HEADER, ""), answer.problem)


def _api(definition: Mapping[str, Json], service: Service, clients: Clients) -> Probe | None:
    """Ask the API that a page is configured for, as the page does; None for a service without that variable."""
    environment = environment_of(definition, service.container)
    if API_VARIABLE not in environment:
        return None
    base = environment[API_VARIABLE].rstrip("/") or clients.target.app_url
    return _probe(f"{base}{API_HEALTH}", clients)
