"""Which revision a rollback goes to: one that was verified before what runs, and that still can run."""

from __future__ import annotations

import pytest

from tasks.documents import as_list
from tasks.operate.previous import NoWayBackError, UnusableRevisionError, VersionNotVerifiedError, Wish, choose
from tasks.release.revisions import UnknownRevisionError
from tasks.release.service_state import running
from tasks.sdk_errors import AccessDeniedError
from tests.support.account import Account, AccountClients, verified
from tests.support.fakes import Recorder
from tests.support.models import BACKEND, OTHER_DIGEST, REGISTRY, ecs_deployment

VERSIONS = {number: f"0.1.{number}" for number in range(1, 9)}
NO_WISH = Wish()


def runs(number: int, *others: dict[str, object], state: str = "COMPLETED") -> Account:
    """Return an account with revisions 1 to 8, of which one runs."""
    deployments = [ecs_deployment(number, "ecs-svc/1", rolloutState=state), *others]
    return Account(VERSIONS, deployments, verified(*range(1, number + 1)))


def beside(number: int, running_count: int = 1, state: str = "COMPLETED") -> dict[str, object]:
    """Return a deployment that is listed beside the primary one."""
    return ecs_deployment(
        number, f"ecs-svc/{number}0", status="ACTIVE", runningCount=running_count, rolloutState=state
    )


def chosen(account: Account, wish: Wish = NO_WISH, report: Recorder | None = None) -> int:
    """Return the number of the revision that a rollback goes to."""
    clients = AccountClients(account)
    return choose(running(BACKEND, clients), wish, clients, report or Recorder()).number


def test_the_revision_that_the_current_one_was_deployed_over() -> None:
    account = runs(7)
    account.tags |= verified(over={7: 5})
    assert chosen(account) == 5


def test_not_the_one_that_was_rolled_back_from_in_between() -> None:
    account = runs(7)  # 5 ran, 6 ran and was rolled back from, 7 was deployed over 5
    account.tags = verified(5, 6, 7, over={6: 5, 7: 5})
    assert chosen(account) == 5


def test_a_second_rollback_goes_one_further_back() -> None:
    account = runs(5)
    account.tags = verified(3, 4, 5, 6, over={4: 3, 5: 4, 6: 5})
    assert chosen(account) == 4


def test_without_a_record_of_it_the_highest_verified_number_below() -> None:
    account = runs(8)
    account.tags = verified(3, 5)
    assert chosen(account) == 5


def test_never_one_that_failed() -> None:
    account = runs(7)
    account.tags = verified(4, 7)
    assert chosen(account) == 4


def test_one_that_was_changed_by_hand_is_passed_over() -> None:
    account, report = runs(7), Recorder()
    account.tags = verified(5, 7, over={7: 6})
    assert chosen(account, report=report) == 5
    assert "spryte-backend:6 (version 0.1.6) is passed over: it was never verified" in report.text


def test_one_that_was_deregistered_is_passed_over() -> None:
    account, report = runs(7), Recorder()
    account.tags = verified(5, 6, 7, over={7: 6})
    account.inactive = {6}
    assert chosen(account, report=report) == 5
    assert "spryte-backend:6 is passed over: it was deregistered" in report.text


def test_more_than_a_hundred_revisions_back() -> None:
    account = Account(dict.fromkeys(range(1, 251), "0.1.0"), [ecs_deployment(250)], verified(3, 250))
    assert chosen(account) == 3
    assert all(len(as_list(asked["imageIds"])) <= 100 for asked in account.requests("ecr:BatchGetImage"))


def test_while_a_deployment_is_under_way_the_one_that_still_runs() -> None:
    account = runs(8, beside(5), state="IN_PROGRESS")
    account.tags = verified(5, 6, 7)
    assert chosen(account) == 5


def test_a_way_back_that_is_under_way_already_is_followed_and_not_turned_round() -> None:
    account = runs(5, beside(6), state="IN_PROGRESS")
    assert chosen(account) == 5


