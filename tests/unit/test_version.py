"""A version belongs to one image and one commit: every command refuses one that is taken, on the same grounds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.release import dry_run, pipeline
from tasks.release.image import reference_of
from tasks.release.version import VersionMovedError, VersionUsedError, other_commit, refusal, require_free
from tasks.sdk_errors import AccessDeniedError
from tests.support.account import Account, AccountClients, verified
from tests.support.models import AWS, COMMIT, DIGEST, IMAGE, OTHER_DIGEST, REGISTRY, SOURCE

if TYPE_CHECKING:
    from tasks.documents import Json
    from tests.support.fakes import Recorder

OTHER = "fedcba9876543210fedcba9876543210fedcba98"
REPOSITORY = f"{REGISTRY}/spryte-backend"
USED = {"0.1.5", COMMIT}


def account(commits: dict[int, str], later: dict[int, str] | None = None) -> Account:
    """Return an account where revision 7 has version 0.1.5 and later ones what is told, from these commits."""
    revisions = {4: "0.1.4", 7: "0.1.5", **(later or {})}
    return Account(revisions=revisions, commits=commits, tags=USED | verified(*revisions))


def test_a_version_that_was_registered_from_another_commit_is_refused_with_both() -> None:
    with pytest.raises(VersionMovedError) as caught:
        require_free(SOURCE, AccountClients(account({7: OTHER})))
    assert str(caught.value) == (
        f"Version 0.1.5 of backend was released from commit {OTHER[:12]}; this is commit {COMMIT[:12]}."
    )
    assert caught.value.fix == (
        "Never use a version twice and never move its tag: release this commit under the next one, "
        f"or put backend-v0.1.5 back on {OTHER[:12]}."
    )
    assert caught.value.exit_code == 5


def test_it_is_refused_in_the_push_before_anything_is_pushed(report: Recorder) -> None:
    clients = AccountClients(account({7: OTHER}))
    with pytest.raises(VersionMovedError):
        pipeline.push(IMAGE, clients, report)
    assert clients.engine.api.pushed == []
    assert clients.account.requests("ecr:PutImage") == []


def test_the_same_commit_again_passes_at_the_cost_of_three_questions() -> None:
    clients = AccountClients(account({7: COMMIT}))
    require_free(SOURCE, clients)
    assert [operation for operation, _ in clients.account.asked] == [
        "ecr:BatchGetImage",
        "ecr:BatchGetImage",
        "ecs:DescribeTaskDefinition",
    ]


def test_a_version_that_is_not_in_ecr_passes_without_a_look_at_revisions_or_docker() -> None:
    clients = AccountClients(Account(revisions={7: "0.1.4"}))
    require_free(SOURCE, clients)
    assert {operation for operation, _ in clients.account.asked} == {"ecr:BatchGetImage"}


def test_a_moved_tag_of_an_older_version_is_found_by_what_was_verified() -> None:
    clients = AccountClients(account({7: OTHER}, {8: "0.1.6", 9: "0.1.7"}))
    assert other_commit(SOURCE, DIGEST, clients) == OTHER


def test_an_older_version_may_be_deployed_again_from_its_own_commit() -> None:
    assert other_commit(SOURCE, DIGEST, AccountClients(account({7: COMMIT, 9: OTHER}, {9: "0.1.7"}))) == ""


def test_it_is_enough_that_one_revision_of_the_version_has_the_commit() -> None:
    assert other_commit(SOURCE, DIGEST, AccountClients(account({7: COMMIT, 9: OTHER}, {9: "0.1.5"}))) == ""


def test_a_revision_that_was_deregistered_still_tells_its_commit() -> None:
    known = account({7: OTHER}, {9: "0.1.7"})
    known.inactive.add(7)
    assert other_commit(SOURCE, DIGEST, AccountClients(known)) == OTHER


def test_only_revisions_that_run_the_version_s_image_are_read() -> None:
    known = account({7: OTHER}, {number: f"0.2.{number}" for number in range(8, 250)})
    known.digests = dict.fromkeys(known.tags, OTHER_DIGEST) | {
        "0.1.5": DIGEST,
        "verified-spryte-backend-7": DIGEST,
    }
    clients = AccountClients(known)
    assert other_commit(SOURCE, DIGEST, clients) == OTHER
    read = [asked["taskDefinition"] for asked in clients.account.requests("ecs:DescribeTaskDefinition")]
    assert read == ["spryte-backend", "spryte-backend:7"]
    assert len(clients.account.requests("ecr:BatchGetImage")) == 3


def test_uncommitted_changes_belong_to_no_commit() -> None:
    clients = AccountClients(account({7: OTHER}))
    assert other_commit(replace(SOURCE, dirty=True), DIGEST, clients) == ""


def test_what_was_deployed_with_uncommitted_changes_may_be_committed_and_deployed_again() -> None:
    assert other_commit(SOURCE, DIGEST, AccountClients(account({7: f"{OTHER}-dirty-89abcdef0123"}))) == ""


@pytest.mark.parametrize("commit", ["", "unknown"])
def test_a_revision_that_names_no_commit_tells_nothing(commit: str) -> None:
    assert other_commit(SOURCE, DIGEST, AccountClients(account({7: commit}))) == ""


def test_a_family_without_revisions_tells_nothing() -> None:
    assert other_commit(SOURCE, DIGEST, AccountClients(Account(tags={*USED}))) == ""


def test_a_missing_permission_is_named() -> None:
    known = account({7: OTHER})
    known.denied.add("ecs:DescribeTaskDefinition")
    with pytest.raises(AccessDeniedError, match="ecs:DescribeTaskDefinition is missing"):
        require_free(SOURCE, AccountClients(known))


def test_a_dry_run_tells_that_it_would_be_refused() -> None:
    told = dry_run.tell((SOURCE,), AccountClients(account({7: OTHER})), dry_run.PUSH)
    assert f"would be refused: Version 0.1.5 of backend was released from commit {OTHER[:12]}" in told.lines[0]


def image_account(**digests: str) -> AccountClients:
    """Return clients of an account whose repository has the version, and the commit where it is told."""
    tags = {name.replace("version", "0.1.5").replace("commit", COMMIT): each for name, each in digests.items()}
    return AccountClients(Account(tags=set(tags), digests=tags))


def test_a_version_that_names_another_image_is_refused_with_both_facts() -> None:
    refused = refusal(SOURCE, image_account(commit=DIGEST, version=OTHER_DIGEST))
    assert isinstance(refused, VersionUsedError)
    assert str(refused) == (
        f"Version 0.1.5 of backend is already in ECR as another image ({OTHER_DIGEST[:19]}), "
        f"not as commit {COMMIT[:12]}."
    )
    assert refused.fix == "Never use a version twice: choose the next one."
    assert refused.exit_code == 5


@pytest.mark.parametrize("digests", [[], None, [f"elsewhere/spryte-backend@{DIGEST}"], [f"{REPOSITORY}@{DIGEST}"]])
def test_a_version_is_refused_for_an_image_that_was_never_pushed_under_its_digest(digests: Json) -> None:
    clients = image_account(version=OTHER_DIGEST)
    clients.engine.has(reference_of(SOURCE, AWS), RepoDigests=digests)
    assert isinstance(refusal(SOURCE, clients), VersionUsedError)


def test_a_version_is_refused_for_an_image_that_is_still_to_be_built() -> None:
    assert isinstance(refusal(SOURCE, image_account(version=DIGEST)), VersionUsedError)


def test_the_very_same_image_may_keep_its_version_at_another_commit() -> None:
    clients = image_account(version=DIGEST)
    clients.engine.has(reference_of(SOURCE, AWS), RepoDigests=[f"{REPOSITORY}@{DIGEST}"])
    assert refusal(SOURCE, clients) is None


@pytest.mark.parametrize("digest", [DIGEST, OTHER_DIGEST])
def test_a_deploy_is_refused_before_the_build(report: Recorder, digest: str) -> None:
    clients = AccountClients(replace(account({7: OTHER}), digests={"0.1.5": digest}))
    with pytest.raises(VersionMovedError):
        pipeline.prepare(SOURCE, clients, report)
    assert clients.engine.api.built == []
