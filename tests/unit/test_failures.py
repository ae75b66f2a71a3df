"""What AWS and Docker raise becomes one sentence with a remedy and an exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import docker
import pytest
from botocore import exceptions as aws
from botocore.config import Config
from docker.errors import DockerException

from tasks.errors import BuildError, DeployError, NotReadyError, PushError
from tasks.sdk_errors import (
    AccessDeniedError,
    CredentialsError,
    DockerUnavailableError,
    UnreachableError,
    asking_aws,
    asking_docker,
    docker_unavailable,
)
from tests.support.fakes import session
from tests.support.project import free_port
from tests.support.web import Page, serving

if TYPE_CHECKING:
    from tests.support.fakes import StubbedClients


def told(error: Exception) -> DeployError:
    """Return what is made of an exception of boto3."""
    with pytest.raises(DeployError) as caught, asking_aws("counting"):
        raise error
    assert caught.value.__cause__ is error
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        aws.NoCredentialsError(),
        aws.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        aws.ProfileNotFound(profile="spryte"),
        aws.UnauthorizedSSOTokenError(),
        aws.SSOTokenLoadError(error_msg="no token"),
        aws.TokenRetrievalError(provider="sso", error_msg="expired"),
        aws.CredentialRetrievalError(provider="sso", error_msg="expired"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_absent_credentials_are_told_with_how_to_log_in(error: Exception) -> None:
    found = told(error)
    assert isinstance(found, CredentialsError)
    assert str(found).startswith("AWS credentials: ")
    assert str(found).endswith(" (while counting).")
    assert "aws sso login" in found.fix
    assert "aws sts get-caller-identity" in found.fix
    assert found.exit_code == 3


@pytest.mark.parametrize(
    "code", ["ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException",
             "SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure", "IncompleteSignature"],
)  # fmt: skip
def test_credentials_that_are_no_longer_accepted_are_told(clients: StubbedClients, code: str) -> None:
    clients.sts_stub.add_client_error("get_caller_identity", code, "The security token is expired")
    with pytest.raises(CredentialsError) as caught, asking_aws("counting"):
        clients.sts.get_caller_identity()
    assert str(caught.value) == f"AWS credentials: no longer accepted ({code}) (while counting)."


@pytest.mark.parametrize(
    ("message", "action"),
    [
        ("x is not authorized to perform: ecs:UpdateService on y: no policy allows it", "ecs:UpdateService"),
        ("x is not authorized to perform: ecr-public:GetAuthorizationToken", "ecr-public:GetAuthorizationToken"),
        ("User: x is not authorized to perform iam:PassRole on y", "iam:PassRole"),
    ],
)  # fmt: skip
def test_a_missing_permission_is_named(clients: StubbedClients, message: str, action: str) -> None:
    clients.sts_stub.add_client_error("get_caller_identity", "AccessDeniedException", message)
    with pytest.raises(AccessDeniedError) as caught, asking_aws("counting"):
        clients.sts.get_caller_identity()
    assert str(caught.value) == f"AWS refused while counting: the permission {action} is missing."
    assert caught.value.fix == f"Allow {action} in the deploy role's policy."
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("code", ["AccessDenied", "UnauthorizedOperation"])
def test_a_refusal_without_a_name_is_told_without_one(clients: StubbedClients, code: str) -> None:
    clients.sts_stub.add_client_error("get_caller_identity", code, "Access Denied")
    with pytest.raises(AccessDeniedError) as caught, asking_aws("counting"):
        clients.sts.get_caller_identity()
    assert str(caught.value) == "AWS refused while counting: access was denied."


@pytest.mark.parametrize("code", ["Throttling", "ThrottlingException", "TooManyRequestsException"])
def test_throttling_is_told_with_patience(clients: StubbedClients, code: str) -> None:
    clients.sts_stub.add_client_error("get_caller_identity", code, "Rate exceeded")
    with pytest.raises(NotReadyError) as caught, asking_aws("counting"):
        clients.sts.get_caller_identity()
    assert str(caught.value) == "AWS is throttling requests (while counting), after several tries."
    assert "Wait a minute" in caught.value.fix


def test_another_answer_is_told_in_its_words_as_the_stages_own_error(clients: StubbedClients) -> None:
    clients.sts_stub.add_client_error("get_caller_identity", "ValidationError", "Too long\nby two")
    with pytest.raises(PushError) as caught, asking_aws("counting", PushError):
        clients.sts.get_caller_identity()
    assert str(caught.value).startswith("AWS answered while counting: ")
    assert str(caught.value).endswith("Too long")
    assert caught.value.exit_code == 5


def test_denied_and_expired_are_never_called_the_stages_own_error(clients: StubbedClients) -> None:
    clients.sts_stub.add_client_error("get_caller_identity", "ExpiredToken", "expired")
    with pytest.raises(CredentialsError), asking_aws("counting", PushError):
        clients.sts.get_caller_identity()


def test_an_endpoint_that_does_not_answer_is_told() -> None:
    once = Config(retries={"total_max_attempts": 1})
    sts = session().client("sts", endpoint_url=f"http://127.0.0.1:{free_port()}", config=once)
    with pytest.raises(UnreachableError) as caught, asking_aws("counting"):
        sts.get_caller_identity()
    assert str(caught.value).startswith("No answer from AWS while counting: Could not connect to the endpoint URL")
    assert "AWS_ENDPOINT_URL" in caught.value.fix
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("status", [200, 404])
def test_an_endpoint_that_is_not_aws_is_told(status: int) -> None:
    once = Config(retries={"total_max_attempts": 1})
    with serving(lambda _: Page(status, {"Content-Type": "text/html"}, "<html><p>Hello</html>")) as site:
        sts = session().client("sts", endpoint_url=site.url, config=once)
        with pytest.raises(UnreachableError, match="AWS"), asking_aws("counting"):
            sts.get_caller_identity()


def test_an_answer_that_takes_too_long_is_told() -> None:
    found = told(aws.ReadTimeoutError(endpoint_url="https://ecs.us-east-2.amazonaws.com/"))
    assert isinstance(found, UnreachableError)
    assert "https://ecs.us-east-2.amazonaws.com/" in str(found)


def test_a_defect_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), asking_aws("counting"), asking_docker("counting"):
        _ = 1 / 0


def test_our_own_errors_pass_unchanged() -> None:
    mine = BuildError("mine", fix="")
    with pytest.raises(BuildError) as caught, asking_aws("counting"), asking_docker("counting"):
        raise mine
    assert caught.value is mine


def test_docker_that_does_not_run_is_told() -> None:
    with pytest.raises(DockerUnavailableError) as caught, asking_docker("looking"):
        docker.DockerClient(base_url=f"tcp://127.0.0.1:{free_port()}")
    assert str(caught.value) == "No Docker Engine answers (while looking)."
    assert "sudo systemctl start docker" in caught.value.fix
    assert "DOCKER_HOST" in caught.value.fix
    assert caught.value.exit_code == 3


def test_docker_that_went_away_is_told() -> None:
    client = docker.DockerClient(base_url=f"tcp://127.0.0.1:{free_port()}", version="1.41")
    with pytest.raises(DockerUnavailableError), asking_docker("looking"):
        client.ping()
    client.close()


def test_docker_that_this_user_may_not_use_is_told() -> None:
    error = DockerException(
        "Error while fetching server API version: "
        "('Connection aborted.', PermissionError(13, 'Permission denied'))"
    )
    found = docker_unavailable(error, "looking")
    assert str(found) == "This user may not use the Docker Engine (while looking)."
    assert "usermod -aG docker" in found.fix


def test_what_docker_answers_is_told_in_its_words_as_the_stages_own_error() -> None:
    page = Page(500, {"Content-Type": "application/json"}, '{"message": "no space left"}')
    with serving(lambda _: page) as site:
        client = docker.DockerClient(base_url=f"tcp://127.0.0.1:{site.port}", version="1.41")
        with pytest.raises(BuildError) as caught, asking_docker("building", BuildError):
            client.ping()
        client.close()
    assert str(caught.value) == "Docker answered while building: no space left"
    assert caught.value.exit_code == 4
