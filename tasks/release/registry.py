"""push: Image -> PushedImage. In ECR under the full git hash and the version, its digest confirmed."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import NotReadyError, PushError
from tasks.release.image import exists, reference_of
from tasks.release.missing import remedy
from tasks.sdk_errors import asking_aws, asking_docker

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from types_boto3_ecr.type_defs import ImageTypeDef

    from tasks.clients import Clients
    from tasks.documents import Json
    from tasks.release.image import Image
    from tasks.release.source import Source
    from tasks.report import Report
    from tasks.settings import Service, Target


# With the containerd image store the engine tells the digest in words only:
# https://github.com/moby/moby/blob/master/daemon/containerd/image_push.go
IN_WORDS = re.compile(r"digest: (sha256:[0-9a-f]{64}) size: ")
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


class VersionUsedError(PushError):
    """The version's tag already names another image."""

    def __init__(self, source: Source, digest: str) -> None:
        super().__init__(
            f"Version {source.version} of {source.service.name} is already in ECR as another image "
            f"({digest[:19]}), not as {source.label}.",
            fix="Never use a version twice: choose the next one.",
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
    with immutable tags.

    Raises:
        RepositoryMissingError: the repository does not exist.
        VersionUsedError: the version already names another image.
        NoDigestError: the registry holds no such tag, or another digest, after the push.
        PushError: the registry or the engine refused.
    """
    source, service = image.source, image.source.service
    repository = f"{clients.target.registry}/{service.repository}"
    there = tagged(service, (source.tag, source.version), clients)
    digest, used = there.get(source.tag, ""), there.get(source.version, "")
    if used and used != (digest or _pushed_before(image.reference, repository, clients)):
        raise VersionUsedError(source, used)
    if digest:
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


def used_otherwise(source: Source, there: Mapping[str, str], clients: Clients) -> str:
    """Return the digest that ECR has under the version where it cannot be this content's image, else nothing.

    That is known before the image is built: an image is the same only when it was pushed from here before.
    `there` are the digests of its commit and its version, as far as ECR has them.
    """
    used, digest = there.get(source.version, ""), there.get(source.tag, "")
    if not used or used == digest:
        return ""
    reference = reference_of(source, clients.target)
    if digest or not exists(reference, clients):
        return used
    repository = f"{clients.target.registry}/{source.service.repository}"
    return "" if _pushed_before(reference, repository, clients) == used else used


def require_free_version(source: Source, clients: Clients) -> None:
    """Refuse a version that names another image already, before this one is built; raises `VersionUsedError`."""
    there = tagged(source.service, (source.tag, source.version), clients)
    if used := used_otherwise(source, there, clients):
        raise VersionUsedError(source, used)


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


def _pushed_before(reference: str, repository: str, clients: Clients) -> str:
    """Return the digest under which this very image was pushed to the repository before, if it was."""
    with asking_docker("inspecting the image"):
        digests = clients.docker.images.get(reference).attrs.get("RepoDigests") or []
    known = [digest.partition("@")[2] for digest in digests if digest.startswith(f"{repository}@")]
    return known[0] if known else ""


def _push_tag(image: Image, repository: str, clients: Clients, report: Report) -> str:
    tag, credentials = image.source.tag, _log_in(clients)
    reference = f"{repository}:{tag}"
    report.say(f"pushing {reference}")
    with asking_docker("pushing", PushError):
        clients.docker.images.get(image.reference).tag(repository, tag=tag)
        stream: Iterable[dict[str, Json]] = clients.docker.api.push(
            repository, tag=tag, stream=True, decode=True, auth_config=credentials
        )
        return _follow(reference, stream, report)


def _log_in(clients: Clients) -> dict[str, str]:
    with asking_aws("logging in to ECR", PushError):
        token = clients.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    return {"username": user, "password": password}


def _follow(reference: str, stream: Iterable[Mapping[str, Json]], report: Report) -> str:
    """Return the digest that the push reports; docker-py itself raises nothing (docker-py issue 3161)."""
    digest = ""
    for message in stream:
        if "error" in message:
            raise PushError(
                f"{reference} was not pushed: {message['error']}",
                fix="Mend what the registry says; what was uploaded already will not be sent again.",
            )
        detail = message.get("progressDetail")
        if isinstance(detail, dict) and isinstance(total := detail.get("total"), int) and total >= LARGE_LAYER:
            report.progress(f"layer {message.get('id', '')}", float(str(detail.get("current", 0))), total)
        aux = message.get("aux")
        if isinstance(aux, dict) and aux.get("Digest"):
            digest = str(aux["Digest"])
        elif told := IN_WORDS.search(str(message.get("status", ""))):
            digest = digest or told[1]
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
