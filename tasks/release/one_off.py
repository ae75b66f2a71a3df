"""One command in a service's image, network and secrets; its log streamed, its exit code returned."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tasks.errors import DeployError, DeploymentFailedError, GaveUpWaitingError, StoppedByUserError, UsageError
from tasks.masking import mask
from tasks.release.log_reader import NoLogError, Tail, log_of
from tasks.sdk_errors import ThrottledError, UnreachableError, asking_aws

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_ecs.type_defs import RunTaskRequestTypeDef, ServiceTypeDef, TaskTypeDef

    from tasks.clients import Clients
    from tasks.release.revisions import Registered
    from tasks.report import Report
    from tasks.settings import Service

POLL_SECONDS = 1.0
STARTED_BY = "spryte-run"
CLOCKS_APART = timedelta(minutes=5)  # this machine's and the cloud's; the task's stream is its own
LAST_WORDS_SECONDS = 3.0  # the log driver sends its last lines after the container has ended
# DescribeTasks may not know a task yet that RunTask has just started:
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
DESCRIBED_WITHIN_SECONDS = 60.0
SERVER_ERROR = 500

QUOTED = re.compile(r"""\\.|'[^']*'|"(?:\\.|[^"\\])*\"""", re.S)
OPERATOR = re.compile(r"(?:^|\s)(\d?[<>]\S*|\S*?(?:[;<>]|&&|\|\||\||&))(?=\s|$)")
NAMED_COMMAND = re.compile(r"(executable file not found|no such file or directory|permission denied)", re.I)
# Docker's answer where a container whose command could not be started is made a second time
NAME_TAKEN = re.compile(r"container name .*already in use", re.I)


class CommandError(UsageError):
    """`--command` cannot be split into words."""

    def __init__(self, text: str, problem: str) -> None:
        what = f"'{mask(text)}' cannot be split into words: {problem}." if text else "No command was given."
        super().__init__(what, fix="Quote it as one value: \"python3 -m spryte.migrate --to '0 1'\".")


class ShellOperatorError(UsageError):
    """`--command` is written for a shell, and none is involved."""

    def __init__(self, command: str, operator: str) -> None:
        super().__init__(
            f"'{mask(operator)}' in '{mask(command)}' is for a shell, and no shell is involved: "
            "the program would be given it as a word.",
            fix="Use a shell: \"sh -c '...'\". A word that is meant as it stands is quoted.",
        )


class OneServiceError(UsageError):
    """A command runs in one service."""

    def __init__(self) -> None:
        super().__init__("A command runs in one service.", fix="Name one, for example --service=backend.")


class NotStartedError(DeploymentFailedError):
    """The task did not come as far as running the command."""

    def __init__(self, revision: Registered, reason: str, evidence: tuple[str, ...] = ()) -> None:
        fix = "Fix the cause, then run it again."
        if NAMED_COMMAND.search(reason) or NAME_TAKEN.search(reason):
            fix = "The command may not be in the image. No shell is involved: one is \"sh -c '...'\"."
        super().__init__(
            f"The command was not run in {revision.label}: {reason}",
            fix=fix,
            evidence=evidence,
        )


class CommandTooLongError(GaveUpWaitingError):
    """The limit given by `--timeout` passed."""

    def __init__(self, task: str, seconds: float, service: Service) -> None:
        super().__init__(
            f"The command did not end within {seconds:.0f} s; its task {task} still runs.",
            fix=f"Wait longer with --timeout=SECONDS, or stop it: aws ecs stop-task --cluster {service.cluster} "
            f"--task {task}. An image whose ENTRYPOINT ignores its arguments never runs the command: ECS can "
            "replace a command, not an entry point.",
        )


class LostTaskError(GaveUpWaitingError):
    """The task was started, and ECS does not say what became of it."""

    def __init__(self, task: str, service: Service) -> None:
        super().__init__(
            f"ECS started the task {task} and has not described it for {DESCRIBED_WITHIN_SECONDS:.0f} s: "
            "it may run all the same, or have run.",
            fix=f"Look before you run it again: aws ecs describe-tasks --cluster {service.cluster} --tasks {task}",
        )


@dataclass(frozen=True)
class Command:
    """What is to be run, in which revision; `timeout` in seconds, `write` takes each line of its output."""

    revision: Registered
    words: tuple[str, ...]
    timeout: float
    write: Callable[[str], None]


@dataclass(frozen=True)
class Ended:
    """A command that ran to its end."""

    task: str
    exit_code: int


def execute(command: Command, service: ServiceTypeDef, clients: Clients, report: Report) -> Ended:
    """Start a task like the service's own, with another command, and follow it to its end.

    A deploy that runs a migration first calls this with the revision it registered, before UpdateService.

    Args:
        command: what to run, in which revision.
        service: the service as DescribeServices answers it: its network, launch type and platform are used.
        clients: the connections.
        report: who hears which task it is.

    Raises:
        NotStartedError: no task, or it ended without an exit code.
        CommandTooLongError: the limit passed; the task is left running.
        LostTaskError: ECS does not describe the task it started.
        AccessDeniedError: `ecs:RunTask`, `ecs:DescribeTasks` or `iam:PassRole` is missing.
        DeployError: AWS did not say any more what became of the task; names it, as it may still run.
    """
    arn = _start(command, service, clients)
    task = arn.rpartition("/")[2]
    report.say(f"task {task} in {command.revision.label}")
    try:
        stopped = _follow(command, arn, clients, _Output(command, arn, clients, report))
    except KeyboardInterrupt as error:
        raise StoppedByUserError(
            f"Interrupted; the task {task} goes on.",
            fix=f"Stop it: aws ecs stop-task --cluster {command.revision.service.cluster} --task {task}",
        ) from error
    name = command.revision.service.container
    ours = [each for each in stopped.get("containers", []) if each.get("name") == name]
    exit_code = ours[0].get("exitCode") if ours else None
    if exit_code is None:
        reasons = [stopped.get("stoppedReason", ""), *(each.get("reason", "") for each in ours)]
        raise NotStartedError(command.revision, " ".join(filter(None, reasons)) or "ECS gives no reason.")
    return Ended(task, exit_code)


