"""What is deployed, and where to: `invoke.yaml`, `.env` and the environment, validated before use."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tasks import variables
from tasks.documents import Document, Section, read_yaml
from tasks.errors import UsageError, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.variables import Variables

TargetName = Literal["local", "aws"]

SERVICE_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
LOCAL_LOAD_BALANCER = "spryte"


class UnknownServiceError(UsageError):
    """`--service` names nothing in `invoke.yaml`."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        what = f"There is no service '{name}'.{suggestion(name, known)}" if name else "No service was named."
        super().__init__(what, fix=f"Use --service={'|'.join(known)}|all, or several joined by commas.")


class UnknownTargetError(UsageError):
    """The target is neither `local` nor `aws`."""

    def __init__(self, name: str, place: str) -> None:
        what = f"{place}: '{name}' is not a target.{suggestion(name, ('local', 'aws'))}"
        super().__init__(what, fix="Use --target=local (the embedded cloud) or --target=aws.")


@dataclass(frozen=True)
class Service:
    """One deployable service: its folder in the repository and its names in AWS.

    `health_path` is what must answer 200; `first_count` the number of tasks that the first deploy starts.
    `base_images` maps each build argument of the Dockerfile to the stand-in that can fill it.
    """

    root: Path
    name: str
    folder: str
    template: str
    port: int
    health_path: str
    first_count: int
    base_images: Mapping[str, str]
    cluster: str
    ecs_service: str
    family: str
    container: str
    repository: str

    def variable(self, name: str) -> str:
        """Return the full name of one of the service's variables: `ECS_CLUSTER` -> `ECS_CLUSTER_BACKEND`."""
        return f"{name}_{variables.suffix(self.name)}"


@dataclass(frozen=True)
class Credentials:
    """A fixed key pair, only ever the embedded cloud's own; AWS credentials come from the SDK's chain."""

    access_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True)
class Target:
    """Where to: an account and region, or the embedded cloud that plays them. Stages only read its values.

    `default` is where a command without `--target` goes in this environment. `released_commits_only`: only pushed
    commits go there, and no version after a newer one; a rehearsal of it too.
    """

    name: TargetName
    account: str
    region: str
    registry: str
    app_url: str
    endpoint_url: str | None
    credentials: Credentials | None
    build_args: Mapping[str, str]
    default: str = "local"
    released_commits_only: bool = False

    @property
    def option(self) -> str:
        """What a command must say to act here, `--target=...`; empty where it does so by itself.

        Production is always named: what a GitHub run prints is copied to a laptop, where the default is another.
        """
        return f"--target={self.name}" if self.is_production or self.name != self.default else ""

    @property
    def is_production(self) -> bool:
        """Whether a change here reaches people: the target is AWS itself."""
        return self.name == "aws" and self.endpoint_url is None


@dataclass(frozen=True)
class Release:
    """The remote and branch a production deploy must come from."""

    remote: str
    branch: str


@dataclass(frozen=True)
class StandIns:
    """The Debian suite and packages each stand-in base image is made of."""

    suite: str
    packages: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Settings:
    """Everything read from the project's files and the environment."""

    root: Path
    document: Document
    variables: Variables
    target: Target
    release: Release
    stand_ins: StandIns
    local_port: int

    @property
    def state(self) -> Path:
        """The folder that holds the embedded cloud's state and logs; git ignores it."""
        return self.root / ".local"

    @property
    def service_names(self) -> tuple[str, ...]:
        """The services in the order in which they are released."""
        return tuple(self.document.section("services").data)

    def select(self, wanted: str) -> tuple[Service, ...]:
        """Return the services that `--service` names, in `invoke.yaml`'s order.

        Raises:
            UnknownServiceError: a name is not in `invoke.yaml`.
            DocumentError: an entry is malformed.
            MissingVariableError: names all of the services' variables that are set nowhere.
        """
        known = self.service_names
        names = known if wanted == "all" else tuple(name.strip() for name in wanted.split(","))
        for name in names:
            if name not in known:
                raise UnknownServiceError(name, known)
        self.variables.require(variables.of_services(name for name in known if name in names))
        return tuple(self._service(name) for name in known if name in names)

    def _service(self, name: str) -> Service:
        entry = self.document.section("services").section(name)
        entry.only("folder", "task_definition", "port", "health_path", "first_count", "base_images")
        health_path = entry.text("health_path")
        if not health_path.startswith("/"):
            raise entry.wrong("health_path", f"'{health_path}' does not start with '/'", "Write a URL path.")
        given = [self.variables.get(each, form) for each, form in variables.of_services([name]).items()]
        cluster, ecs_service, family, container, repository = given
        return Service(
            root=self.root,
            name=name,
            folder=entry.path("folder"),
            template=entry.path("task_definition"),
            port=_port(entry),
            health_path=health_path,
            first_count=entry.positive("first_count", 1),
            base_images=entry.texts_by_key("base_images"),
            cluster=cluster,
            ecs_service=ecs_service,
            family=family,
            container=container,
            repository=repository,
        )


