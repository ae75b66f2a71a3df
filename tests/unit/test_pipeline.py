"""The stages in order: what is checked first, and the way back when one fails."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks import identity
from tasks.errors import SupersededError
from tasks.release import pipeline
from tasks.release.registry import RepositoryMissingError
from tasks.release.rollout import RolloutFailedError
from tasks.release.service_state import DeploymentInProgressError, NothingRunsError, OlderVersionError
from tasks.release.smoke import NotServingError
from tests.support.account import AccountClients, verified
from tests.support.fakes import StubbedClients
from tests.support.models import (
    ACCOUNT,
    AWS,
    BACKEND,
    DIGEST,
    SOURCE,
    arn,
    ecs_deployment,
    ecs_service,
    registered,
    revision,
)
from tests.support.recorded import Recorded
from tests.support.web import Page, serving, version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.fakes import Recorder
    from tests.support.web import Site

OPTIONS = pipeline.DeployOptions(timeout=600, force=False, roll_back=True)
RUNS = ecs_service(ecs_deployment(4, "ecs-svc/1"))
OURS = ecs_service(ecs_deployment(7, rolloutState="IN_PROGRESS", runningCount=0))
DONE = ecs_service(ecs_deployment(7))
FAILED = ecs_service(ecs_deployment(4, "ecs-svc/3"), ecs_deployment(7, status="ACTIVE", rolloutState="FAILED"))


@pytest.fixture
def answers() -> list[Page]:
    """What the service's address answers; the last one again and again."""
    return [version("0.1.5")]


@pytest.fixture
def site(answers: list[Page]) -> Iterator[Site]:
    """The service's address."""
    with serving(lambda number: answers[min(number, len(answers) - 1)]) as served:
        yield served


@pytest.fixture
def clients(site: Site) -> Iterator[StubbedClients]:
    """Clients of a service that runs revision 4 with version 0.1.4."""
    made = StubbedClients(replace(AWS, app_url=site.url))
    yield made
    made.assert_all_asked()


def caller(clients: StubbedClients, account: str = ACCOUNT) -> None:
    """Let STS say whose credentials these are."""
    clients.sts_stub.add_response(
        "get_caller_identity", {"Account": account, "Arn": f"arn:aws:iam::{account}:user/somebody"}, {}
    )


def begins(clients: StubbedClients) -> None:
    """Let revision 4 run and the update to revision 7 be accepted."""
    clients.services_are(RUNS)
    clients.ecs_stub.add_response("describe_task_definition", registered(4, "0.1.4"), {"taskDefinition": arn(4)})
    clients.tags_are(("deployed-spryte-backend-7-over-4", DIGEST))
    clients.ecs_stub.add_response("update_service", {"service": OURS})


def may_not_ask_why(clients: StubbedClients, state: dict[str, object]) -> None:
    """Let the runbook's role see the service and its definition, and not list tasks."""
    clients.services_are(state)
    clients.ecs_stub.add_response("describe_task_definition", registered(7, "0.1.5"), {"taskDefinition": arn(7)})
    may_not_list_tasks(clients)
    if state is not DONE:
        may_not_list_tasks(clients)  # where the time went
    clients.ecr_stub.add_response("batch_get_image", {"images": [{"imageId": {"imageDigest": DIGEST}}]})


def may_not_list_tasks(clients: StubbedClients) -> None:
    """Refuse what the runbook's role may not ask."""
    clients.ecs_stub.add_client_error(
        "list_tasks", "AccessDeniedException", "x is not authorized to perform: ecs:ListTasks on y"
    )


def test_credentials_of_the_account_meant_pass(clients: StubbedClients) -> None:
    caller(clients)
    identity.check(clients)


def test_credentials_of_another_account_are_refused_with_both(clients: StubbedClients) -> None:
    caller(clients, "111122223333")
    with pytest.raises(identity.WrongAccountError) as caught:
        identity.check(clients)
    assert str(caught.value) == (
        "The AWS credentials belong to account 111122223333; AWS_ACCOUNT_ID is 727646509464."
    )
    assert "AWS_PROFILE" in caught.value.fix
    assert caught.value.exit_code == 3


def test_docker_identity_and_repositories_are_asked_for_before_anything_is_built(clients: StubbedClients) -> None:
    caller(clients)
    clients.ecr_stub.add_client_error("batch_get_image", "RepositoryNotFoundException", "not found")
    with pytest.raises(RepositoryMissingError):
        pipeline.check_cloud((BACKEND,), clients)
    assert clients.engine.pings == 1
    assert clients.engine.api.built == []


def checks(clients: StubbedClients, state: dict[str, object], latest: int) -> None:
    """Let the service be in that state and its family have that latest revision."""
    clients.services_are(state)
    clients.ecs_stub.add_response("describe_task_definition", registered(4, "0.1.4"))
    clients.ecs_stub.add_response(
        "describe_task_definition", registered(latest), {"taskDefinition": "spryte-backend"}
    )


