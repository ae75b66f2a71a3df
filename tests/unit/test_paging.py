"""AWS answers long lists in pages: what is on the second one counts as much as what is on the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from botocore.stub import Stubber

from tasks import change_set
from tasks.change_set import ChangeSet
from tasks.clients import Clients
from tasks.diagnosis.findings import Case
from tasks.diagnosis.gather import gather
from tasks.embedded import stack
from tasks.operate import shell
from tasks.settings import load
from tasks.setup import role, taken
from tasks.setup.policies import ROLE
from tasks.setup.stack import NAME, Progress, discard
from tests.support.account import AccountClients
from tests.support.models import BACKEND, BEGAN, LOCAL, arn, ecs_deployment, ecs_service
from tests.support.project import HERE
from tests.support.recorded import Recorded, ended

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.documents import Json
    from tests.support.fakes import Recorder, StubbedClients

MANY = [f"arn:aws:ecs:us-east-2:727646509464:task/spryte-cluster/{number:04}" for number in range(150)]
PROPOSED = ChangeSet("arn:change-set/ours", NAME, "CREATE", ())


class Paged(Recorded):
    """An account that lists one hundred tasks at a time and describes no more than that."""

    def answer(self, operation: str, asked: dict[str, Json]) -> dict[str, object] | str:
        """Answer as AWS did; raises `RefusedError`."""
        answered = super().answer(operation, asked)
        if operation == "ecs:DescribeTasks":
            assert len(cast("list[str]", asked["tasks"])) <= 100
        if operation != "ecs:ListTasks":
            return answered
        assert isinstance(answered, dict)
        arns, start = cast("list[str]", answered["taskArns"]), int(str(asked.get("nextToken", "0")))
        more = {"nextToken": str(start + 100)} if len(arns) > start + 100 else {}
        return {"taskArns": arns[start : start + 100], **more}


def event(number: int, status: str = "CREATE_COMPLETE", reason: str = "") -> dict[str, object]:
    """Return an event of a resource of the stack."""
    return {
        "StackId": "arn:stack",
        "EventId": f"event-{number}",
        "StackName": NAME,
        "LogicalResourceId": f"Resource{number}",
        "ResourceType": "AWS::X",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "Timestamp": BEGAN,
    }


def pages(stub: Stubber, operation: str, *answers: Mapping[str, object]) -> None:
    """Let an operation answer in pages."""
    for answer in answers:
        stub.add_response(operation, {**answer})


def test_every_stopped_task_tells_why() -> None:
    stopped = [{**ended("Essential container in task exited", exit_code=1), "taskArn": each} for each in MANY]
    account = Paged(stopped=stopped)
    found = gather(Case(BACKEND, arn(7), "0.1.5", asks_http=False), AccountClients(account))
    assert len(found.stopped) == 150
    assert found.gaps == ()


def test_a_session_is_opened_in_the_newest_of_all_tasks(clients: StubbedClients) -> None:
    clients.services_are(ecs_service(ecs_deployment(7), enableExecuteCommand=True))
    request = {"cluster": "spryte-cluster", "serviceName": "spryte-backend-service"}
    clients.ecs_stub.add_response("list_tasks", {"taskArns": MANY[:100], "nextToken": "more"}, request)
    clients.ecs_stub.add_response("list_tasks", {"taskArns": MANY[100:]}, {**request, "nextToken": "more"})
    able = {"enableExecuteCommand": True, "lastStatus": "RUNNING"}
    for minute, part in enumerate((MANY[:100], MANY[100:]), start=1):
        described = [{"taskArn": each, "startedAt": BEGAN, **able} for each in part]
        described[-1]["startedAt"] = BEGAN.replace(minute=minute)
        clients.ecs_stub.add_response(
            "describe_tasks", {"tasks": described}, {"cluster": "spryte-cluster", "tasks": part}
        )
    assert shell.newest_task(BACKEND, clients) == "0149"


def test_every_policy_of_the_deploy_role_is_read() -> None:
    clients = Clients(LOCAL)
    with Stubber(clients.iam) as stub:
        stub.add_response("get_role", {"Role": {**DESCRIBED, "AssumeRolePolicyDocument": "{}"}})
        first = {"PolicyNames": ["first"], "IsTruncated": True, "Marker": "m"}
        pages(stub, "list_role_policies", first, {"PolicyNames": ["second"]})
        for each in ("first", "second"):
            policy = {"RoleName": ROLE, "PolicyName": each, "PolicyDocument": "{}"}
            stub.add_response("get_role_policy", policy)
        pages(
            stub,
            "list_attached_role_policies",
            {"AttachedPolicies": [{"PolicyArn": "arn:aws:iam::aws:policy/1"}], "IsTruncated": True, "Marker": "m"},
            {"AttachedPolicies": [{"PolicyArn": "arn:aws:iam::aws:policy/2"}]},
        )
        found = role.look(clients)
        stub.assert_no_pending_responses()
    assert set(found.policies) == {"first", "second"}
    assert found.attached == ("arn:aws:iam::aws:policy/1", "arn:aws:iam::aws:policy/2")


DESCRIBED = {
    "Path": "/",
    "RoleName": ROLE,
    "RoleId": "AROAIOSFODNN7EXAMPLE",
    "Arn": f"arn:aws:iam::727646509464:role/{ROLE}",
    "CreateDate": BEGAN,
}


def test_the_first_failure_of_a_long_change_is_found_and_what_came_before_it_is_not_read() -> None:
    clients = Clients(LOCAL)
    with Stubber(clients.cloudformation) as stub:
        pages(
            stub,
            "describe_stack_events",
            {"StackEvents": [event(3, "CREATE_FAILED", "Resource creation cancelled")], "NextToken": "2"},
            {
                "StackEvents": [
                    event(2, "CREATE_FAILED", "the name is taken"),
                    {**event(1, "CREATE_IN_PROGRESS", "User Initiated"), "LogicalResourceId": NAME},
                ],
                "NextToken": "3",
            },
        )
        assert change_set.failures(PROPOSED, clients) == ("Resource2 (AWS::X): the name is taken",)
        stub.assert_no_pending_responses()


def test_every_resource_that_was_done_since_the_last_look_is_shown_once(report: Recorder) -> None:
    clients = Clients(LOCAL)
    progress = Progress(NAME, clients, report)
    with Stubber(clients.cloudformation) as stub:
        pages(
            stub,
            "describe_stack_events",
            {"StackEvents": [event(1)], "NextToken": "2"},
            {"StackEvents": [event(0)]},
        )
        progress.skip()
        first = {"StackEvents": [event(4), event(3, "CREATE_IN_PROGRESS")], "NextToken": "2"}
        pages(stub, "describe_stack_events", first, {"StackEvents": [event(2), event(1)], "NextToken": "3"})
        progress()
        stub.assert_no_pending_responses()
    assert [line.split()[1] for line in report.text.splitlines()] == ["Resource2", "Resource4"]


def test_a_resource_is_shown_when_it_is_done_although_its_beginning_was_seen(report: Recorder) -> None:
    clients = Clients(LOCAL)
    progress = Progress(NAME, clients, report)
    with Stubber(clients.cloudformation) as stub:
        stub.add_response("describe_stack_events", {"StackEvents": [event(1, "CREATE_IN_PROGRESS")]})
        progress()
        stub.add_response("describe_stack_events", {"StackEvents": [event(2), event(1, "CREATE_IN_PROGRESS")]})
        progress()
    assert [line.split()[1] for line in report.text.splitlines()] == ["Resource2"]


def test_every_change_of_a_long_change_set_is_shown() -> None:
    clients = Clients(LOCAL)
    one, two = (
        {"ResourceChange": {"Action": "Add", "LogicalResourceId": each}, "Type": "Resource"} for each in "AB"
    )
    done = {"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE"}
    with Stubber(clients.cloudformation) as stub:
        stub.add_client_error("describe_stacks", "ValidationError", "Stack with id spryte does not exist")
        stub.add_response("create_change_set", {"Id": PROPOSED.id, "StackId": "arn:stack"})
        stub.add_response("describe_change_set", {**done, "Changes": [one], "NextToken": "2"})
        named = {"ChangeSetName": PROPOSED.id}
        stub.add_response("describe_change_set", {**done, "Changes": [two]}, {**named, "NextToken": "2"})
        found = change_set.propose(change_set.Proposal(NAME, "{}", {}), clients)
        stub.assert_no_pending_responses()
    assert found is not None
    assert found.changes == ("Add A", "Add B")


def test_a_stack_that_another_change_set_waits_in_is_kept() -> None:
    clients = Clients(LOCAL)
    with Stubber(clients.cloudformation) as stub:
        stub.add_response("delete_change_set", {})
        others = {"Summaries": [{"ChangeSetId": "arn:change-set/other"}]}
        pages(stub, "list_change_sets", {"Summaries": [], "NextToken": "2"}, others)
        discard(PROPOSED, clients)
        stub.assert_no_pending_responses()


def test_what_runs_is_kept_also_where_the_stack_is_large(clients: StubbedClients) -> None:
    template = stack.read_template(HERE / stack.TEMPLATE)
    services = load(HERE, {}).select("backend")
    about = {"ResourceType": "AWS::X", "LastUpdatedTimestamp": BEGAN, "ResourceStatus": "CREATE_COMPLETE"}
    first = {**about, "LogicalResourceId": "Listener", "PhysicalResourceId": "arn:listener"}
    second = {**about, "LogicalResourceId": "BackendTaskDefinition", "PhysicalResourceId": arn(1)}
    with Stubber(clients.cloudformation) as stub:
        for number in (1, 7):
            listed = {"StackResourceSummaries": [first], "NextToken": "2"}
            pages(stub, "list_stack_resources", listed, {"StackResourceSummaries": [second]})
            clients.services_are(ecs_service(ecs_deployment(number)))
        assert stack.running_revisions(services, template, clients) == {}
        assert stack.running_revisions(services, template, clients) == {"BackendRunningRevision": arn(7)}


def test_a_log_group_is_found_behind_those_that_begin_like_it(clients: StubbedClients) -> None:
    pages(
        clients.logs_stub,
        "describe_log_groups",
        {"logGroups": [{"logGroupName": "/ecs/spryte-backend-jobs"}], "nextToken": "2"},
        {"logGroups": [{"logGroupName": "/ecs/spryte-backend"}]},
    )
    assert taken.has_log_group("/ecs/spryte-backend", clients)
