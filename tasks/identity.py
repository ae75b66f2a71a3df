"""Whose AWS credentials these are: the account meant, before anything else is asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.errors import NotReadyError
from tasks.sdk_errors import asking_aws

if TYPE_CHECKING:
    from tasks.clients import Clients


class WrongAccountError(NotReadyError):
    """The credentials belong to another account than the one meant."""

    def __init__(self, found: str, wanted: str) -> None:
        super().__init__(
            f"The AWS credentials belong to account {found}; AWS_ACCOUNT_ID is {wanted}.",
            fix="Choose the right profile (AWS_PROFILE), or correct AWS_ACCOUNT_ID.",
        )


def check(clients: Clients) -> str:
    """Compare the account of the credentials with the one meant, and return their ARN.

    Raises:
        CredentialsError: there are none, or they expired.
        WrongAccountError: they belong to another account.
    """
    with asking_aws("asking who the credentials belong to"):
        caller = clients.sts.get_caller_identity()
    if caller["Account"] != clients.target.account:
        raise WrongAccountError(caller["Account"], clients.target.account)
    return caller["Arn"]
