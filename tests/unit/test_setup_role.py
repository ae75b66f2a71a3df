"""What of setup.aws the embedded IAM cannot show: an audience that must be added."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.stub import Stubber

from tasks.clients import Clients
from tasks.settings import load
from tasks.setup import aws, role
from tasks.setup.policies import ISSUER, Repository
from tests.support.models import LOCAL
from tests.support.project import HERE

if TYPE_CHECKING:
    from collections.abc import Iterator

ARN = f"arn:aws:iam::727646509464:oidc-provider/{ISSUER}"
NOTHING = role.Found(exists=False, trust={}, policies={}, attached=())


@pytest.fixture
def clients() -> Iterator[Clients]:
    """Connections whose IAM has the provider, made for somebody else's audience."""
    made = Clients(LOCAL)
    with Stubber(made.iam) as stub:
        stub.add_response(
            "get_open_id_connect_provider", {"ClientIDList": ["somebody"]}, {"OpenIDConnectProviderArn": ARN}
        )
        stub.add_response(
            "add_client_id_to_open_id_connect_provider",
            {},
            {"OpenIDConnectProviderArn": ARN, "ClientID": "sts.amazonaws.com"},
        )
        yield made
        stub.assert_no_pending_responses()


def test_an_audience_is_added_to_a_provider_that_is_there_and_the_others_stay(clients: Clients) -> None:
    wanted = aws.wanted(load(HERE, {}), Repository("siruscoder", "spryte"), with_diagnose=False)

    provider = role.plan(wanted, NOTHING, clients)[0]
    provider.apply()

    assert (provider.state, provider.lines) == ("change", ("+ audience sts.amazonaws.com",))
    assert provider.kept == ("audience somebody",)
