"""The embedded cloud's stack: brought up to date, left alone, refused."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tasks import change_set
from tasks.embedded import processes, stack
from tests.support.fakes import Recorder

if TYPE_CHECKING:
    from tests.support.embedded import Cloud


def test_a_changed_template_updates_the_stack_and_keeps_what_was_deployed(running: Cloud) -> None:
    running.learn("spryte-backend")
    running.clients.ecs.update_service(
        cluster="spryte-cluster", service="spryte-backend-service", taskDefinition="spryte-backend:2"
    )
    edit_template(running, "HealthCheckGracePeriodSeconds: 60", "HealthCheckGracePeriodSeconds: 61")
    running.up()
    assert "Modify BackendService" in running.said[1]
    assert backend(running)["healthCheckGracePeriodSeconds"] == 61
    assert str(backend(running)["taskDefinition"]).endswith(":2")


def test_a_stack_that_is_as_proposed_needs_no_change(running: Cloud) -> None:
    clients = running.clients
    template = stack.read_template(running.settings.root / stack.TEMPLATE)
    values = stack.parameters(running.settings.select("all"), template)
    proposed = stack.proposed(values, change_set.find_stack(stack.NAME, clients), template)
    proposal = change_set.Proposal(stack.NAME, template.text, proposed)
    assert change_set.propose(proposal, clients) is None
    left = clients.cloudformation.list_change_sets(StackName=stack.NAME)["Summaries"]
    assert [each for each in left if each.get("Status") == "FAILED"] == []


def test_a_resource_that_fails_is_named_with_its_reason(running: Cloud) -> None:
    text = """
Resources:
  Lost:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties: {ListenerArn: "arn:nothing", Priority: 1, Conditions: [], Actions: []}
"""
    with pytest.raises(change_set.StackError) as caught:
        change_set.apply(change_set.Proposal("second", text, {}), running.clients, Recorder())
    assert "The stack second is ROLLBACK_COMPLETE: Lost (AWS::ElasticLoadBalancingV2::ListenerRule)" in str(
        caught.value
    )
    with pytest.raises(change_set.StackError, match="allows no change"):
        change_set.propose(change_set.Proposal("second", text, {}), running.clients)


def test_a_template_that_is_not_accepted_is_told_in_cloudformations_words(running: Cloud) -> None:
    text = "Resources: {What: {Type: 'AWS::No::Such'}}"
    with pytest.raises(change_set.ChangeSetError, match="AWS::No::Such"):
        change_set.propose(change_set.Proposal("third", text, {}), running.clients)


def test_a_stack_that_is_older_than_the_template_after_a_crash_is_brought_up_to_date(running: Cloud) -> None:
    running.down()
    running.up()
    edit_template(running, "HealthCheckGracePeriodSeconds: 60", "HealthCheckGracePeriodSeconds: 61")
    running.up()
    crashed = running.process
    os.kill(crashed.pid, signal.SIGKILL)
    assert processes.ended(crashed, 5, running.clients)
    running.up()
    assert backend(running)["healthCheckGracePeriodSeconds"] == 61


def edit_template(found: Cloud, old: str, new: str) -> None:
    """Change the copy's stack template."""
    path = found.project.root / stack.TEMPLATE
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def backend(found: Cloud) -> dict[str, object]:
    """Return the backend's service as ECS describes it."""
    answer = found.clients.ecs.describe_services(cluster="spryte-cluster", services=["spryte-backend-service"])
    return {**answer["services"][0]}
