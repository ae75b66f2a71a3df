"""What the container's environment says, checked as a whole before anything listens."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

EXIT_CODE = 78
"""Exit status of a container that refuses its environment: ``EX_CONFIG`` of sysexits.h."""

REQUIRED = ("MONGODB_URI", "JWT_SECRET_KEY", "OPENAI_API_KEY")

_LABEL = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,127}")
_LABEL_FORM = "1 to 128 of the characters A-Z a-z 0-9 . _ + -, the first a letter or digit"
_WORKERS = re.compile(r"[1-9]|[12][0-9]|3[0-2]")
_WORKERS_FORM = "a whole number from 1 to 32"


class ConfigurationError(Exception):
    """The environment cannot be served with; its text is one line that holds no values."""

    def __init__(self, missing: list[str], malformed: Mapping[str, str]) -> None:
        parts = [f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set"] if missing else []
        parts += [f"{name} must be {form}" for name, form in malformed.items()]
        super().__init__(
            f"spryte-backend cannot start: {'; '.join(parts)}. Correct the container's environment "
            "(on ECS, secrets and environment in the task definition) and start it again."
        )


@dataclass(frozen=True)
class Configuration:
    """The settings that the service reads; secrets are only checked for presence and not kept.

    Attributes:
        version: What every response names in X-App-Version.
        commit: What every response names in X-App-Commit.
        workers: Number of worker processes.
    """

    version: str
    commit: str
    workers: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Configuration":
        """Reads and checks all variables, so that one refusal names everything that is wrong.

        Args:
            environment: Variable names and values; an empty value counts as not set.

        Returns:
            The checked configuration.

        Raises:
            ConfigurationError: A variable is missing or malformed.
        """
        version = environment.get("APP_VERSION") or "unversioned"
        commit = environment.get("APP_COMMIT") or "unknown"
        workers = environment.get("WEB_CONCURRENCY") or "2"
        missing = [name for name in REQUIRED if not environment.get(name, "").strip()]
        checks = (
            ("APP_VERSION", version, _LABEL, _LABEL_FORM),
            ("APP_COMMIT", commit, _LABEL, _LABEL_FORM),
            ("WEB_CONCURRENCY", workers, _WORKERS, _WORKERS_FORM),
        )
        malformed = {name: form for name, value, pattern, form in checks if not pattern.fullmatch(value)}
        if missing or malformed:
            raise ConfigurationError(missing, malformed)
        return cls(version, commit, int(workers))
