"""What a verified deploy leaves in ECR, and that it never spoils the deploy."""

from __future__ import annotations

from dataclasses import replace

from tasks.release.pipeline import Released
from tasks.release.record import Verified, deployed_over, is_mark, keep, keep_release, number_of, verified_among
from tasks.release.smoke import VerifiedVersion
from tests.support.account import Account, AccountClients, verified
from tests.support.fakes import Recorder
from tests.support.models import BACKEND, DIGEST, NEVER_DEPLOYED, arn, deployment, running

PROVED = VerifiedVersion(BACKEND, "0.1.5", "0123456", "https://spryte.example.com/api/health")


def kept(released: Released) -> set[str]:
    """Return the tags that a finished deploy leaves."""
    account = Account()
    keep_release(released, AccountClients(account), Recorder())
    return account.tags


def test_a_deploy_leaves_that_it_was_verified_and_what_it_was_deployed_over() -> None:
    assert kept(Released(deployment(running(4), 7), PROVED)) == verified(7, over={7: 4})


def test_a_first_deploy_was_deployed_over_nothing() -> None:
    assert kept(Released(deployment(NEVER_DEPLOYED, 7), PROVED)) == verified(7)


def test_a_deployment_that_was_there_already_leaves_no_way_back_of_its_own() -> None:
    adopted = replace(deployment(running(7), 7), adopted=True)
    assert kept(Released(adopted, PROVED)) == verified(7)


def test_a_forced_deploy_of_what_runs_is_not_over_itself() -> None:
    assert kept(Released(deployment(running(7), 7), PROVED)) == verified(7)


def test_the_tags_are_put_on_the_image_by_its_manifest() -> None:
    account = Account()
    keep(Verified(BACKEND, 7, DIGEST, 4), AccountClients(account), Recorder())
    puts = account.requests("ecr:PutImage")
    assert [put["imageTag"] for put in puts] == ["verified-spryte-backend-7", "verified-spryte-backend-7-over-4"]
    assert all(put["imageManifest"] == "{}" for put in puts)


def test_what_is_recorded_is_not_recorded_again() -> None:
    account = Account(tags=verified(7, over={7: 4}))
    keep(Verified(BACKEND, 7, DIGEST, 4), AccountClients(account), Recorder())
    assert account.requests("ecr:PutImage") == []


def test_a_record_that_cannot_be_made_is_told_and_spoils_nothing() -> None:
    account, report = Account(denied={"ecr:PutImage"}), Recorder()
    keep(Verified(BACKEND, 7, DIGEST), AccountClients(account), report)
    assert "not recorded as verified" in report.text
    assert "ecr:PutImage is missing" in report.text


def test_a_very_long_family_still_fits_a_tag() -> None:
    account = Account()
    service = replace(BACKEND, family="f" * 255)
    keep(Verified(service, 1234567, DIGEST, 1234566), AccountClients(account), Recorder())
    assert max(map(len, account.tags)) <= 128


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
    assert all(map(is_mark, verified(7, over={7: 4})))
    assert not is_mark("0.1.5")
    assert not is_mark("0123456789abcdef0123456789abcdef01234567")
