"""What a verified deploy leaves in ECR, and that it never spoils the deploy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.release.pipeline import Released
from tasks.release.record import (
    deployed_over,
    is_mark,
    is_spent,
    keep_failure,
    keep_left,
    keep_release,
    keep_start,
    keep_verified,
    newest_verified,
    number_of,
    verified_among,
)
from tasks.release.smoke import VerifiedVersion
from tests.support.account import Account, AccountClients, RefusedError, verified
from tests.support.fakes import Recorder
from tests.support.models import BACKEND, DIGEST, NEVER_DEPLOYED, arn, deployment, revision, running

if TYPE_CHECKING:
    from tasks.documents import Json
    from tasks.release.service_state import Running

PROVED = VerifiedVersion(BACKEND, "0.1.5", "0123456", "https://spryte.example.com/api/health")


def begun(before: Running, number: int = 7) -> set[str]:
    """Return the tags that a deploy leaves before it begins."""
    account = Account()
    keep_start(revision(number), before, AccountClients(account), Recorder())
    return account.tags


def test_a_deploy_leaves_what_it_is_deployed_over_before_it_begins() -> None:
    assert begun(running(4)) == verified(over={7: 4})


def test_a_first_deploy_is_deployed_over_nothing() -> None:
    assert begun(NEVER_DEPLOYED) == set()


def test_a_deploy_of_what_runs_is_not_over_itself() -> None:
    assert begun(running(7)) == set()


def test_a_verified_deploy_leaves_one_tag_more() -> None:
    account = Account()
    keep_release(Released(deployment(running(4), 7), PROVED), AccountClients(account), Recorder())
    assert account.tags == verified(7)


def test_a_failed_one_leaves_the_day() -> None:
    account = Account()
    keep_failure(deployment(running(4), 7), AccountClients(account), Recorder())
    assert account.tags == {"failed-spryte-backend-7", "failed-spryte-backend-7-on-20260105"}


def test_a_practised_failure_names_no_image_and_leaves_nothing_and_says_nothing() -> None:
    account, report = Account(), Recorder()
    practised = revision(7)
    practised = replace(practised, pushed=replace(practised.pushed, digest=""))
    keep_start(practised, running(4), AccountClients(account), report)
    keep_failure(replace(deployment(running(4), 7), revision=practised), AccountClients(account), report)
    assert (account.tags, report.text) == (set(), "")


def test_the_tags_are_put_on_the_image_by_its_manifest() -> None:
    account = Account()
    keep_verified(BACKEND, 7, DIGEST, (AccountClients(account), Recorder()))
    (put,) = account.requests("ecr:PutImage")
    assert put["imageTag"] == "verified-spryte-backend-7"
    assert put["imageManifest"] == "{}"


def test_what_is_recorded_is_not_recorded_again() -> None:
    account = Account(tags=verified(over={7: 4}))
    keep_start(revision(7), running(4), AccountClients(account), Recorder())
    assert account.requests("ecr:PutImage") == []


def test_a_record_that_cannot_be_made_is_told_and_spoils_nothing() -> None:
    account, report = Account(denied={"ecr:PutImage"}), Recorder()
    keep_start(revision(7), running(4), AccountClients(account), report)
    assert "not recorded (deployed-spryte-backend-7-over-4)" in report.text
    assert "ecr:PutImage is missing" in report.text


class Full(Account):
    """An account whose image bears all the tags it may."""

    def _put_image(self, asked: dict[str, Json]) -> dict[str, object]:
        raise RefusedError("LimitExceededException", f"too many tags for {asked['imageTag']}")


def test_an_image_that_takes_no_more_tags_spoils_nothing_and_the_way_out_is_named() -> None:
    report = Recorder()
    keep_start(revision(7), running(4), AccountClients(Full()), report)
    assert "ECR takes no more tags on the image in spryte-backend" in report.text
    assert "./inv prune --service=backend" in report.text


def test_a_very_long_family_still_fits_a_tag() -> None:
    account, service = Account(), replace(BACKEND, family="f" * 255)
    before = replace(running(4), service=service, arn=f"task-definition/{service.family}:1234566")
    long = replace(revision(7), arn=f"task-definition/{service.family}:1234567")
    keep_start(long, before, AccountClients(account), Recorder())
    assert max(map(len, account.tags)) <= 128


def test_of_several_that_one_was_deployed_over_it_is_not_the_one_that_was_left() -> None:
    account = Account(tags=verified(over={7: 4}) | verified(over={7: 5}) | {"left-spryte-backend-5"})
    assert deployed_over(BACKEND, 7, AccountClients(account)) == 4


def test_where_nothing_tells_the_highest_verified_one_counts_that_nobody_left() -> None:
    account = Account(tags=verified(4, 5))
    keep_left(BACKEND, 5, DIGEST, (AccountClients(account), Recorder()))
    assert newest_verified(BACKEND, 7, AccountClients(account)) == 4


def test_which_are_verified_is_asked_in_one_call() -> None:
    account = Account(tags=verified(3, 5))
    assert verified_among(BACKEND, range(1, 90), AccountClients(account)) == {3, 5}
    assert len(account.asked) == 1


def test_nothing_is_deployed_over_nothing() -> None:
    assert deployed_over(BACKEND, 1, AccountClients(Account())) == 0


def test_a_revision_of_another_family_has_no_number_in_ours() -> None:
    assert number_of(arn(12), "spryte-backend") == 12
    assert number_of("arn:aws:ecs:us-east-2:1:task-definition/spryte-backend-jobs:12", "spryte-backend") == 0


def test_versions_and_commits_are_no_marks() -> None:
    assert all(map(is_mark, verified(7, over={7: 4}) | {"failed-x-7", "failed-x-7-on-20260105", "left-x-7"}))
    assert not is_mark("0.1.5")
    assert not is_mark("0123456789abcdef0123456789abcdef01234567")


def test_marks_of_what_nobody_can_go_back_from_are_spent_except_what_was_verified() -> None:
    marks = verified(6, 7, over={6: 4, 7: 6}) | {"left-spryte-backend-6", "failed-spryte-frontend-6", "0.1.6"}
    assert {tag for tag in marks if is_spent(tag, BACKEND, {7})} == {
        "deployed-spryte-backend-6-over-4", "left-spryte-backend-6",
    }  # fmt: skip
