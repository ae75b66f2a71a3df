"""Variables from the process environment and `.env`, checked for their form, traced to where they were set."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dotenv.parser import parse_stream

from tasks.documents import DocumentError, read_text
from tasks.errors import UsageError, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Form:
    """What a variable must look like, as a pattern and in words."""

    pattern: re.Pattern[str]
    words: str


ANYTHING = Form(re.compile(r".*", re.DOTALL), "a text")
ACCOUNT = Form(re.compile(r"[0-9]{12}"), "an account number of 12 digits")
REGION = Form(re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]"), "a region such as us-east-2")
PORT_NUMBER = r"(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
PORT = Form(re.compile(PORT_NUMBER), "a port number, 1 to 65535")
URL = Form(
    re.compile(rf"https?://[A-Za-z0-9.-]+(:{PORT_NUMBER})?/?"), "an address such as https://spryte.example.com"
)
HOST = Form(re.compile(rf"[A-Za-z0-9.-]+(:{PORT_NUMBER})?"), "a host, with or without a port")
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html (serviceName)
ECS_NAME = Form(re.compile(r"[A-Za-z0-9_-]{1,255}"), "a name of letters, digits, '-' and '_'")
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html (repositoryName)
REPOSITORY = Form(
    re.compile(r"([a-z0-9]+([._-][a-z0-9]+)*/)*[a-z0-9]+([._-][a-z0-9]+)*"),
    "a repository name in lower case",
)


# What a target needs, and what each service does: `ECS_CLUSTER` is ECS_CLUSTER_BACKEND for the backend.
TARGET = {"AWS_ACCOUNT_ID": ACCOUNT, "AWS_REGION": REGION, "APP_URL": URL}
SERVICE = {
    "ECS_CLUSTER": ECS_NAME,
    "ECS_SERVICE": ECS_NAME,
    "ECS_TASK_DEFINITION": ECS_NAME,
    "ECS_CONTAINER_NAME": ECS_NAME,
    "ECR_REPOSITORY": REPOSITORY,
}
OTHERS = (
    "DEPLOY_TARGET", "LOCAL_PORT", "ECR_REGISTRY", "AWS_ENDPOINT_URL", "DEPLOY_ENVIRONMENT", "GITHUB_REPOSITORY",
    "GITHUB_REPOSITORY_OWNER_ID", "GITHUB_REPOSITORY_ID", "PYTHON_IMAGE", "NODE_IMAGE", "NGINX_IMAGE",
)  # fmt: skip
# Names close to ours that AWS and GitHub themselves give.
THEIRS = re.compile(r"AWS_ENDPOINT_URL_.+|GITHUB_REPOSITORY_OWNER")
# APP_URLS is as close as that to APP_URL, and API_URL, which another program may well read, is not.
CLOSE = 0.88


class VariableError(UsageError):
    """A variable has the wrong form."""

    def __init__(self, place: str, value: str, words: str) -> None:
        # an address may hold a password
        shown = "the value (not shown, for the @ in it)" if "@" in value else f"'{value}'"
        super().__init__(f"{place}: {shown} is not {words}.", fix="Correct the value there.")


class MissingVariableError(UsageError):
    """Variables are set neither in the environment nor in `.env`."""

    def __init__(self, missing: Mapping[str, Form]) -> None:
        *others, last = missing
        place = "in the environment or in .env; .env.example explains each variable."
        if not others:
            super().__init__(f"The variable {last} is not set.", fix=f"Set it to {missing[last].words}, {place}")
            return
        super().__init__(
            f"The variables {', '.join(others)} and {last} are not set.",
            fix=f"Set them {place}",
            evidence=[f"{name}: {form.words}" for name, form in missing.items()],
        )


@dataclass(frozen=True)
class Variables:
    """Values by name, and for each the place it came from."""

    values: Mapping[str, str]
    places: Mapping[str, str]

    def get(self, name: str, form: Form, default: str | None = None) -> str:
        """Return a variable; an empty one counts as not set.

        Raises:
            MissingVariableError: it is not set and has no default.
            VariableError: it does not have the form.
        """
        value = self.values.get(name, "")
        if not value:
            if default is None:
                raise MissingVariableError({name: form})
            return default
        if not form.pattern.fullmatch(value):
            raise VariableError(self.place(name), value, form.words)
        return value

    def require(self, wanted: Mapping[str, Form]) -> None:
        """Insist that variables are set; raises one `MissingVariableError` that names all that are not."""
        missing = {name: form for name, form in wanted.items() if not self.values.get(name)}
        if missing:
            raise MissingVariableError(missing)

    def place(self, name: str) -> str:
        """Return where a variable was set, for messages: `.env:7: NAME` or `NAME in the environment`."""
        return self.places.get(name, name)

    def base_images(self) -> dict[str, str]:
        """Return the non-empty variables that may name a base image (`..._IMAGE`)."""
        return {name: value for name, value in self.values.items() if name.endswith("_IMAGE") and value}

    def with_defaults(self, path: Path) -> Variables:
        """Return these variables with those of a dotenv file where nothing else set them."""
        below = _dotenv(path) if path.exists() else Variables({}, {})
        above = {name: value for name, value in self.values.items() if value}
        places = {name: place for name, place in self.places.items() if name in above}
        return replace(self, values={**below.values, **above}, places={**below.places, **places})


def read(root: Path, environment: Mapping[str, str]) -> Variables:
    """Read `.env` beside `invoke.yaml`, if there is one, under the process environment.

    Raises:
        DocumentError: a line of `.env` is not `NAME=value`.
    """
    outer = Variables(environment, {name: f"{name} in the environment" for name in environment})
    return outer.with_defaults(root / ".env")


def of_target(target: str, *, with_address: bool) -> dict[str, Form]:
    """Return what a target cannot do without; the embedded cloud makes its own address."""
    asked = target == "aws" and with_address
    return {name: form for name, form in TARGET.items() if asked or name != "APP_URL"}


def of_services(services: Iterable[str]) -> dict[str, Form]:
    """Return the names of services' variables with their forms, each service's in the order of `SERVICE`."""
    return {f"{name}_{suffix(each)}": form for each in services for name, form in SERVICE.items()}


def suffix(service: str) -> str:
    """Return how a service's variables end: `job-runner` is JOB_RUNNER."""
    return service.upper().replace("-", "_")


