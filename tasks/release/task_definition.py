"""register: PushedImage -> Revision. The template rendered, checked, and registered unless it exists."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from tasks.documents import Document, as_list, as_object, read_json
from tasks.errors import RegisterError, UsageError, suggestion
from tasks.release import fargate
from tasks.release.difference import comparable, differences
from tasks.sdk_errors import asking_aws, error_code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_ecs.type_defs import RegisterTaskDefinitionRequestTypeDef

    from tasks.clients import Clients
    from tasks.documents import Json
    from tasks.release.registry import PushedImage
    from tasks.report import Report
    from tasks.settings import Service, Target

PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
COMPLETE_SECRET = re.compile(r"(arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:[^:]+)-[A-Za-z0-9]{6}(:.*)?")
VERSION_VARIABLE = "APP_VERSION"
COMMIT_VARIABLE = "APP_COMMIT"
VERSION_LABEL = "org.opencontainers.image.version"
COMMIT_LABEL = "org.opencontainers.image.revision"


class InvalidDefinitionError(UsageError):
    """The task definition does not fit RegisterTaskDefinition's input."""

    def __init__(self, template: str, problems: list[str]) -> None:
        super().__init__(
            f"{template}: does not fit RegisterTaskDefinition: {problems[0]}",
            fix="Correct the template; nothing was sent to AWS.",
            evidence=problems[1:],
        )


@dataclass(frozen=True)
class Template:
    """A service's task definition template, checked: its container is there, its placeholders are known."""

    service: Service
    document: Document

    @property
    def definition(self) -> Mapping[str, Json]:
        """The template as it stands in the file."""
        return self.document.data


@dataclass(frozen=True)
class Identity:
    """What the rendered definition says about itself: the image it runs, its version and its commit.

    `secrets` maps the ARN that a template names to the complete one, where that is known.
    """

    image: str
    version: str
    commit: str
    secrets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Revision:
    """A registered task definition; `reused` when the same content was registered before.

    `changes` says what it changes in the newest revision before it, a line each. `definition` is its content.
    """

    pushed: PushedImage
    arn: str
    reused: bool
    changes: tuple[str, ...] = ()
    definition: Mapping[str, Json] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """`family:number`, as the console shows it."""
        return self.arn.rpartition("/")[2]


def load_template(service: Service, target: Target) -> Template:
    """Read and check a service's template.

    Raises:
        DocumentError: malformed, another family, no such container, unknown placeholder, a size that Fargate does
            not have (file, line, key).
        InvalidDefinitionError: it does not fit RegisterTaskDefinition.
    """
    document = read_json(service.root / service.template, service.template)
    family = document.data.get("family")
    if family != service.family:
        is_what = "missing" if family is None else repr(family)
        raise document.wrong(
            "family",
            f"is {is_what}, but {service.variable('ECS_TASK_DEFINITION')} says '{service.family}'",
            "Make them match.",
        )
    _container_index(document, service)
    template = Template(service, document)
    render(template, Identity("repository@sha256:0", "0.0.0", "0"), target)
    _validate(template)
    fargate.require_size(document)
    return template


def render(template: Template, identity: Identity, target: Target) -> dict[str, Json]:
    """Return the definition to register: a pure function of template, identity and target.

    Account and region are filled in everywhere; the service's container gets the image, and the version and
    commit as environment variables and Docker labels.
    """
    document, service = template.document, template.service
    values = {"AWS_ACCOUNT_ID": target.account, "AWS_REGION": target.region}
    rendered = as_object(_filled(document, dict(document.data), "", values))
    container = as_object(as_list(rendered["containerDefinitions"])[_container_index(document, service)])
    container["image"] = identity.image
    mine = {VERSION_VARIABLE: identity.version, COMMIT_VARIABLE: identity.commit}
    others = [
        each
        for each in as_list(container.get("environment") or [])
        if not (isinstance(each, dict) and each.get("name") in mine)
    ]
    own: list[Json] = [{"name": name, "value": value} for name, value in mine.items()]
    container["environment"] = [*others, *own]
    labels = as_object(container.get("dockerLabels") or {})
    container["dockerLabels"] = {**labels, VERSION_LABEL: identity.version, COMMIT_LABEL: identity.commit}
    for secret in map(as_object, as_list(container.get("secrets") or [])):
        reference = str(secret.get("valueFrom"))
        secret["valueFrom"] = identity.secrets.get(reference, reference)
    return rendered


