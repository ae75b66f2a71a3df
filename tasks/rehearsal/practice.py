"""rehearse --failure: a failure provoked for real on the embedded cloud, explained, and the good version back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from tasks.clients import Clients
from tasks.commands import point_error
from tasks.documents import as_list, as_object
from tasks.embedded import cloud
from tasks.errors import DeployError, NotReadyError, UsageError, suggestion
from tasks.rehearsal.defects import FAILURES, NOT_HERE, Broken
from tasks.release import pipeline, smoke
from tasks.release.image import Image
from tasks.release.registry import PushedImage
from tasks.release.service_state import NeverDeployedError, deployed_version, running
from tasks.release.source import Source
from tasks.release.task_definition import (
    COMMIT_VARIABLE,
    VERSION_VARIABLE,
    Revision,
    described,
    environment_of,
)
from tasks.report import Outcome
from tasks.sdk_errors import asking_aws

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import RegisterTaskDefinitionRequestTypeDef

    from tasks.command import Work
    from tasks.documents import Json
    from tasks.report import Report
    from tasks.settings import Service

# What DescribeTaskDefinition adds to what was registered:
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html
REGISTERED = {
    "family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "volumes",
    "requiresCompatibilities", "cpu", "memory", "runtimePlatform",
}  # fmt: skip
VERSION = "0.0.0"
TIMEOUT = 20.0


class PracticeError(UsageError):
    """There is no such failure to practise, or not here."""

    def __init__(self, failure: str) -> None:
        why = NOT_HERE.get(failure)
        what = (
            f"{failure} is not practised this way on the embedded cloud: {why}"
            if why
            else f"There is no failure '{failure}'.{suggestion(failure, tuple(FAILURES))}"
        )
        super().__init__(what, fix=f"Use --failure={'|'.join(FAILURES)}; docs/failures.md describes them all.")


class OtherServiceError(UsageError):
    """The failure is one of another service."""

    def __init__(self, failure: str, service: str, asked: str) -> None:
        super().__init__(
            f"{failure} is practised on {service}, not on {asked}.",
            fix=f"Use --service={service}, or leave it out.",
        )


class NotLocalError(UsageError):
    """Nobody practises in production."""

    def __init__(self) -> None:
        super().__init__("A failure is only practised on the embedded cloud.", fix="Leave --target=aws out.")


class NotNamedError(NotReadyError):
    """The failure came, and was taken for another one, or did not come at all."""

    def __init__(self, failure: str, problem: str) -> None:
        super().__init__(f"Practising {failure}: {problem}", fix="Look: ./inv status; ./inv diagnose")


@dataclass(frozen=True)
class Practice:
    """What was practised: the failure as a deploy tells it, seconds from update to end, what serves now."""

    error: DeployError
    seconds: float
    serving: str


def practise(work: Work, failure: str) -> Outcome:
    """Deploy a throw-away version that fails in the way named, show it, and prove that the good one serves.

    Raises:
        PracticeError, OtherServiceError, NotLocalError: it cannot be practised.
        NeverDeployedError: there is no good version to come back to.
        NotNamedError: the diagnosis names another cause, or the version came up.
    """
    if failure not in FAILURES:
        raise PracticeError(failure)
    settings = work.settings
    if settings.target.name != "local":
        raise NotLocalError
    broken = FAILURES[failure]
    service = _service(broken, work)
    clients = Clients(settings.target)
    cloud.require_running(settings)
    good = deployed_version(service, clients)
    if not good:
        raise NeverDeployedError(service)
    done = _provoke(service, broken, clients, work.report)
    point_error(done.error, settings.target)
    work.report.error(done.error)
    if f"docs/failures.md#{failure})" not in "\n".join(done.error.evidence):
        raise NotNamedError(failure, f"the cause was told as: {done.error.evidence[:1]}")
    return _told(failure, service, good, done)


def _service(broken: Broken, work: Work) -> Service:
    """Return the service that is to fail: a failure is a defect in what one of them is."""
    asked = work.options.service
    known = work.settings.select("all")
    service = next((each for each in known if each.name == broken.service), known[0])
    if asked not in ("", service.name):
        raise OtherServiceError(broken.name, service.name, asked)
    return service


def _provoke(service: Service, broken: Broken, clients: Clients, report: Report) -> Practice:
    revision = register_broken(service, broken, clients)
    options = pipeline.DeployOptions(TIMEOUT, force=False, roll_back=True)
    began = clients.clock()
    try:
        pipeline.deploy(revision, clients, report, options)
    except DeployError as error:
        seconds = clients.clock() - began
        with report.stage(service.name, "verify"):
            serving = smoke.verify(smoke.Expected(service, deployed_version(service, clients)), clients, report)
        return Practice(error, seconds, serving.version)
    raise NotNamedError(broken.name, "the version came up all the same.")


def register_broken(service: Service, broken: Broken, clients: Clients) -> Revision:
    """Register the running definition with the defect in it, as version 0.0.0.

    Raises:
        NotReadyError: AWS refuses, or does not answer.
    """
    state = running(service, clients)
    definition = described(state.arn, clients) or {}
    commit = environment_of(definition, service.container).get(COMMIT_VARIABLE, "")
    defective = broken.apply(_versioned(definition, service), service)
    with asking_aws("registering the defective task definition"):
        request = cast("RegisterTaskDefinitionRequestTypeDef", defective)
        arn = clients.ecs.register_task_definition(**request)["taskDefinition"]["taskDefinitionArn"]
    source = Source(service, VERSION, commit, "", dirty=True)
    pushed = PushedImage(Image(source, "", "", 0, reused=True), service.repository, "", ())
    return Revision(pushed, arn, reused=False)


def _versioned(definition: dict[str, Json], service: Service) -> dict[str, Json]:
    kept: dict[str, Json] = {key: value for key, value in definition.items() if key in REGISTERED and value}
    for container in map(as_object, as_list(kept["containerDefinitions"])):
        for variable in map(as_object, as_list(container.get("environment"))):
            if container.get("name") == service.container and variable.get("name") == VERSION_VARIABLE:
                variable["value"] = VERSION
    return kept


def _told(failure: str, service: Service, good: str, done: Practice) -> Outcome:
    serves = "as before" if done.serving == good else f"not {good}, which ran before"
    document: dict[str, Json] = {
        "service": service.name,
        "failure": failure,
        "message": str(done.error),
        "evidence": list(done.error.evidence),
        "next_step": done.error.fix,
        "deploy_exit_code": done.error.exit_code,
        "seconds": round(done.seconds, 1),
        "serving": done.serving,
    }
    lines = (
        f"practised {failure}: it was named, and version {done.serving} serves ({serves})",
        f"{done.seconds:.1f} s from the update to the end; a deploy ends with exit code {done.error.exit_code}",
    )
    return Outcome(document, lines)
