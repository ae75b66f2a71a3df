"""exec: a shell, or another command, inside a running task, where ECS Exec is on."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from tasks.errors import NotReadyError
from tasks.release import ecs_tasks
from tasks.release.one_off import OneServiceError
from tasks.release.service_state import describe
from tasks.report import Outcome
from tasks.sdk_errors import asking_aws

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import TaskTypeDef

    from tasks.clients import Clients
    from tasks.command import Work
    from tasks.settings import Service, Target

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html (prerequisites)
PROGRAMS = {
    "aws": "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html",
    "session-manager-plugin": "https://docs.aws.amazon.com/systems-manager/latest/userguide/"
    "session-manager-working-with-install-plugin.html",
}


class ProgramMissingError(NotReadyError):
    """The terminal of ECS Exec is made by two programs of AWS, and one is not there."""

    def __init__(self, program: str) -> None:
        super().__init__(f"{program} is not installed; ECS Exec needs it.", fix=f"Install it: {PROGRAMS[program]}")


class ExecIsOffError(NotReadyError):
    """Nothing runs that ECS Exec can enter."""

    def __init__(self, service: Service, problem: str) -> None:
        super().__init__(
            f"{service.ecs_service}: {problem}",
            fix=f"aws ecs update-service --cluster {service.cluster} --service {service.ecs_service} "
            "--enable-execute-command --force-new-deployment; the task role needs the four ssmmessages actions of "
            "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html#ecs-exec-required-iam-permissions",
        )


def enter(work: Work, *, command: str) -> Outcome:
    """Open a session in the newest running task; its exit code is the session's.

    Raises:
        ProgramMissingError: the AWS CLI or its Session Manager plugin is not installed.
        ExecIsOffError: ECS Exec is off, or no task runs that was started with it.
        AccessDeniedError: `ecs:ListTasks` or `ecs:DescribeTasks` is missing.
    """
    if len(work.services) != 1:
        raise OneServiceError
    service, target = work.services[0], work.settings.target
    for program in PROGRAMS:
        if not shutil.which(program):
            raise ProgramMissingError(program)
    clients = work.connect()
    task = newest_task(service, clients)
    if target.is_production:
        work.confirm(f"This runs '{command}' in a task of {service.ecs_service}, in production. Go on?")
    arguments = arguments_for(service, task, command, target)
    code = subprocess.run(arguments, env=_environment(target), check=False).returncode
    return Outcome({"ok": code == 0, "service": service.name, "task": task, "exit_code": code}, (), code)


def arguments_for(service: Service, task: str, command: str, target: Target) -> tuple[str, ...]:
    """Return the AWS CLI's command line for a session."""
    endpoint = ("--endpoint-url", target.endpoint_url) if target.endpoint_url else ()
    place = ("--region", target.region, "--cluster", service.cluster, "--task", task)
    container = ("--container", service.container, "--interactive", "--command", command)
    return ("aws", "ecs", "execute-command", *endpoint, *place, *container)


def newest_task(service: Service, clients: Clients) -> str:
    """Return the id of the newest running task that a session can be opened in; raises as `enter`."""
    if not describe(service, clients).get("enableExecuteCommand"):
        raise ExecIsOffError(service, "ECS Exec is off.")
    with asking_aws(f"looking for tasks of {service.ecs_service}"):
        tasks = ecs_tasks.listed({"cluster": service.cluster, "serviceName": service.ecs_service}, clients)
    able = [task for task in tasks if task.get("enableExecuteCommand") and task.get("lastStatus") == "RUNNING"]
    if not able:
        raise ExecIsOffError(service, f"none of its {len(tasks)} tasks was started with ECS Exec on.")
    return max(able, key=_started).get("taskArn", "").rpartition("/")[2]


def _started(task: TaskTypeDef) -> float:
    started = task.get("startedAt")
    return started.timestamp() if started else 0.0


def _environment(target: Target) -> dict[str, str]:
    given = target.credentials
    if given is None:
        return dict(os.environ)
    return {**os.environ, "AWS_ACCESS_KEY_ID": given.access_key, "AWS_SECRET_ACCESS_KEY": given.secret_key}
