"""CloudFormation through change sets: what would change is known before it does. For any account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast
from uuid import uuid4

from tasks.errors import NotReadyError
from tasks.sdk_errors import asking_aws, error_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from types_boto3_cloudformation.type_defs import ParameterTypeDef, StackEventTypeDef, StackTypeDef

    from tasks.clients import Clients
    from tasks.report import Report

Kind = Literal["CREATE", "UPDATE"]

# Waits grow: an embedded stack is done in half a second, a real one in minutes.
FIRST_WAIT_SECONDS = 0.05
LONGEST_WAIT_SECONDS = 5.0
LIMIT_SECONDS = 1800.0
BEGINS_WITHIN_SECONDS = 60.0
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-view.html
NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed")
CONSEQUENCES = ("cancelled", "canceled")


class StackError(NotReadyError):
    """A stack is not, or did not come, in the wanted state."""


class ChangeSetError(NotReadyError):
    """CloudFormation does not accept the template or its parameters."""


@dataclass(frozen=True)
class Proposal:
    """What a stack shall be. A parameter whose value is None keeps the one it has."""

    stack: str
    template: str
    parameters: Mapping[str, str | None]


@dataclass(frozen=True)
class ChangeSet:
    """A change set that can be executed, and the resources that it touches, each with what happens to it."""

    id: str
    stack: str
    kind: Kind
    changes: tuple[str, ...]


def find_stack(name: str, clients: Clients) -> StackTypeDef | None:
    """Return a stack that exists; one that was only ever proposed does not.

    Raises:
        NotReadyError: CloudFormation does not answer, or not to this identity.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415 - only loaded with boto3 itself

    with asking_aws(f"looking for the stack {name}"):
        try:
            stacks = clients.cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
            if error_code(error) == "ValidationError" and "does not exist" in str(error):
                return None
            raise
    found = stacks[0] if stacks else None
    return None if found is None or found["StackStatus"] in {"REVIEW_IN_PROGRESS", "DELETE_COMPLETE"} else found


def apply(proposal: Proposal, clients: Clients, report: Report) -> bool:
    """Bring a stack to what is proposed and wait until it is; returns whether anything changed.

    Raises:
        StackError: the stack is in a state that allows no change, or the change failed; names the resource.
        ChangeSetError: CloudFormation does not accept the template or a parameter.
        NotReadyError: CloudFormation does not answer, or not to this identity.
    """
    change_set = propose(proposal, clients)
    if change_set is None:
        return False
    report.say(f"stack {proposal.stack}: {_summary(change_set)}")
    execute(change_set, clients)
    return True


def propose(proposal: Proposal, clients: Clients) -> ChangeSet | None:
    """Create a change set and wait until it can be executed; None when there is nothing to change.

    Raises:
        StackError: the stack is in a state that allows no change.
        ChangeSetError: CloudFormation does not accept the template or a parameter.
    """
    stack = settled(proposal.stack, clients)
    kind: Kind = "CREATE" if stack is None else "UPDATE"
    if stack is not None and not _can_change(stack["StackStatus"]):
        raise StackError(
            f"The stack {proposal.stack} is {stack['StackStatus']} and allows no change: "
            f"{stack.get('StackStatusReason', 'no reason was given')}",
            fix="Delete it (a stack whose creation failed holds nothing), then run the command again. "
            "For the embedded cloud: ./inv local.reset",
        )
    with asking_aws(f"proposing the stack {proposal.stack}", ChangeSetError):
        answer = clients.cloudformation.create_change_set(
            StackName=proposal.stack,
            ChangeSetName=f"spryte-{uuid4().hex}",
            ChangeSetType=kind,
            TemplateBody=proposal.template,
            Parameters=_parameters(proposal.parameters),
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
    return _ready(ChangeSet(answer["Id"], proposal.stack, kind, ()), clients)


def execute(change_set: ChangeSet, clients: Clients, watch: Callable[[], None] = lambda: None) -> None:
    """Execute a change set and wait until the stack has settled.

    Args:
        change_set: what was proposed.
        clients: the connections.
        watch: called each time after the stack was looked at, for whoever shows its events.

    Raises:
        StackError: a resource failed; with CloudFormation's reason.
    """
    token = change_set.id.rpartition("/")[2]
    with asking_aws(f"changing the stack {change_set.stack}", StackError):
        clients.cloudformation.execute_change_set(ChangeSetName=change_set.id, ClientRequestToken=token)
    _await_beginning(change_set.stack, token, clients)
    stack = settled(change_set.stack, clients, watch)
    status = stack["StackStatus"] if stack else "DELETE_COMPLETE"
    if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        reasons = failures(change_set, clients)
        raise StackError(
            f"The stack {change_set.stack} is {status}: {reasons[0] if reasons else 'no reason was given'}",
            fix="Fix the template or what the reason names, then run the command again.",
            evidence=reasons[1:],
        )


def _await_beginning(name: str, token: str, clients: Clients) -> None:
    """Wait until the stack shows the execution: what CloudFormation answers at first may be from before it.

    https://github.com/aws/aws-cdk-cli/issues/1802
    """
    limit, wait = clients.clock() + BEGINS_WITHIN_SECONDS, FIRST_WAIT_SECONDS
    while not (_has_event(name, token, clients) and find_stack(name, clients)):
        if clients.clock() >= limit:
            raise StackError(
                f"The stack {name} has not begun to change after {BEGINS_WITHIN_SECONDS:.0f} s.",
                fix="Look at its events in the CloudFormation console; then run the command again.",
            )
        clients.sleep(wait)
        wait = min(wait * 1.5, LONGEST_WAIT_SECONDS)


def _has_event(name: str, token: str, clients: Clients) -> bool:
    """Whether one of the stack's newest events is of the request."""
    with asking_aws(f"reading the events of the stack {name}"):
        newest = next(event_pages(name, clients), ())
    return any(event.get("ClientRequestToken") == token for event in newest)


def settled(name: str, clients: Clients, watch: Callable[[], None] = lambda: None) -> StackTypeDef | None:
    """Wait until nothing is being changed in a stack, and return it.

    Raises:
        StackError: it is still being changed after half an hour.
    """
    limit, wait = clients.clock() + LIMIT_SECONDS, FIRST_WAIT_SECONDS
    while True:
        stack = find_stack(name, clients)
        watch()
        if stack is None or not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return stack
        if clients.clock() >= limit:
            raise StackError(
                f"The stack {name} is {stack['StackStatus']} even after {LIMIT_SECONDS / 60:.0f} minutes.",
                fix="Look at its events in the CloudFormation console.",
            )
        clients.sleep(wait)
        wait = min(wait * 1.5, LONGEST_WAIT_SECONDS)


def failures(change_set: ChangeSet, clients: Clients) -> tuple[str, ...]:
    """Return why resources failed, the first failure first; those that were only cancelled are left out."""
    with asking_aws(f"reading the events of the stack {change_set.stack}"):
        return failure_lines(event for page in event_pages(change_set.stack, clients) for event in page)


def event_pages(stack: str, clients: Clients) -> Iterator[Sequence[StackEventTypeDef]]:
    """Yield a stack's events in pages, newest first, each read when it is asked for; within `asking_aws`.

    They reach back to the stack's creation: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/
    API_DescribeStackEvents.html
    """
    for page in clients.cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack):
        yield page["StackEvents"]