def misspelled(root: Path, known: Sequence[str]) -> tuple[str, ...]:
    """Return a line for each name in `.env` that looks like a known one; its value is not shown.

    Any other name stays unmentioned: people keep what other programs read in `.env`. Raises as `read` does.
    """
    path = root / ".env"
    places = _dotenv(path).places if path.exists() else {}
    strange = [name for name in places if name not in known and not THEIRS.fullmatch(name)]
    told = ((name, _meant(name, known)) for name in strange)
    return tuple(f"{places[name]} is no variable of this project.{meant}" for name, meant in told if meant)


def _meant(name: str, known: Sequence[str]) -> str:
    # letters in another order are a slip however short the name is
    swapped = [each for each in known if sorted(each) == sorted(name.upper())]
    return suggestion(name, swapped) or suggestion(name, known, CLOSE)


def _dotenv(path: Path) -> Variables:
    values: dict[str, str] = {}
    places: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(read_text(path, path.name))):
        written = binding.original.string  # with the blank lines before it
        line = binding.original.line + written[: len(written) - len(written.lstrip())].count("\n")
        if binding.error or (binding.key and binding.value is None):
            raise DocumentError(
                f"{path.name}:{line}", "is not NAME=value", "Write NAME=value, or # before a comment."
            )
        if binding.key:
            values[binding.key] = binding.value or ""
            places[binding.key] = f"{path.name}:{line}: {binding.key}"
    return Variables(values, places)