def load(root: Path, environment: Mapping[str, str], target: str = "", services: str = "") -> Settings:
    """Read the project's settings.

    Args:
        root: the folder that holds `invoke.yaml`.
        environment: the process environment; it wins over `.env`.
        target: `local` or `aws`; empty for what `DEPLOY_TARGET` says.
        services: what `select` will be asked for: where one of the target's variables is missing, the error names
            also those of these services that are. Empty for none: then there may be no address yet.

    Raises:
        DocumentError: `invoke.yaml` or `.env` is missing or malformed (file, line, key).
        VariableError: a variable is missing or has the wrong form.
        UnknownTargetError: the target is neither `local` nor `aws`.
    """
    document = read_yaml(root / "invoke.yaml", "invoke.yaml")
    known = _service_names(document)
    values = variables.read(root, environment)
    chosen = _target_name(target, values)
    if chosen == "local":
        values = values.with_defaults(root / ".env.example")
    needed = variables.of_target(chosen, with_address=bool(services))
    if any(not values.values.get(name) for name in needed):
        named = known if services == "all" else [each.strip() for each in services.split(",")]
        values.require(needed | variables.of_services(name for name in known if name in named))
    port = int(values.get("LOCAL_PORT", variables.PORT, "4566"))
    return Settings(
        root=root,
        document=document,
        variables=values,
        target=_local(values, port) if chosen == "local" else _aws(values),
        release=_release(document),
        stand_ins=_stand_ins(document),
        local_port=port,
    )


def _target_name(option: str, values: Variables) -> TargetName:
    name = option or _default_target(values)
    if name == "local":
        return "local"
    if name == "aws":
        return "aws"
    raise UnknownTargetError(name, "--target" if option else values.place("DEPLOY_TARGET"))


def _default_target(values: Variables) -> str:
    return values.get("DEPLOY_TARGET", variables.ANYTHING, "local")


def _local(values: Variables, port: int) -> Target:
    return Target(
        name="local",
        account=values.get("AWS_ACCOUNT_ID", variables.ACCOUNT),
        region=values.get("AWS_REGION", variables.REGION),
        registry=f"localhost:{port}",
        app_url=f"http://{LOCAL_LOAD_BALANCER}.alb.localhost:{port}",
        endpoint_url=f"http://127.0.0.1:{port}",
        credentials=Credentials("test", "test"),
        build_args=values.base_images(),
        default=_default_target(values),
    )


def _aws(values: Variables) -> Target:
    account = values.get("AWS_ACCOUNT_ID", variables.ACCOUNT)
    region = values.get("AWS_REGION", variables.REGION)
    return Target(
        name="aws",
        account=account,
        region=region,
        registry=values.get("ECR_REGISTRY", variables.HOST, f"{account}.dkr.ecr.{region}.amazonaws.com"),
        app_url=values.get("APP_URL", variables.URL, "").rstrip("/"),
        endpoint_url=values.get("AWS_ENDPOINT_URL", variables.URL, "") or None,
        credentials=None,
        build_args=values.base_images(),
        default=_default_target(values),
        released_commits_only=True,
    )


def misspelled(root: Path) -> tuple[str, ...]:
    """Return a line for each name in `.env` that looks like one of ours; raises as `load` does for the files."""
    document = read_yaml(root / "invoke.yaml", "invoke.yaml")
    known = (*variables.TARGET, *variables.OTHERS, *variables.of_services(_service_names(document)))
    return variables.misspelled(root, known)


def _service_names(document: Document) -> list[str]:
    services = document.section("services")
    if not services.data:
        raise document.wrong("services", "names no service", "Add an entry for each service.")
    names = list(map(str, services.data))  # YAML reads 1 as a number and `on` as true
    for name in names:
        if not SERVICE_NAME.fullmatch(name) or name == "all":
            raise services.wrong(name, "cannot be a service's name", "Use a-z, 0-9 and '-'; not 'all'.")
    return names


def _release(document: Document) -> Release:
    entry = document.section("release")
    entry.only("remote", "branch")
    return Release(entry.text("remote"), entry.text("branch"))


def _stand_ins(document: Document) -> StandIns:
    entry = document.section("stand_ins")
    entry.only("suite", "images")
    images = entry.section("images")
    return StandIns(entry.text("suite"), {name: images.texts(name) for name in images.data})


def _port(entry: Section) -> int:
    port = entry.number("port")
    if not variables.PORT.pattern.fullmatch(str(port)):
        raise entry.wrong("port", f"{port} is not {variables.PORT.words}", "Write the container's port.")
    return port