def test_so_is_the_one_that_ecs_itself_began() -> None:
    account = runs(6, beside(7, running_count=0, state="FAILED"), state="IN_PROGRESS")
    assert chosen(account) == 6


def test_a_family_that_was_never_ours_has_all_of_ours_before_it() -> None:
    account = Account(VERSIONS, [{**ecs_deployment(1), "taskDefinition": "arn:x/others:3"}], verified(4, 8))
    assert chosen(account) == 8


def test_nothing_recorded_is_said_with_what_to_do() -> None:
    account = runs(2)
    account.tags = set()
    with pytest.raises(NoWayBackError) as caught:
        chosen(account)
    assert caught.value.exit_code == 3
    assert "--revision=NUMBER" in caught.value.fix


def test_a_version_is_found_in_its_newest_verified_revision() -> None:
    account = runs(8)
    account.revisions = {**VERSIONS, 3: "0.2.0", 4: "0.2.0", 5: "0.2.0"}
    account.tags = verified(3, 4, 6)
    assert chosen(account, Wish(version="0.2.0")) == 4


def test_a_version_that_never_served_is_refused_with_those_that_did() -> None:
    account = runs(8)
    account.tags = verified(3, 4)
    with pytest.raises(VersionNotVerifiedError) as caught:
        chosen(account, Wish(version="0.1.5"))
    assert caught.value.evidence == ("spryte-backend:4 has version 0.1.4", "spryte-backend:3 has version 0.1.3")


def test_the_version_that_runs_is_what_runs_whether_recorded_or_not() -> None:
    account = runs(8)
    account.tags = set()
    assert chosen(account, Wish(version="0.1.8")) == 8


def test_a_named_revision_needs_no_record() -> None:
    account = runs(8)
    account.tags = set()
    assert chosen(account, Wish(number=2)) == 2


def test_a_named_revision_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownRevisionError) as caught:
        chosen(runs(8), Wish(number=99))
    assert str(caught.value) == "There is no revision spryte-backend:99."


def test_a_named_revision_that_was_deregistered_is_refused() -> None:
    account = runs(8)
    account.inactive = {3}
    with pytest.raises(UnusableRevisionError, match="deregistered") as caught:
        chosen(account, Wish(number=3))
    assert "inv deploy --service=backend --version=0.1.3" in caught.value.fix


def test_a_named_revision_without_its_image_is_refused_before_anything_changes() -> None:
    account = runs(8)
    account.images = {3: f"{REGISTRY}/spryte-backend@{OTHER_DIGEST}"}
    with pytest.raises(UnusableRevisionError, match="is gone from ECR"):
        chosen(account, Wish(number=3))


def test_a_named_revision_of_another_registry_is_not_looked_for() -> None:
    account = runs(8)
    account.images = {3: "public.ecr.aws/spryte-backend:old"}
    assert chosen(account, Wish(number=3)) == 3


def test_a_named_revision_may_be_run_by_who_may_not_ask_for_its_image() -> None:
    account, report = runs(8), Recorder()
    account.denied = {"ecr:BatchGetImage"}
    assert chosen(account, Wish(number=3), report) == 3
    assert "ecr:BatchGetImage is missing" in report.text


def test_without_a_name_the_missing_permission_is_named() -> None:
    account = runs(8)
    account.denied = {"ecr:BatchGetImage"}
    with pytest.raises(AccessDeniedError, match="ecr:BatchGetImage is missing"):
        chosen(account)


def test_not_one_that_was_rolled_back_from_even_when_what_runs_was_never_verified() -> None:
    account = runs(7)  # 6 was regretted, then 7 was deployed over 5 and left unverified
    account.tags = verified(5, 6, over={6: 5, 7: 5})
    assert chosen(account) == 5


def test_nor_where_what_runs_was_registered_by_hand() -> None:
    account = runs(7)
    account.tags = verified(5, 6, over={6: 5}) | {"left-spryte-backend-6"}
    assert chosen(account) == 5
