"""The deploy role as it is and as it should be: the steps that lead from one to the other, each applied alone."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, cast

from tasks.sdk_errors import AccessDeniedError, asking_aws
from tasks.setup import statements
from tasks.setup.policies import AUDIENCE, DEPLOY_POLICY, DIAGNOSE_POLICY, ISSUER, ROLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tasks.clients import Clients
    from tasks.documents import Json

State = Literal["exists", "create", "change"]
DESCRIPTION = "Deploys Spryte from GitHub Actions"


class NotAdministratorError(AccessDeniedError):
    """The identity may not do what the set-up needs."""

    def __init__(self, doing: str, action: str) -> None:
        super().__init__(doing, action)
        self.fix = "This needs somebody who may administer IAM: set AWS_PROFILE to such an identity."


@dataclass(frozen=True)
class Wanted:
    """The role as it should be; `diagnose` None leaves the read-only policy out, unless it is there already."""

    trust: dict[str, Json]
    deploy: dict[str, Json]
    diagnose: dict[str, Json]
    with_diagnose: bool


@dataclass(frozen=True)
class Step:
    """One thing: what state it is in, what would change, and what is there beyond it and stays."""

    what: str
    state: State
    lines: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    apply: Callable[[], None] = lambda: None

    @property
    def differs(self) -> bool:
        """Whether it is not as it should be; what is there beyond it counts."""
        return self.state != "exists" or bool(self.kept)


@dataclass(frozen=True)
class Found:
    """The role as it is; `trust` and `policies` are empty where there is none."""

    exists: bool
    trust: Mapping[str, Json]
    policies: Mapping[str, Mapping[str, Json]]
    attached: tuple[str, ...]


@contextmanager
def asking_iam(doing: str) -> Iterator[None]:
    """Turn what IAM refuses into errors for the person who sets things up; `doing` as for `asking_aws`."""
    try:
        with asking_aws(doing):
            yield
    except AccessDeniedError as error:
        raise NotAdministratorError(doing, error.action) from error


def look(clients: Clients) -> Found:
    """Read the role with everything in it; raises `NotReadyError`."""
    with asking_iam(f"reading the role {ROLE}"):
        try:
            role = clients.iam.get_role(RoleName=ROLE)["Role"]
        except clients.iam.exceptions.NoSuchEntityException:
            return Found(exists=False, trust={}, policies={}, attached=())
        inline = clients.iam.get_paginator("list_role_policies").paginate(RoleName=ROLE)
        names = [name for page in inline for name in page["PolicyNames"]]
        policies = {name: _policy(name, clients) for name in names}
        listed = clients.iam.get_paginator("list_attached_role_policies").paginate(RoleName=ROLE)
        attached = [each for page in listed for each in page["AttachedPolicies"]]
    trust = cast("dict[str, Json]", role.get("AssumeRolePolicyDocument", {}))
    arns = tuple(each.get("PolicyArn", "") for each in attached)
    return Found(exists=True, trust=trust, policies=policies, attached=arns)


def plan(wanted: Wanted, found: Found, clients: Clients) -> list[Step]:
    """Return every step, also those for what is there already; nothing is changed yet.

    Raises:
        NotReadyError: IAM does not answer.
        NotAdministratorError: it may not be asked.
    """
    steps = [_provider(clients), _role(wanted, found, clients)]
    steps.append(_inline(DEPLOY_POLICY, wanted.deploy, found, clients))
    if wanted.with_diagnose or DIAGNOSE_POLICY in found.policies:
        steps.append(_inline(DIAGNOSE_POLICY, wanted.diagnose, found, clients))
    return steps


def _provider(clients: Clients) -> Step:
    """https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws."""
    what = f"OIDC provider {ISSUER}"
    arn = f"arn:aws:iam::{clients.target.account}:oidc-provider/{ISSUER}"
    with asking_iam(f"reading the {what}"):
        try:
            audiences = clients.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"]
        except clients.iam.exceptions.NoSuchEntityException:
            lines = (f"+ audience {AUDIENCE}",)
            return Step(what, "create", lines, apply=partial(_create_provider, clients))
    kept = tuple(f"audience {each}" for each in audiences if each != AUDIENCE)
    if AUDIENCE in audiences:
        return Step(what, "exists", kept=kept)
    return Step(what, "change", (f"+ audience {AUDIENCE}",), kept, partial(_add_audience, arn, clients))


def _role(wanted: Wanted, found: Found, clients: Clients) -> Step:
    what = f"role {ROLE}"
    compared = statements.compare(found.trust, wanted.trust)
    expected = {DEPLOY_POLICY, DIAGNOSE_POLICY}
    others = [f"inline policy {each}" for each in found.policies if each not in expected]
    kept = (*compared.kept, *others, *(f"attached policy {each}" for each in found.attached))
    if not found.exists:
        return Step(what, "create", compared.differences, apply=partial(_create_role, compared.merged, clients))
    if not compared.differences:
        return Step(what, "exists", kept=kept)
    return Step(what, "change", compared.differences, kept, partial(_change_trust, compared.merged, clients))


def _inline(name: str, wanted: Mapping[str, Json], found: Found, clients: Clients) -> Step:
    what = f"inline policy {name}"
    compared = statements.compare(found.policies.get(name, {}), wanted)
    if name in found.policies and not compared.differences:
        return Step(what, "exists", kept=compared.kept)
    state: State = "change" if name in found.policies else "create"
    return Step(what, state, compared.differences, compared.kept, partial(_put, name, compared.merged, clients))


def _policy(name: str, clients: Clients) -> dict[str, Json]:
    answer = clients.iam.get_role_policy(RoleName=ROLE, PolicyName=name)
    return cast("dict[str, Json]", answer["PolicyDocument"])


def _create_provider(clients: Clients) -> None:
    # AWS knows GitHub's certificate authorities by itself, so no thumbprint is given:
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html
    with asking_iam(f"creating the OIDC provider {ISSUER}"):
        clients.iam.create_open_id_connect_provider(Url=f"https://{ISSUER}", ClientIDList=[AUDIENCE])


def _add_audience(arn: str, clients: Clients) -> None:
    with asking_iam(f"adding the audience {AUDIENCE} to the OIDC provider"):
        clients.iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID=AUDIENCE)


def _create_role(trust: Mapping[str, Json], clients: Clients) -> None:
    with asking_iam(f"creating the role {ROLE}"):
        clients.iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trust), Description=DESCRIPTION)


def _change_trust(trust: Mapping[str, Json], clients: Clients) -> None:
    with asking_iam(f"changing the trust policy of {ROLE}"):
        clients.iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(trust))


def _put(name: str, policy: Mapping[str, Json], clients: Clients) -> None:
    with asking_iam(f"writing the inline policy {name}"):
        clients.iam.put_role_policy(RoleName=ROLE, PolicyName=name, PolicyDocument=json.dumps(policy))
