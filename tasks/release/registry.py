"""push: Image -> PushedImage. In ECR under the full git hash and the version, its digest confirmed."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.docker_messages import messages
from tasks.errors import NotReadyError, PushError
from tasks.release.missing import remedy
from tasks.sdk_errors import asking_aws, asking_docker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from types_boto3_ecr.type_defs import ImageTypeDef

    from tasks.clients import Clients
    from tasks.docker_messages import Message
    from tasks.release.image import Image
    from tasks.report import Report
    from tasks.settings import Service, Target


LARGE_LAYER = 1_000_000  # bytes; smaller layers are gone before a bar for them is drawn


class RepositoryMissingError(NotReadyError):
    """The service's repository does not exist."""

    def __init__(self, service: Service, target: Target) -> None:
        super().__init__(
            f"There is no ECR repository '{service.repository}' in account {target.account}, {target.region}.",
            fix=remedy(
                service.variable("ECR_REPOSITORY"),
                f"aws ecr create-repository --repository-name {service.repository} "
                "--image-tag-mutability IMMUTABLE",
                target,
            ),
        )


class NoDigestError(PushError):
    """Docker reported neither an error nor a digest."""

    def __init__(self, reference: str, found: str) -> None:
        super().__init__(
            f"The push of {reference} was not confirmed: {found}.",
            fix="Push again; if it stays so, look at the Docker Engine's own log.",
        )


class TooManyTagsError(PushError):
    """The image bears as many tags as ECR allows."""

    def __init__(self, service: Service, tag: str) -> None:
        super().__init__(
            f"ECR takes no more tags on the image in {service.repository} that '{tag}' is for (1,000 at most).",
            fix=f"Remove those of old releases: ./inv prune --service={service.name}",
        )


@dataclass(frozen=True)
class PushedImage:
    """An image in ECR; `digest` is its manifest's, `sha256:...`; `new_tags` are those this push added."""

    image: Image
    repository: str
    digest: str
    new_tags: tuple[str, ...]

    @property
    def reference(self) -> str:
        """What a task definition names: the repository at the digest, never a tag."""
        return f"{self.repository}@{self.digest}"


def push(image: Image, clients: Clients, report: Report) -> PushedImage:
    """Push the image under its commit and its version, or find that it is there.

    A tag that is there already is never pushed again, so the same push run twice succeeds on a repository
    with immutable tags. Whether the version is free was asked before (`tasks/release/version.py`).

    Raises:
        RepositoryMissingError: the repository does not exist.
        NoDigestError: the registry holds no such tag, or another digest, after the push.
        PushError: the registry or the engine refused.
    """
    source, service = image.source, image.source.service
    repository = f"{clients.target.registry}/{service.repository}"
    there = tagged(service, (source.tag, source.version), clients)
    if digest := there.get(source.tag, ""):
        report.say(f"{source.label} is in ECR as {digest[:19]}")
    else:
        digest = _push_tag(image, repository, clients, report)
    added = [] if source.tag in there else [source.tag]
    if source.version not in there:
        add_tag(service, digest, source.version, clients)
        added.append(source.version)
    confirmed = tagged(service, (source.tag, source.version), clients)
    for tag in (source.tag, source.version):
        if confirmed.get(tag) != digest:
            raise NoDigestError(f"{repository}:{tag}", f"ECR has {confirmed.get(tag, 'no such tag')}")
    return PushedImage(image, repository, digest, tuple(added))


def tagged(service: Service, tags: tuple[str, ...], clients: Clients) -> dict[str, str]:
    """Return the digest behind each of the tags that exist; raises `RepositoryMissingError`."""
    return {tag: found["imageId"]["imageDigest"] for tag, found in _images(service, tags, clients).items()}


def _images(service: Service, tags: tuple[str, ...], clients: Clients) -> dict[str, ImageTypeDef]:
    found: dict[str, ImageTypeDef] = {}
    for tag in tags:
        with asking_aws(f"looking for the tag {tag[:12]} in ECR", PushError):
            try:
                answer = clients.ecr.batch_get_image(
                    repositoryName=service.repository, imageIds=[{"imageTag": tag}]
                )
            except clients.ecr.exceptions.RepositoryNotFoundException as error:
                raise RepositoryMissingError(service, clients.target) from error
        for image in answer["images"]:
            found[tag] = image
    return found


def _push_tag(image: Image, repository: str, clients: Clients, report: Report) -> str:
    tag, credentials = image.source.tag, _log_in(clients)
    reference = f"{repository}:{tag}"
    report.say(f"pushing {reference}")
    with asking_docker("pushing", PushError):
        clients.docker.images.get(image.reference).tag(repository, tag=tag)
        stream = clients.docker.api.push(repository, tag=tag, stream=True, decode=True, auth_config=credentials)
        return _follow(reference, messages(stream), report)


def _log_in(clients: Clients) -> dict[str, str]:
    with asking_aws("logging in to ECR", PushError):
        token = clients.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    return {"username": user, "password": password}


def _follow(reference: str, said: Iterable[Message], report: Report) -> str:
    """Return the digest that the push reports; docker-py itself raises nothing (docker-py issue 3161)."""
    digest = ""
    for message in said:
        if message.error:
            raise PushError(
                f"{reference} was not pushed: {message.error}",
                fix="Fix what the registry says; what was uploaded already will not be sent again.",
            )
        if message.total >= LARGE_LAYER:
            report.progress(f"layer {message.layer}", message.done, message.total)
        digest = message.digest or digest
    if not digest:
        raise NoDigestError(reference, "Docker reported no digest")
    return digest


def add_tag(service: Service, digest: str, tag: str, clients: Clients) -> None:
    """Give a pushed image one more tag by its manifest; nothing is uploaded again.

    Raises:
        TooManyTagsError: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html
            (LimitExceededException)
        NoDigestError: ECR has no such image.
        PushError: ECR refused.
    """
    with asking_aws(f"tagging the image {tag}", PushError):
        manifest = clients.ecr.batch_get_image(
            repositoryName=service.repository, imageIds=[{"imageDigest": digest}]
        )["images"]
        if not manifest:
            raise NoDigestError(f"{service.repository}@{digest}", "ECR has no such image")
        try:
            clients.ecr.put_image(
                repositoryName=service.repository,
                imageManifest=manifest[0]["imageManifest"],
                imageManifestMediaType=manifest[0]["imageManifestMediaType"],
                imageTag=tag,
            )
        except clients.ecr.exceptions.ImageAlreadyExistsException:
            return  # the tag is on this very image: that is what was wanted
        except clients.ecr.exceptions.LimitExceededException as error:
            raise TooManyTagsError(service, tag) from error