def test_a_service_at_rest_may_be_deployed(clients: StubbedClients) -> None:
    checks(clients, RUNS, 4)
    pipeline.check_services((BACKEND,), clients, force=False)


def test_a_service_busy_with_another_revision_may_not(clients: StubbedClients) -> None:
    checks(clients, ecs_service(ecs_deployment(5, rolloutState="IN_PROGRESS")), 6)
    with pytest.raises(DeploymentInProgressError):
        pipeline.check_services((BACKEND,), clients, force=False)


def test_unless_forced(clients: StubbedClients) -> None:
    checks(clients, ecs_service(ecs_deployment(5, rolloutState="IN_PROGRESS")), 6)
    pipeline.check_services((BACKEND,), clients, force=True)


@pytest.mark.parametrize("force", [False, True])
def test_a_service_scaled_to_zero_may_not_even_so(clients: StubbedClients, force: bool) -> None:
    checks(clients, {**RUNS, "desiredCount": 0}, 4)
    with pytest.raises(NothingRunsError):
        pipeline.check_services((BACKEND,), clients, force=force)


def released_only(clients: StubbedClients, version: str, **fields: object) -> StubbedClients:
    """Let the service run a version on a target that takes released commits only."""
    clients.target = replace(clients.target, released_commits_only=True)
    clients.services_are(ecs_service(ecs_deployment(4, "ecs-svc/1", **fields)))
    clients.ecs_stub.add_response("describe_task_definition", registered(4, version))
    return clients


@pytest.mark.parametrize("runs", ["0.1.6", "0.1.10", "0.2.0", "1.0.0"])
def test_an_older_version_does_not_silently_replace_a_newer_one(clients: StubbedClients, runs: str) -> None:
    with pytest.raises(OlderVersionError) as caught:
        pipeline.check_versions((SOURCE,), released_only(clients, runs))
    assert f"spryte-backend-service runs version {runs}, which is newer than 0.1.5" in str(caught.value)
    assert "./inv rollback --service=backend --to=0.1.5;" in caught.value.fix
    assert "./inv deploy --service=backend --version=0.1.5 --force" in caught.value.fix
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("runs", ["0.1.5", "0.1.4", "0.0.9", "", "latest"])
def test_the_same_version_a_newer_one_and_one_over_no_version_go_on(clients: StubbedClients, runs: str) -> None:
    pipeline.check_versions((SOURCE,), released_only(clients, runs))


def test_a_newer_version_that_failed_is_no_reason_to_refuse(clients: StubbedClients) -> None:
    pipeline.check_versions((SOURCE,), released_only(clients, "0.1.6", rolloutState="FAILED"))


def test_forced_or_on_another_target_nobody_asks(clients: StubbedClients) -> None:
    pipeline.check_versions((SOURCE,), clients)
    clients.target = replace(clients.target, released_commits_only=True)
    pipeline.check_versions((SOURCE,), clients, force=True)


def test_a_deploy_ends_when_the_new_version_is_proved(clients: StubbedClients, report: Recorder) -> None:
    begins(clients)
    clients.services_are(OURS, DONE)
    may_not_list_tasks(clients)
    released = pipeline.deploy(revision(7), clients, report, OPTIONS)
    assert released.verified.version == "0.1.5"
    assert released.deployment.before.version == "0.1.4"
    assert "spryte-backend:4 -> spryte-backend:7, deployment ecs-svc/2" in report.text
    assert [timing.stage for timing in report.timings] == ["update", "rollout", "verify"]


def test_a_deployment_that_fails_returns_to_what_ran_before_and_says_so(
    clients: StubbedClients, report: Recorder, answers: list[Page]
) -> None:
    answers[:] = [version("0.1.4")]
    begins(clients)
    clients.services_are(OURS, FAILED)
    may_not_ask_why(clients, FAILED)
    clients.services_are(FAILED, FAILED)
    with pytest.raises(RolloutFailedError) as caught:
        pipeline.deploy(revision(7), clients, report, OPTIONS)
    assert caught.value.exit_code == 7
    assert caught.value.evidence[-1] == "Version 0.1.4 serves again, proved over HTTP."
    assert "the permission ecs:ListTasks is missing" in caught.value.evidence[-3]
    assert caught.value.evidence[-2].startswith("1.0 s until the verdict; ecs:ListTasks and ecs:DescribeTasks")


