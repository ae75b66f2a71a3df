"""The one place where an exception of boto3 or docker-py becomes a sentence with a remedy."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tasks.errors import DeployError, NotReadyError

if TYPE_CHECKING:
    from collections.abc import Iterator

# https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html and the SDK's own list of token errors
BAD_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "AuthFailure",
    "IncompleteSignature",
}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedException"}
THROTTLED = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}
ACTION = re.compile(r"not authorized to perform:? ([a-z0-9-]+:[A-Za-z]+)")


class CredentialsError(NotReadyError):
    """There are no AWS credentials, or they are no longer accepted."""

    def __init__(self, doing: str, problem: str) -> None:
        super().__init__(
            f"AWS credentials: {problem} (while {doing}).",
            fix="Log in again (aws sso login, or set AWS_PROFILE), then check with: aws sts get-caller-identity",
        )


class AccessDeniedError(NotReadyError):
    """The identity lacks a permission."""

    def __init__(self, doing: str, action: str) -> None:
        what = f"the permission {action} is missing" if action else "access was denied"
        super().__init__(
            f"AWS refused while {doing}: {what}.",
            fix=f"Allow {action or 'the action'} in the deploy role's policy.",
        )
        self.action = action


class ThrottledError(NotReadyError):
    """AWS has too many requests of this account, even after the SDK's own tries."""

    def __init__(self, doing: str) -> None:
        super().__init__(
            f"AWS is throttling requests (while {doing}), after several tries.",
            fix="Wait a minute, then run the command again; it goes on where it stopped.",
        )


class UnreachableError(NotReadyError):
    """AWS, or the embedded cloud, does not answer."""


class DockerUnavailableError(NotReadyError):
    """The Docker Engine does not answer, or not to this user."""


class EngineForbiddenError(DockerUnavailableError):
    """The Docker Engine does not let this user in."""

    def __init__(self, doing: str) -> None:
        super().__init__(
            f"This user may not use the Docker Engine (while {doing}).",
            fix="Add the user to the group docker (sudo usermod -aG docker $USER, then log in again).",
        )


class EngineHangsError(DockerUnavailableError):
    """The Docker Engine takes connections and does not answer."""

    def __init__(self, doing: str) -> None:
        super().__init__(
            f"The Docker Engine hangs: it takes a connection and does not answer (while {doing}).",
            fix="Restart it: Docker Desktop, or: sudo systemctl restart docker",
        )


@contextmanager
def asking_aws(doing: str, otherwise: type[DeployError] = NotReadyError) -> Iterator[None]:
    """Turn what boto3 raises into a `DeployError`.

    Args:
        doing: what is being done, to follow the word `while`.
        otherwise: the class for an answer that is about the request itself.
    """
    from botocore import exceptions as aws  # noqa: PLC0415 - only loaded with boto3 itself
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    no_credentials = (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError)
    expired = (aws.TokenRetrievalError, aws.SSOError, aws.ProfileNotFound, aws.LoginError)
    try:
        yield
    except no_credentials + expired as error:
        raise CredentialsError(doing, _first_line(error)) from error
    except aws.ClientError as error:
        raise _answered(error, doing, otherwise) from error
    except ResponseParserError as error:
        raise UnreachableError(
            f"What answered while {doing} is not AWS.", fix="Correct AWS_ENDPOINT_URL, or unset it."
        ) from error
    except (aws.HTTPClientError, aws.ConnectionError) as error:
        raise UnreachableError(
            f"No answer from AWS while {doing}: {_first_line(error)}.",
            fix="Check the network, AWS_REGION and AWS_ENDPOINT_URL; for the embedded cloud: ./inv local.status",
        ) from error


def error_code(error: Exception) -> str:
    """Return an AWS answer's error code, empty for another exception."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


@contextmanager
def asking_docker(doing: str, otherwise: type[DeployError] = NotReadyError) -> Iterator[None]:
    """Turn what docker-py raises into a `DeployError`; arguments as for `asking_aws`."""
    import requests  # noqa: PLC0415 - only loaded with docker-py itself
    from docker import errors as docker  # noqa: PLC0415

    try:
        yield
    except docker.APIError as error:
        raise otherwise(
            f"Docker answered while {doing}: {error.explanation or _first_line(error)}",
            fix="Fix what Docker says, then run the command again.",
        ) from error
    except (docker.DockerException, requests.RequestException) as error:
        raise docker_unavailable(error, doing) from error


def docker_unavailable(error: Exception, doing: str) -> DockerUnavailableError:
    """Say why no Docker Engine answers: not permitted, it hangs, or it does not run."""
    if "Permission denied" in str(error) or "PermissionError" in str(error):
        return EngineForbiddenError(doing)
    if "Read timed out" in str(error):
        return EngineHangsError(doing)
    return DockerUnavailableError(
        f"No Docker Engine answers (while {doing}).",
        fix="Start Docker (Docker Desktop, or: sudo systemctl start docker), or set DOCKER_HOST.",
    )


def _answered(error: Exception, doing: str, otherwise: type[DeployError]) -> DeployError:
    code, message = error_code(error), _first_line(error)
    if code in BAD_CREDENTIALS:
        return CredentialsError(doing, f"no longer accepted ({code})")
    if code in DENIED:
        action = ACTION.search(message)
        return AccessDeniedError(doing, action.group(1) if action else "")
    if code in THROTTLED:
        return ThrottledError(doing)
    return otherwise(f"AWS answered while {doing}: {message}", fix="Fix what AWS says, then run it again.")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
