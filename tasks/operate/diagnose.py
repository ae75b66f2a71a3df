"""What a failed deployment's own tasks say: why they stopped, with which exit code, and their last words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.errors import DeployError
from tasks.failures import AccessDeniedError, asking_aws
from tasks.release.task_definition import described, log_stream_of

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import TaskTypeDef

    from tasks.clients import Clients
    from tasks.settings import Service

LAST_LINES = 10


def evidence(service: Service, arn: str, clients: Clients) -> tuple[str, ...]:
    """Return what can be learned of the newest stopped task of a revision.

    The deploy role need not be allowed to ask; then one line names the missing permission. Never raises for
    what AWS answers: this explains a failure, and must not hide it.
    """
    try:
        stopped = _newest_stopped(service, arn, clients)
        return (*_reasons(stopped), *_last_words(service, stopped, clients)) if stopped else ()
    except AccessDeniedError as error:
        return (f"why its tasks stopped is not shown: the permission {error.action} is missing",)
    except DeployError as error:
        return (f"why its tasks stopped could not be asked: {error}",)


def _newest_stopped(service: Service, arn: str, clients: Clients) -> TaskTypeDef | None:
    with asking_aws("looking for stopped tasks"):
        arns = clients.ecs.list_tasks(
            cluster=service.cluster, serviceName=service.ecs_service, desiredStatus="STOPPED"
        )["taskArns"]
        if not arns:
            return None
        tasks = clients.ecs.describe_tasks(cluster=service.cluster, tasks=arns)["tasks"]
    ours = [task for task in tasks if task.get("taskDefinitionArn") == arn and task.get("stoppedAt")]
    return max(ours, key=lambda task: task["stoppedAt"]) if ours else None


def _reasons(task: TaskTypeDef) -> list[str]:
    lines = [f"task {_id(task)} stopped: {task.get('stoppedReason', 'no reason given')}"]
    for container in task.get("containers", []):
        if container.get("exitCode") is not None:
            lines.append(f"container {container.get('name')} ended with exit code {container.get('exitCode')}")
        if container.get("reason"):
            lines.append(f"container {container.get('name')}: {container.get('reason')}")
    return lines


def _last_words(service: Service, task: TaskTypeDef, clients: Clients) -> list[str]:
    definition = described(task["taskDefinitionArn"], clients) or {}
    group, stream = log_stream_of(definition, service.container, _id(task))
    if not group:
        return []
    with asking_aws(f"reading the log {group}"):
        try:
            events = clients.logs.get_log_events(
                logGroupName=group, logStreamName=stream, limit=LAST_LINES, startFromHead=False
            )["events"]
        except clients.logs.exceptions.ResourceNotFoundException:
            return [f"it wrote nothing to {group}"]
    return [f"log: {event.get('message', '').rstrip()}" for event in events]


def _id(task: TaskTypeDef) -> str:
    return task.get("taskArn", "").rpartition("/")[2]