def register(pushed: PushedImage, clients: Clients, report: Report) -> Revision:
    """Register the definition for a pushed image, or return the revision that has the same content.

    Raises:
        RegisterError: AWS refused the definition, for example for a role that does not exist.
        AccessDeniedError: `ecs:RegisterTaskDefinition` or `iam:PassRole` is missing.
    """
    source = pushed.image.source
    template = load_template(source.service, clients.target)
    existing = described(source.service.family, clients)
    identity = Identity(pushed.reference, source.version, source.tag, complete_secrets(existing or {}))
    definition = render(template, identity, clients.target)
    if existing and comparable(existing) == comparable(definition):
        arn = str(existing["taskDefinitionArn"])
        report.say(f"{arn.rpartition('/')[2]} has this content already")
        return Revision(pushed, arn, reused=True, definition=definition)
    with asking_aws("registering the task definition", RegisterError):
        # validated against botocore's own model in load_template
        request = cast("RegisterTaskDefinitionRequestTypeDef", definition)
        answer = clients.ecs.register_task_definition(**request)
    changes = differences(existing, definition) if existing else ()
    arn = answer["taskDefinition"]["taskDefinitionArn"]
    report.say(f"registered {arn.rpartition('/')[2]}")
    return Revision(pushed, arn, reused=False, changes=changes, definition=definition)


def described(reference: str, clients: Clients) -> dict[str, Json] | None:
    """Return a task definition by family, `family:number` or ARN; None when AWS knows none."""
    with asking_aws(f"reading the task definition {reference}"):
        try:
            answer = clients.ecs.describe_task_definition(taskDefinition=reference)
        except clients.ecs.exceptions.ClientException as error:
            if error_code(error) == "ClientException":  # AWS: "Unable to describe task definition."
                return None
            raise
    return cast("dict[str, Json]", answer["taskDefinition"])


def complete_secrets(definition: Mapping[str, Json]) -> dict[str, str]:
    """Return the complete secret ARNs a registered definition uses, by the ARN without its random end.

    Secrets Manager appends a hyphen and six characters. A template cannot know them, and a name that itself
    ends that way (`spryte/jwt-secret`) is only found by its complete ARN:
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
    """
    used = [
        str(as_object(secret).get("valueFrom", ""))
        for container in as_list(definition.get("containerDefinitions") or [])
        for secret in as_list(as_object(container).get("secrets") or [])
    ]
    return {f"{found[1]}{found[2] or ''}": found[0] for found in map(COMPLETE_SECRET.fullmatch, used) if found}


def environment_of(definition: Mapping[str, Json], container: str) -> dict[str, str]:
    """Return a container's plain environment variables by name."""
    pairs = map(as_object, as_list(_container(definition, container).get("environment")))
    return {str(pair.get("name")): str(pair.get("value", "")) for pair in pairs}


def log_stream_of(definition: Mapping[str, Json], container: str, task: str) -> tuple[str, str]:
    """Return the log group and stream of a task's container, both empty where it does not use awslogs.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html (awslogs-stream-prefix)
    """
    configuration = as_object(_container(definition, container).get("logConfiguration"))
    options = as_object(configuration.get("options"))
    if configuration.get("logDriver") != "awslogs" or not options.get("awslogs-stream-prefix"):
        return "", ""
    return str(options.get("awslogs-group", "")), f"{options['awslogs-stream-prefix']}/{container}/{task}"


def _container(definition: Mapping[str, Json], name: str) -> dict[str, Json]:
    found = map(as_object, as_list(definition.get("containerDefinitions")))
    return next((each for each in found if each.get("name") == name), {})


def _filled(document: Document, value: Json, key: str, values: Mapping[str, str]) -> Json:
    if isinstance(value, dict):
        return {name: _filled(document, each, f"{key}.{name}".lstrip("."), values) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(document, each, f"{key}.{index}", values) for index, each in enumerate(value)]
    if not isinstance(value, str):
        return value
    for name in PLACEHOLDER.findall(value):
        if name not in values:
            raise document.wrong(
                key,
                f"${{{name}}} is not a known placeholder.{suggestion(name, tuple(values))}",
                f"Known: {', '.join(f'${{{known}}}' for known in values)}.",
            )
    return PLACEHOLDER.sub(lambda found: values[found[1]], value)


def _container_index(document: Document, service: Service) -> int:
    containers = document.data.get("containerDefinitions")
    names = [str(each.get("name")) for each in as_list(containers or []) if isinstance(each, dict)]
    if service.container not in names:
        raise document.wrong(
            "containerDefinitions",
            f"has no container '{service.container}' (it has: {', '.join(names) or 'none'}).",
            f"Correct the name there, or {service.variable('ECS_CONTAINER_NAME')}.",
        )
    return names.index(service.container)


def _validate(template: Template) -> None:
    """Check the template itself: rendering skips what has the wrong shape, and would hide it."""
    from botocore.loaders import create_loader  # noqa: PLC0415 - `inv --list` must not pay for it
    from botocore.model import ServiceModel  # noqa: PLC0415
    from botocore.validate import ParamValidator  # noqa: PLC0415

    # not through a session: it would read the person's profile
    model = ServiceModel(create_loader().load_service_model("ecs", "service-2"), "ecs")
    shape = model.operation_model("RegisterTaskDefinition").input_shape
    if shape is None:  # the model always has one; the type does not say so
        return
    found = ParamValidator().validate(dict(template.definition), shape)
    if found.has_errors():
        raise InvalidDefinitionError(template.service.template, found.generate_report().splitlines())
