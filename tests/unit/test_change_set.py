"""A change of a stack is waited for from its own beginning: an answer from before it is no verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.stub import Stubber

from tasks.change_set import ChangeSet, StackError, execute
from tests.support.fakes import StubbedClients
from tests.support.models import BEGAN

if TYPE_CHECKING:
    from collections.abc import Iterator

PROPOSED = ChangeSet("arn:change-set/ours", "spryte", "CREATE", ())


@pytest.fixture
def clients() -> StubbedClients:
    """Clients whose clock moves by sleeping."""
    return StubbedClients()


@pytest.fixture
def stub(clients: StubbedClients) -> Iterator[Stubber]:
    """CloudFormation, which accepts the execution, and answers what a test says."""
    with Stubber(clients.cloudformation) as made:
        made.add_response(
            "execute_change_set", {}, {"ChangeSetName": "arn:change-set/ours", "ClientRequestToken": "ours"}
        )
        yield made
        made.assert_no_pending_responses()


def stack_is(stub: Stubber, status: str) -> None:
    """Let the stack be described with that status."""
    stub.add_response(
        "describe_stacks", {"Stacks": [{"StackName": "spryte", "StackStatus": status, "CreationTime": BEGAN}]}
    )


def events_are(stub: Stubber, *tokens: str) -> None:
    """Let the stack have an event of each of these requests, newest first."""
    events = [
        {
            "StackId": "arn:s",
            "EventId": token,
            "StackName": "spryte",
            "Timestamp": BEGAN,
            "ClientRequestToken": token,
        }
        for token in tokens
    ]
    stub.add_response("describe_stack_events", {"StackEvents": events}, {"StackName": "spryte"})


@pytest.mark.parametrize("before", ["REVIEW_IN_PROGRESS", "UPDATE_COMPLETE"])
def test_what_was_before_the_execution_is_not_taken_for_its_end(
    clients: StubbedClients, stub: Stubber, before: str
) -> None:
    if before == "REVIEW_IN_PROGRESS":
        events_are(stub, "ours")
        stack_is(stub, before)
    else:
        events_are(stub, "an earlier one")
    events_are(stub, "ours", "an earlier one")
    stack_is(stub, "UPDATE_IN_PROGRESS")
    stack_is(stub, "UPDATE_IN_PROGRESS")
    stack_is(stub, "UPDATE_COMPLETE")
    execute(PROPOSED, clients)


def test_a_change_that_never_begins_is_given_up_after_a_minute(clients: StubbedClients, stub: Stubber) -> None:
    for _ in range(23):
        events_are(stub)
    with pytest.raises(StackError, match="spryte has not begun to change after 60 s") as caught:
        execute(PROPOSED, clients)
    assert "run the command again" in caught.value.fix