def failure_lines(events: Iterable[StackEventTypeDef]) -> tuple[str, ...]:
    """Return the failures among a stack's events, which come newest first."""
    lines = list[str]()
    for event in events:
        resource, reason = event.get("LogicalResourceId", ""), event.get("ResourceStatusReason", "")
        if resource == event.get("StackName") and event.get("ResourceStatusReason") == "User Initiated":
            break  # what came before belongs to an earlier change
        failed = event.get("ResourceStatus", "").endswith("_FAILED")
        if failed and reason and not any(word in reason.lower() for word in CONSEQUENCES):
            lines.insert(0, f"{resource} ({event.get('ResourceType', '')}): {reason}")
    return tuple(lines)


def is_nothing_to_do(status: str, execution: str, reason: str) -> bool:
    """Whether a change set failed only because there is nothing to change."""
    return status == "FAILED" and execution == "UNAVAILABLE" and any(text in reason for text in NOTHING_TO_DO)


def _ready(change_set: ChangeSet, clients: Clients) -> ChangeSet | None:
    wait = FIRST_WAIT_SECONDS
    with asking_aws(f"proposing the stack {change_set.stack}", ChangeSetError):
        while True:
            answer = clients.cloudformation.describe_change_set(ChangeSetName=change_set.id)
            status, reason = answer["Status"], answer.get("StatusReason", "")
            if status == "CREATE_COMPLETE":
                break
            if status == "FAILED":
                clients.cloudformation.delete_change_set(ChangeSetName=change_set.id)
                if is_nothing_to_do(status, answer["ExecutionStatus"], reason):
                    return None
                raise ChangeSetError(
                    f"CloudFormation does not accept the template of {change_set.stack}: {reason}",
                    fix="Fix aws/stack.yaml; cfn-lint finds most mistakes.",
                )
            clients.sleep(wait)
            wait = min(wait * 1.5, LONGEST_WAIT_SECONDS)
        listed = [*answer.get("Changes", [])]
        while token := answer.get("NextToken"):
            answer = clients.cloudformation.describe_change_set(ChangeSetName=change_set.id, NextToken=token)
            listed += answer.get("Changes", [])
    changes = [each.get("ResourceChange", {}) for each in listed]
    lines = tuple(f"{each.get('Action', '')} {each.get('LogicalResourceId', '')}" for each in changes)
    return ChangeSet(change_set.id, change_set.stack, change_set.kind, lines)


def _parameters(parameters: Mapping[str, str | None]) -> list[ParameterTypeDef]:
    given = [
        {"ParameterKey": name, "UsePreviousValue": True}
        if value is None
        else {"ParameterKey": name, "ParameterValue": value}
        for name, value in parameters.items()
    ]
    return cast("list[ParameterTypeDef]", given)


def _can_change(status: str) -> bool:
    return status.endswith("_COMPLETE") and status != "ROLLBACK_COMPLETE"


def _summary(change_set: ChangeSet) -> str:
    if change_set.kind == "CREATE":
        return f"creating {len(change_set.changes)} resources"
    return ", ".join(change_set.changes)
