"""The end of a command in words and as JSON: what is where, its address, and where the time went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.report import SHOWN_SECONDS, Outcome, timing_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.documents import Json
    from tasks.release.image import Image
    from tasks.release.pipeline import Released
    from tasks.release.registry import PushedImage
    from tasks.release.smoke import VerifiedVersion
    from tasks.release.task_definition import Revision
    from tasks.release.wait_advice import Wait
    from tasks.report import Report, Timing
    from tasks.settings import Settings


def built(images: Sequence[Image], settings: Settings, report: Report) -> Outcome:
    """Tell of images."""
    lines = [
        f"{image.source.service.name:<9} {image.reference} ({image.size / 1e6:.0f} MB, "
        f"{'existed' if image.reused else 'built'})"
        for image in images
    ]
    return _outcome([_image(image) for image in images], lines, settings, report)


def pushed(images: Sequence[PushedImage], settings: Settings, report: Report) -> Outcome:
    """Tell of images in the registry."""
    lines = [
        f"{each.image.source.service.name:<9} {each.reference}"
        f" ({'new tags: ' + ', '.join(each.new_tags) if each.new_tags else 'was there already'})"
        for each in images
    ]
    return _outcome([_pushed(each) for each in images], lines, settings, report)


def registered(revisions: Sequence[Revision], settings: Settings, report: Report) -> Outcome:
    """Tell of revisions."""
    lines = [
        f"{each.pushed.image.source.service.name:<9} {each.name} ({'existed' if each.reused else 'new'})"
        for each in revisions
    ]
    return _outcome([_revision(each) for each in revisions], lines, settings, report)


def deployed(releases: Sequence[Released], settings: Settings, report: Report) -> Outcome:
    """Tell of finished deploys."""
    lines: list[str] = []
    for each in releases:
        source, start = each.deployment.revision.pushed.image.source, each.deployment
        was = f"{start.before.version} ({start.before.name})" if start.before.version else "nothing"
        lines += [
            f"{source.service.name:<9} version {each.verified.version} serves, {source.label}",
            f"{'':<9} {start.service.cluster}/{start.service.ecs_service} runs {start.rollout.name}, "
            + ("as before" if start.adopted else f"before it {was}"),
            f"{'':<9} {start.revision.pushed.reference}",
            f"{'':<9} {each.verified.url}",
            *_wait_lines(each.wait),
        ]
    return _outcome([_released(each) for each in releases], lines, settings, report)


def verified(versions: Sequence[VerifiedVersion], settings: Settings, report: Report) -> Outcome:
    """Tell of versions seen to serve."""
    lines = [f"{each.service.name:<9} version {each.version} serves at {each.url}" for each in versions]
    return _outcome([_verified(each) for each in versions], lines, settings, report)


def _wait_lines(wait: Wait | None) -> tuple[str, ...]:
    """Return where the wait for ECS went, the longest part first, and what would shorten that."""
    if wait is None or wait.seconds < SHOWN_SECONDS:
        return ()
    ranked = sorted(
        (each for each in wait.phases if each.seconds >= SHOWN_SECONDS), key=lambda each: -each.seconds
    )
    parts = ", ".join(f"{phase.name} {phase.seconds:.1f} s" for phase in ranked)
    return (
        f"{'':<9} ECS took {wait.seconds:.1f} s: {parts}",
        f"{'':<9} to shorten {wait.longest.name}: {wait.setting}",
    )


def _outcome(services: list[Json], lines: list[str], settings: Settings, report: Report) -> Outcome:
    address = f"{'page':<9} {settings.target.app_url}/"
    return Outcome(
        {
            "target": settings.target.name,
            "url": f"{settings.target.app_url}/",
            "services": services,
            "timings": [_timing(timing) for timing in report.timings],
            "elapsed_seconds": round(sum(timing.seconds for timing in report.timings), 3),
        },
        (*lines, address, *timing_lines(report.timings)),
    )


def _image(image: Image) -> dict[str, Json]:
    source = image.source
    return {
        "service": source.service.name,
        "version": source.version,
        "commit": source.tag,
        "image": {
            "id": image.id,
            "reference": image.reference,
            "size_bytes": image.size,
            "reused": image.reused,
        },
    }


def _pushed(each: PushedImage) -> dict[str, Json]:
    found: dict[str, Json] = {"repository": each.repository, "digest": each.digest}
    return {**_image(each.image), **found, "new_tags": list(each.new_tags)}


def _revision(each: Revision) -> dict[str, Json]:
    return {
        **_pushed(each.pushed),
        "task_definition": each.arn,
        "revision": each.name,
        "revision_reused": each.reused,
        "changes": list(each.changes),
    }


def _released(each: Released) -> dict[str, Json]:
    start, compared = each.deployment, each.deployment.compared
    changes: dict[str, Json] = {}
    if compared:
        changes = {
            "changes": list(compared.changes),
            "undone": [change for change in compared.changes if change in compared.undone],
            "compared_with": start.before.name,
        }
    return {
        **_revision(start.revision),
        **changes,
        "cluster": start.service.cluster,
        "ecs_service": start.service.ecs_service,
        "deployment": start.id,
        "adopted": start.adopted,
        "before": {"revision": start.before.name, "version": start.before.version},
        **_verified(each.verified),
        "wait": _wait(each.wait) if each.wait else None,
    }


def _wait(wait: Wait) -> dict[str, Json]:
    return {
        "seconds": round(wait.seconds, 3),
        "phases": [{"phase": phase.name, "seconds": round(phase.seconds, 3)} for phase in wait.phases],
        "longest": wait.longest.name,
        "setting": wait.setting,
    }


def _verified(each: VerifiedVersion) -> dict[str, Json]:
    return {"service": each.service.name, "version": each.version, "commit": each.commit, "url": each.url}


def _timing(timing: Timing) -> dict[str, Json]:
    return {"service": timing.service, "stage": timing.stage, "seconds": round(timing.seconds, 3)}