def test_a_deployment_that_an_earlier_run_began_returns_to_what_ecs_completed_before(
    clients: StubbedClients, report: Recorder, answers: list[Page]
) -> None:
    answers[:] = [version("0.1.4")]
    comes_up = ecs_deployment(7, rolloutState="IN_PROGRESS", runningCount=0)
    clients.services_are(ecs_service(comes_up, ecs_deployment(4, "ecs-svc/1", status="ACTIVE")))
    clients.ecs_stub.add_response("describe_task_definition", registered(4, "0.1.4"), {"taskDefinition": arn(4)})
    clients.tags_are(("deployed-spryte-backend-7-over-4", DIGEST))
    clients.services_are(OURS, FAILED)
    may_not_ask_why(clients, FAILED)
    clients.services_are(FAILED, FAILED)
    with pytest.raises(RolloutFailedError) as caught:
        pipeline.deploy(revision(7), clients, report, OPTIONS)
    assert caught.value.evidence[-1] == "Version 0.1.4 serves again, proved over HTTP."


def test_a_version_that_does_not_answer_returns_too(
    clients: StubbedClients, report: Recorder, answers: list[Page]
) -> None:
    wrong = 202  # as often as the smoke test asks within its minute, and the diagnosis once more
    answers[:] = [Page(502)] * wrong + [version("0.1.4")]
    begins(clients)
    clients.services_are(OURS, DONE, DONE)
    may_not_ask_why(clients, DONE)
    clients.services_are(DONE)
    back = ecs_service(ecs_deployment(4, "ecs-svc/3"))
    clients.ecs_stub.add_response("update_service", {"service": back})
    clients.services_are(back)
    with pytest.raises(NotServingError) as caught:
        pipeline.deploy(revision(7), clients, report, OPTIONS)
    assert caught.value.exit_code == 9
    assert caught.value.evidence[-1] == "Version 0.1.4 serves again, proved over HTTP."
    spent = "61.3 s until the verdict: 1.0 s until ECS had it up, 60.3 s of asking over HTTP"
    assert caught.value.evidence[-2] == spent


def test_when_the_way_back_fails_too_the_exit_code_says_that_nothing_is_proved_to_serve(
    clients: StubbedClients, report: Recorder
) -> None:
    begins(clients)
    clients.services_are(OURS, FAILED)
    may_not_ask_why(clients, FAILED)
    clients.ecs_stub.add_client_error("describe_services", "ServerException", "Service Unavailable")
    with pytest.raises(RolloutFailedError) as caught:
        pipeline.deploy(revision(7), clients, report, OPTIONS)
    assert "The way back to spryte-backend:4 failed too" in caught.value.evidence[-1]
    assert caught.value.exit_code == 12


def test_no_rollback_leaves_the_failed_deployment_as_it_is(clients: StubbedClients, report: Recorder) -> None:
    begins(clients)
    clients.services_are(FAILED)
    may_not_ask_why(clients, FAILED)
    clients.services_are(FAILED)
    with pytest.raises(RolloutFailedError) as caught:
        pipeline.deploy(revision(7), clients, report, replace(OPTIONS, roll_back=False))
    assert caught.value.evidence[-1].endswith("ECS itself went back to spryte-backend:4, version 0.1.4: "
                                              "its circuit breaker does not ask.")  # fmt: skip


def test_a_deployment_that_was_superseded_changes_nothing_more(clients: StubbedClients, report: Recorder) -> None:
    begins(clients)
    clients.services_are(OURS, ecs_service(ecs_deployment(8, "ecs-svc/9")))
    with pytest.raises(SupersededError):
        pipeline.deploy(revision(7), clients, report, OPTIONS)


def test_a_deploy_of_what_runs_already_updates_nothing(clients: StubbedClients, report: Recorder) -> None:
    clients.services_are(DONE)
    clients.ecs_stub.add_response("describe_task_definition", registered(7, "0.1.5"))
    clients.services_are(DONE)
    assert pipeline.deploy(revision(7), clients, report, OPTIONS).deployment.adopted
    assert "spryte-backend:7 runs already; following its deployment ecs-svc/2" in report.text


def picked_up(tags: set[str], report: Recorder) -> NotServingError:
    """Return how a run ends that picks up revision 7, complete and alone, while version 0.1.4 answers."""
    account = Recorded(deployments=[ecs_deployment(7)], tags=tags)
    with serving(lambda _: version("0.1.4")) as site, pytest.raises(NotServingError) as caught:
        pipeline.deploy(revision(7), AccountClients(account, site.url), report, OPTIONS)
    return caught.value


def test_a_picked_up_deployment_that_does_not_serve_goes_back_to_what_its_first_run_recorded(
    report: Recorder,
) -> None:
    error = picked_up(verified(4, over={7: 4}), report)
    assert error.evidence[-1] == "Version 0.1.4 serves again, proved over HTTP."
    assert error.exit_code == 9


def test_where_that_is_not_recorded_the_exit_code_says_that_nothing_is_proved_to_serve(report: Recorder) -> None:
    error = picked_up(verified(4), report)
    assert "./inv rollback --service=backend --revision=NUMBER" in error.evidence[-1]
    assert error.exit_code == 12
