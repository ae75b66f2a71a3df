"""The account's side of a rehearsal, in the embedded cloud: provider, role and policies, as `aws/iam` says."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from tasks.documents import as_object
from tasks.errors import NotReadyError
from tasks.rehearsal import trust
from tasks.sdk_errors import asking_aws, error_code
from tasks.setup import policies

if TYPE_CHECKING:
    from tasks.clients import Clients
    from tasks.documents import Json
    from tasks.rehearsal.event import Event
    from tasks.settings import Settings
    from tasks.setup.policies import Repository

# https://github.com/aws-actions/configure-aws-credentials (role-session-name)
SESSION = "GitHubActions"
SETUP = "Set it up: ./inv setup.aws --target=aws (aws/iam/README.md says what it is)."


class RefusedError(NotReadyError):
    """STS does not let the run take the role."""

    def __init__(self, role: str, environment: str, evidence: tuple[str, ...]) -> None:
        fix = (
            f"Where runs of the Environment '{environment}' should be let in, set DEPLOY_ENVIRONMENT={environment}"
            " in .env: then rehearse, and ./inv setup.aws, give the role aws/iam/trust-policy-environment.json."
            if environment
            else "Where this run should be let in, correct the role's trust policy (aws/iam/README.md)."
        )
        what = f"Not authorized to perform sts:AssumeRoleWithWebIdentity on the role {_name(role)}."
        super().__init__(what, fix=fix, evidence=evidence)


class RoleMissingError(NotReadyError):
    """The role does not exist."""

    def __init__(self, role: str) -> None:
        what = f"Not authorized to perform sts:AssumeRoleWithWebIdentity: there is no role {_name(role)}."
        super().__init__(what, fix=SETUP)


class ProviderError(NotReadyError):
    """The account does not know GitHub, or not for this audience. AWS checks both; the embedded cloud does not."""


@dataclass(frozen=True)
class Request:
    """What the workflow asks STS for."""

    event: Event
    environment: str
    role: str
    audience: str


@dataclass(frozen=True)
class Session:
    """The role, taken for a while."""

    subjects: tuple[str, ...]
    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)


def ensure(settings: Settings, repository: Repository, environment: str, clients: Clients) -> None:
    """Make sure that provider, role, trust and deploy policy are in the account as `aws/iam` has them.

    Args:
        settings: the checkout whose `aws/iam` it is.
        repository: whose runs are let in.
        environment: the GitHub Environment that deploys run in, empty for none.
        clients: the embedded cloud, as its root.
    """
    known = policies.values(settings.target, repository, environment)
    trusted = json.dumps(policies.trust_policy(settings.root, known))
    allowed = json.dumps(policies.deploy_policy(settings.root, known))
    iam = clients.iam
    with asking_aws("setting up the deploy role"):
        with suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_open_id_connect_provider(Url=f"https://{policies.ISSUER}", ClientIDList=[policies.AUDIENCE])
        try:
            iam.create_role(RoleName=policies.ROLE, AssumeRolePolicyDocument=trusted)
        except iam.exceptions.EntityAlreadyExistsException:
            iam.update_assume_role_policy(RoleName=policies.ROLE, PolicyDocument=trusted)
        iam.put_role_policy(RoleName=policies.ROLE, PolicyName=policies.DEPLOY_POLICY, PolicyDocument=allowed)


def assume(request: Request, clients: Clients) -> Session:
    """Take the role, once with each form of the subject that GitHub may send; all of them must be let in.

    Raises:
        ProviderError: the account has no provider for GitHub, or not for this audience.
        RoleMissingError: there is no such role.
        RefusedError: the trust policy refuses the token; the evidence says by which condition.
    """
    _check_provider(request, clients)
    trusted = _trust_policy(request, clients)
    subjects = request.event.subjects(request.environment)
    taken = [_assume(request, subject, trusted, clients) for subject in subjects]
    return Session(subjects, *taken[0])


def missing(role: str, action: str, resource: str, clients: Clients) -> bool:
    """Return whether a role lacks an action, by SimulatePrincipalPolicy, which AWS answers too."""
    with asking_aws(f"simulating {action}"):
        answer = clients.iam.simulate_principal_policy(
            PolicySourceArn=role, ActionNames=[action], ResourceArns=[resource]
        )
    return any(each["EvalDecision"] != "allowed" for each in answer["EvaluationResults"])


def _assume(request: Request, subject: str, trusted: dict[str, Json], clients: Clients) -> tuple[str, str, str]:
    token = request.event.token(subject, request.audience, int(clients.wall_clock().timestamp()))
    with asking_aws("taking the deploy role"):
        try:
            given = clients.sts.assume_role_with_web_identity(
                RoleArn=request.role, RoleSessionName=SESSION, WebIdentityToken=token
            )["Credentials"]
        except clients.sts.exceptions.ClientError as error:
            if error_code(error) != "AccessDenied":
                raise
            evidence = trust.refusals(trusted, subject, request.audience)
            raise RefusedError(request.role, request.environment, evidence) from error
    return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]


def _name(role: str) -> str:
    """Return a role's name: its ARN is a secret, which the log masks."""
    return role.rpartition("/")[2]


def _check_provider(request: Request, clients: Clients) -> None:
    account = request.role.split(":")[4] if request.role.count(":") >= 5 else ""
    arn = f"arn:aws:iam::{account}:oidc-provider/{policies.ISSUER}"
    with asking_aws("looking for GitHub's OIDC provider"):
        try:
            audiences = clients.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"]
        except clients.iam.exceptions.NoSuchEntityException as error:
            what = f"No OpenIDConnect provider found in the account for https://{policies.ISSUER}."
            raise ProviderError(what, fix=SETUP) from error
    if request.audience not in audiences:
        raise ProviderError(
            f"Incorrect token audience: GitHub's OIDC provider is not for '{request.audience}'.",
            fix="Take `audience` out of the workflow, or add it to the provider and to the trust policy.",
            evidence=[f"aud: sent    '{request.audience}'", *(f"     allowed '{each}'" for each in audiences)],
        )


def _trust_policy(request: Request, clients: Clients) -> dict[str, Json]:
    with asking_aws("reading the role's trust policy"):
        try:
            role = clients.iam.get_role(RoleName=_name(request.role))["Role"]
        except clients.iam.exceptions.NoSuchEntityException as error:
            raise RoleMissingError(request.role) from error
    return as_object(cast("Json", role["AssumeRolePolicyDocument"]))  # botocore decodes it