def split(command: str) -> tuple[str, ...]:
    """Return a command's words as a shell would split them, without one.

    Raises:
        CommandError: it is empty, or a quote is open.
        ShellOperatorError: an operator such as `;` or `|` is unquoted, and a word of its own or the end of one.
    """
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise CommandError(command, str(error).lower()) from error
    if not words:
        raise CommandError("", "")
    if found := OPERATOR.search(QUOTED.sub("_", command)):
        raise ShellOperatorError(command, found[1].lstrip("_"))
    return words


def _start(command: Command, service: ServiceTypeDef, clients: Clients) -> str:
    revision = command.revision
    request: RunTaskRequestTypeDef = {
        "cluster": revision.service.cluster,
        "taskDefinition": revision.arn,
        "count": 1,
        "startedBy": STARTED_BY,
        "overrides": {"containerOverrides": [{"name": revision.service.container, "command": [*command.words]}]},
    }
    if network := service.get("networkConfiguration"):
        request["networkConfiguration"] = network
    if strategy := service.get("capacityProviderStrategy"):
        request["capacityProviderStrategy"] = strategy
    elif launch := service.get("launchType"):
        request["launchType"] = launch
    if platform := service.get("platformVersion"):
        request["platformVersion"] = platform
    with asking_aws(f"starting a task of {revision.name}"):
        answer = clients.ecs.run_task(**request)
    if not answer["tasks"]:
        failures = tuple(
            f"{each.get('reason', '')} {each.get('detail', '')}".strip() for each in answer["failures"]
        )
        raise NotStartedError(revision, "ECS started no task.", failures)
    return answer["tasks"][0].get("taskArn", "")


class _Output:
    """What the command writes, passed on as it comes; where it cannot be read, that is said once."""

    def __init__(self, command: Command, arn: str, clients: Clients, report: Report) -> None:
        self._command = command
        self._report = report
        self._tail: Tail | None = None
        try:
            log, task = log_of(command.revision), arn.rpartition("/")[2]
            self._tail = Tail([log], clients.wall_clock() - CLOCKS_APART, clients, task)
        except NoLogError as error:
            report.say(f"its output is not shown: {error}")

    def pass_on(self) -> None:
        """Write what is new."""
        if self._tail is None:
            return
        try:
            for line in self._tail.new():
                self._command.write(line.text)
        except DeployError as error:
            self._tail = None
            self._report.say(f"its output is not shown: {error}")


def _follow(command: Command, arn: str, clients: Clients, output: _Output) -> TaskTypeDef:
    """Return the task as it stopped; what AWS fails to answer for a while is asked again until the deadline."""
    task, service = arn.rpartition("/")[2], command.revision.service
    described = clients.clock()
    deadline = described + command.timeout
    while True:
        found, unanswered = _look(arn, service, clients)
        if found and found.get("lastStatus") == "STOPPED":
            clients.sleep(LAST_WORDS_SECONDS)
            output.pass_on()
            return found
        output.pass_on()
        described = clients.clock() if found or unanswered else described
        if clients.clock() - described >= DESCRIBED_WITHIN_SECONDS:
            raise LostTaskError(task, service)
        if clients.clock() > deadline:
            raise _may_still_run(unanswered, arn, service) or CommandTooLongError(task, command.timeout, service)
        clients.sleep(POLL_SECONDS)


def _look(arn: str, service: Service, clients: Clients) -> tuple[TaskTypeDef | None, DeployError | None]:
    """Return the task as far as ECS knows it, or why that is not known for now; raises what will not pass."""
    try:
        with asking_aws("looking at the task"):
            found = clients.ecs.describe_tasks(cluster=service.cluster, tasks=[arn])["tasks"]
    except DeployError as error:
        if passes(error):
            return None, error
        _may_still_run(error, arn, service)
        raise
    return (found[0] if found else None), None


def passes(error: DeployError) -> bool:
    """Return whether AWS may well answer the same question a moment later."""
    if isinstance(error, ThrottledError | UnreachableError):
        return True
    response = getattr(error.__cause__, "response", None)
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) if isinstance(response, dict) else 0
    return isinstance(status, int) and status >= SERVER_ERROR


def _may_still_run(error: DeployError | None, arn: str, service: Service) -> DeployError | None:
    """Let an error about a task say that the task goes on, instead of asking for a second one."""
    if error is not None:
        task = arn.rpartition("/")[2]
        error.add_evidence(f"The task {task} may still run: it was started, and nothing stopped it.")
        error.fix = (
            f"Do not run the command again before you looked: aws ecs describe-tasks --cluster {service.cluster} "
            f"--tasks {task}; or stop it: aws ecs stop-task --cluster {service.cluster} --task {task}"
        )
    return error
