"""Pushing: once under the commit and once under the version, with the digest confirmed by ECR itself."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.errors import PushError
from tasks.release.registry import NoDigestError, RepositoryMissingError, push, tagged
from tasks.report import Report
from tasks.sdk_errors import AccessDeniedError
from tests.support.fakes import FakeDocker, Recorder, StubbedClients
from tests.support.models import AWS, BACKEND, COMMIT, DIGEST, IMAGE, OTHER_DIGEST, REGISTRY, SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.documents import Json

REPOSITORY = f"{REGISTRY}/spryte-backend"
PUSHED: list[Mapping[str, Json]] = [
    {"status": f"The push refers to repository [{REPOSITORY}]"},
    {"status": "Pushed", "progressDetail": {}, "id": "a1"},
    {"progressDetail": {}, "aux": {"Tag": COMMIT, "Digest": DIGEST, "Size": 1234}},
]


def with_engine(*stream: Mapping[str, Json], **attributes: Json) -> StubbedClients:
    """Return clients whose Docker Engine has the image and answers a push with the stream given."""
    docker = FakeDocker(stream)
    docker.has(IMAGE.reference, **attributes)
    return StubbedClients(AWS, docker)


def expect_version_tag(clients: StubbedClients) -> None:
    """Expect that ECR is asked to put the version on the image, by its manifest."""
    image = {"imageManifest": "{}", "imageManifestMediaType": "application/vnd.oci.image.manifest.v1+json"}
    clients.ecr_stub.add_response(
        "batch_get_image",
        {"images": [{"imageManifest": "{}", "imageManifestMediaType": image["imageManifestMediaType"]}]},
        {"repositoryName": "spryte-backend", "imageIds": [{"imageDigest": DIGEST}]},
    )
    clients.ecr_stub.add_response(
        "put_image", {}, {"repositoryName": "spryte-backend", "imageTag": "0.1.5", **image}
    )


def absent(clients: StubbedClients) -> None:
    """Let ECR have neither tag, and give a token."""
    clients.tags_are((COMMIT, ""), ("0.1.5", ""))
    clients.logs_in()


def test_a_new_image_is_pushed_under_its_commit_and_tagged_with_its_version(report: Recorder) -> None:
    clients = with_engine(*PUSHED)
    absent(clients)
    expect_version_tag(clients)
    clients.tags_are((COMMIT, DIGEST), ("0.1.5", DIGEST))
    pushed = push(IMAGE, clients, report)
    clients.assert_all_asked()
    assert pushed.reference == f"{REPOSITORY}@{DIGEST}"
    assert pushed.new_tags == (COMMIT, "0.1.5")
    assert clients.engine.api.pushed == [(REPOSITORY, COMMIT)]
    assert clients.engine.images.known[IMAGE.reference].tags == [f"{REPOSITORY}:{COMMIT}"]
    assert clients.engine.api.credentials == {"username": "AWS", "password": "the-registry-password"}
    assert "the-registry-password" not in report.text


def test_nothing_is_pushed_when_both_tags_are_there(report: Recorder) -> None:
    clients = with_engine()
    clients.tags_are((COMMIT, DIGEST), ("0.1.5", DIGEST), (COMMIT, DIGEST), ("0.1.5", DIGEST))
    pushed = push(IMAGE, clients, report)
    clients.assert_all_asked()
    assert (pushed.digest, pushed.new_tags) == (DIGEST, ())
    assert clients.engine.api.pushed == []
    assert f"{COMMIT[:12]} is in ECR as {DIGEST[:19]}" in report.text


def test_only_the_version_is_added_when_the_commit_is_there(report: Recorder) -> None:
    clients = with_engine()
    clients.tags_are((COMMIT, DIGEST), ("0.1.5", ""))
    expect_version_tag(clients)
    clients.tags_are((COMMIT, DIGEST), ("0.1.5", DIGEST))
    assert push(IMAGE, clients, report).new_tags == ("0.1.5",)
    clients.assert_all_asked()
    assert clients.engine.api.pushed == []


def test_a_version_tag_that_appeared_meanwhile_is_no_failure(report: Recorder) -> None:
    clients = with_engine()
    clients.tags_are((COMMIT, DIGEST), ("0.1.5", ""))
    clients.ecr_stub.add_response(
        "batch_get_image", {"images": [{"imageManifest": "{}", "imageManifestMediaType": "x"}]}
    )
    clients.ecr_stub.add_client_error("put_image", "ImageAlreadyExistsException", "exists")
    clients.tags_are((COMMIT, DIGEST), ("0.1.5", DIGEST))
    assert push(IMAGE, clients, report).digest == DIGEST


def test_an_image_that_has_its_version_is_given_the_other_commit_too(report: Recorder) -> None:
    clients = with_engine(*PUSHED, RepoDigests=[f"{REPOSITORY}@{DIGEST}"])
    clients.tags_are((COMMIT, ""), ("0.1.5", DIGEST))
    clients.logs_in()
    clients.tags_are((COMMIT, DIGEST), ("0.1.5", DIGEST))
    assert push(IMAGE, clients, report).new_tags == (COMMIT,)
    clients.assert_all_asked()


@pytest.mark.parametrize(
    "message", ["denied: requested access to the resource is denied", "tag invalid: the tag is immutable"]
)
def test_an_error_in_the_stream_is_an_error(report: Recorder, message: str) -> None:
    clients = with_engine(PUSHED[0], {"errorDetail": {"message": message}, "error": message}, PUSHED[2])
    absent(clients)
    with pytest.raises(PushError) as caught:
        push(IMAGE, clients, report)
    assert str(caught.value) == f"{REPOSITORY}:{COMMIT} was not pushed: {message}"
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("stream", [[], PUSHED[:2], [{"aux": {}}], [{"aux": {"Digest": ""}}]])
def test_a_push_without_a_digest_is_no_success(report: Recorder, stream: list[Mapping[str, Json]]) -> None:
    clients = with_engine(*stream)
    absent(clients)
    with pytest.raises(NoDigestError) as caught:
        push(IMAGE, clients, report)
    assert str(caught.value) == (
        f"The push of {REPOSITORY}:{COMMIT} was not confirmed: Docker reported no digest."
    )
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(("found", "told"), [("", "no such tag"), (OTHER_DIGEST, OTHER_DIGEST)])
def test_a_push_that_ecr_does_not_confirm_is_no_success(report: Recorder, found: str, told: str) -> None:
    clients = with_engine(*PUSHED)
    absent(clients)
    expect_version_tag(clients)
    clients.tags_are((COMMIT, found), ("0.1.5", DIGEST))
    with pytest.raises(NoDigestError, match=f"ECR has {told}"):
        push(IMAGE, clients, report)


def test_a_digest_that_ecr_does_not_know_gets_no_version(report: Recorder) -> None:
    clients = with_engine(*PUSHED)
    absent(clients)
    clients.ecr_stub.add_response("batch_get_image", {"images": []})
    with pytest.raises(NoDigestError, match="ECR has no such image"):
        push(IMAGE, clients, report)


def test_the_containerd_image_store_tells_the_digest_in_words(report: Recorder) -> None:
    clients = with_engine(PUSHED[0], {"status": f"{COMMIT}: digest: {DIGEST} size: 1234"})
    absent(clients)
    expect_version_tag(clients)
    clients.tags_are((COMMIT, DIGEST), ("0.1.5", DIGEST))
    assert push(IMAGE, clients, report).digest == DIGEST


def test_the_upload_of_a_large_layer_is_shown_as_it_goes_on() -> None:
    shown = io.StringIO()
    report = Report(shown, itertools.count().__next__)  # each message a second after the one before
    steps: list[Mapping[str, Json]] = [
        {"status": "Pushing", "id": "a1", "progressDetail": {"current": current * 100_000, "total": 4_000_000}}
        for current in range(41)
    ]
    clients = with_engine(*steps, *PUSHED)
    absent(clients)
    expect_version_tag(clients)
    clients.tags_are((COMMIT, DIGEST), ("0.1.5", DIGEST))
    push(IMAGE, clients, report)
    assert [line for line in shown.getvalue().splitlines() if line.startswith("layer a1")] == [
        f"layer a1 {share:>3}% of 4.0 MB" for share in (12, 25, 38, 50, 62, 75, 88, 100)
    ]


def test_a_missing_repository_is_told_with_the_variable_that_names_it(report: Recorder) -> None:
    clients = with_engine()
    clients.ecr_stub.add_client_error("batch_get_image", "RepositoryNotFoundException", "not found")
    with pytest.raises(RepositoryMissingError) as caught:
        push(IMAGE, clients, report)
    assert str(caught.value) == ("There is no ECR repository 'spryte-backend' in account 727646509464, us-east-2.")
    assert "ECR_REPOSITORY_" in caught.value.fix
    assert "no stack yet: ./inv setup.stack --target=aws" in caught.value.fix
    assert "aws ecr create-repository --repository-name spryte-backend" in caught.value.fix
    assert caught.value.exit_code == 3


def test_a_missing_permission_is_named(clients: StubbedClients) -> None:
    clients.ecr_stub.add_client_error(
        "batch_get_image", "AccessDeniedException", "x is not authorized to perform: ecr:BatchGetImage on y"
    )
    with pytest.raises(AccessDeniedError, match="the permission ecr:BatchGetImage is missing"):
        tagged(BACKEND, ("0.1.5",), clients)


def test_a_dirty_tree_is_pushed_under_a_tag_that_says_so(report: Recorder) -> None:
    mark = f"{COMMIT}-dirty-89abcdef0123"
    clients = with_engine(*PUSHED)
    clients.tags_are((mark, ""), ("0.1.5", ""))
    clients.logs_in()
    expect_version_tag(clients)
    clients.tags_are((mark, DIGEST), ("0.1.5", DIGEST))
    push(replace(IMAGE, source=replace(SOURCE, dirty=True)), clients, report)
    assert clients.engine.api.pushed == [(REPOSITORY, mark)]
