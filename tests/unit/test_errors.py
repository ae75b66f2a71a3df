"""The errors and the exit codes that docs/architecture.md promises."""

from __future__ import annotations

import pytest

from tasks import errors
from tasks.documents import DocumentError
from tasks.git import GitError
from tasks.identity import WrongAccountError
from tasks.release.git_tag import TagUsedError
from tasks.release.image import FailedStepError, WrongPlatformError
from tasks.release.registry import NoDigestError, RepositoryMissingError
from tasks.release.rollout import RolloutFailedError, TookTooLongError
from tasks.release.service_state import DeploymentInProgressError, NothingRunsError, ServiceMissingError
from tasks.release.smoke import NotServingError
from tasks.release.task_definition import InvalidDefinitionError
from tasks.release.version import VersionMovedError, VersionUsedError
from tasks.sdk_errors import AccessDeniedError, CredentialsError, DockerUnavailableError, UnreachableError
from tasks.settings import UnknownServiceError, UnknownTargetError
from tasks.variables import MissingVariableError, VariableError
from tasks.version_number import VersionError

CODES: dict[int, tuple[type[errors.DeployError], ...]] = {
    1: (errors.DeployError,),
    2: (
        errors.UsageError,
        DocumentError,
        InvalidDefinitionError,
        MissingVariableError,
        UnknownServiceError,
        UnknownTargetError,
        VariableError,
        VersionError,
    ),
    3: (
        errors.NotReadyError,
        AccessDeniedError,
        CredentialsError,
        DeploymentInProgressError,
        DockerUnavailableError,
        GitError,
        NothingRunsError,
        RepositoryMissingError,
        ServiceMissingError,
        TagUsedError,
        UnreachableError,
        WrongAccountError,
    ),
    4: (errors.BuildError, FailedStepError, WrongPlatformError),
    5: (errors.PushError, NoDigestError, VersionMovedError, VersionUsedError),
    6: (errors.RegisterError,),
    7: (errors.DeploymentFailedError, RolloutFailedError),
    8: (errors.GaveUpWaitingError, TookTooLongError),
    9: (errors.SmokeTestError, NotServingError),
    10: (errors.SupersededError,),
    130: (errors.StoppedByUserError,),
}


@pytest.mark.parametrize("code", CODES)
def test_exit_code(code: int) -> None:
    assert {kind.__name__: kind.exit_code for kind in CODES[code]} == {kind.__name__: code for kind in CODES[code]}


def test_the_name_for_machines_is_the_class_without_error() -> None:
    assert VersionError("x").kind == "Version"
    assert UnknownServiceError("x", ("backend",)).kind == "UnknownService"


def test_what_became_known_later_is_added_to_the_evidence() -> None:
    error = errors.BuildError("it failed", fix="fix it", evidence=["first"])
    error.add_evidence("second", "third")
    assert error.evidence == ("first", "second", "third")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("backned", " Did you mean 'backend'?"),
        ("BACKEND", " Did you mean 'backend'?"),
        ("app_url", " Did you mean 'APP_URL'?"),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_a_near_miss_gets_a_suggestion_and_another_name_none(wrong: str, told: str) -> None:
    assert errors.suggestion(wrong, ("backend", "frontend", "APP_URL")) == told
