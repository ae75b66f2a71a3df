"""Building: one linux/amd64 image, or the one of the same content; a failure names its step."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.release.image import FailedStepError, WrongPlatformError, build, reference_of
from tasks.report import Report
from tests.support.fakes import FakeDocker, Recorder, StubbedClients, image_of
from tests.support.models import AWS, BACKEND, SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.documents import Json
    from tasks.settings import Target

REFERENCE = reference_of(SOURCE, AWS)
BUILT: list[Mapping[str, Json]] = [
    {"stream": "Step 1/2 : FROM python:3.13"},
    {"stream": "\n"},
    {"stream": " ---> 1234\n"},
    {"stream": "Step 2/2 : RUN pip install flask"},
    {"stream": "Collecting flask\n"},
    {"aux": {"ID": "sha256:1234"}},
    {"stream": "Successfully built 1234\n"},
]


def building(*stream: Mapping[str, Json], target: Target = AWS, **attributes: Json) -> StubbedClients:
    """Return clients whose Docker Engine answers a build with the stream and has the image after it."""
    return StubbedClients(target, FakeDocker(stream, result=image_of(**attributes)))


def test_an_image_is_built_for_fargates_platform_and_its_steps_are_shown(report: Recorder) -> None:
    clients = building(*BUILT)
    built = build(SOURCE, clients, report)
    assert (built.reference, built.id, built.size, built.reused) == (REFERENCE, "sha256:1234", 50_000_000, False)
    (options,) = clients.engine.api.built
    assert options["platform"] == "linux/amd64"
    assert options["path"] == str(BACKEND.root / "backend")
    assert options["tag"] == REFERENCE
    assert options["nocache"] is False
    assert report.text.splitlines() == [
        "building backend/ for linux/amd64",
        "  0.0 s   1/2 FROM python:3.13",
        "  0.0 s   2/2 RUN pip install flask",
    ]


def test_an_image_of_the_same_content_is_found_and_not_built(report: Recorder) -> None:
    clients = StubbedClients()
    clients.engine.has(REFERENCE)
    assert build(SOURCE, clients, report).reused
    assert clients.engine.api.built == []
    assert report.text == f"image of this content exists: {REFERENCE}\n"


def test_no_cache_builds_even_so_and_without_dockers_cache(report: Recorder) -> None:
    clients = building(*BUILT)
    clients.engine.has(REFERENCE)
    assert not build(SOURCE, clients, report, no_cache=True).reused
    assert clients.engine.api.built[0]["nocache"] is True


def test_only_the_services_own_base_images_are_given(report: Recorder) -> None:
    images = {"PYTHON_IMAGE": "mirror/python:3.13", "NODE_IMAGE": "mirror/node"}
    clients = building(*BUILT, target=replace(AWS, build_args=images))
    build(SOURCE, clients, report)
    assert clients.engine.api.built[0]["buildargs"] == {"PYTHON_IMAGE": "mirror/python:3.13"}


def test_a_failing_step_is_named_with_the_last_lines_it_printed(report: Recorder) -> None:
    lines: list[Mapping[str, Json]] = [{"stream": f"line {number}\n"} for number in range(1, 31)]
    problem = "The command '/bin/sh -c pip install flask' returned a non-zero code: 1"
    error: Mapping[str, Json] = {"errorDetail": {"code": 1, "message": problem}, "error": f"{problem}\n"}
    with pytest.raises(FailedStepError) as caught:
        build(SOURCE, building(*BUILT[:5], *lines, error), report)
    assert str(caught.value) == (
        "The image of backend was not built: backend/Dockerfile, at step 2 of 2 (RUN pip install flask): "
        f"{problem}"
    )
    assert caught.value.evidence == tuple(f"line {number}" for number in range(16, 31))
    assert caught.value.exit_code == 4


def test_the_lines_of_earlier_steps_are_no_evidence(report: Recorder) -> None:
    with pytest.raises(FailedStepError) as caught:
        build(SOURCE, building(*BUILT[:5], {"error": "failed"}), report)
    assert caught.value.evidence == ("Collecting flask",)


def test_a_base_image_that_cannot_be_had_is_told(report: Recorder) -> None:
    problem = "manifest for python:9.99 not found"
    with pytest.raises(FailedStepError, match=r"at step 1 of 2 \(FROM python:3\.13\): manifest for python:9\.99"):
        build(SOURCE, building(BUILT[0], {"error": problem}), report)


def test_a_dockerfile_that_is_not_understood_is_told(report: Recorder) -> None:
    with pytest.raises(FailedStepError, match=r"backend/Dockerfile: dockerfile parse error line 3"):
        build(SOURCE, building({"error": "dockerfile parse error line 3: unknown instruction: RNU"}), report)


@pytest.mark.parametrize(("system", "processor"), [("linux", "arm64"), ("windows", "amd64")])
def test_an_image_for_another_platform_is_refused_and_not_kept(
    report: Recorder, system: str, processor: str
) -> None:
    clients = building(*BUILT, Os=system, Architecture=processor)
    with pytest.raises(WrongPlatformError) as caught:
        build(SOURCE, clients, report)
    assert str(caught.value) == (
        f"The image of backend is for {system}/{processor}; the task definition runs linux/amd64."
    )
    assert "exec format error" in caught.value.fix
    assert caught.value.exit_code == 4
    assert clients.engine.images.known == {}


def test_the_download_of_a_base_image_is_shown() -> None:
    shown, minutes = io.StringIO(), itertools.count(step=60)
    pulls: list[Mapping[str, Json]] = [
        {"status": "Downloading", "id": "a1", "progressDetail": {"current": current, "total": 4_000_000}}
        for current in (0, 1_000_000)
    ]
    build(SOURCE, building(BUILT[0], *pulls, *BUILT[1:]), Report(shown, minutes.__next__))
    assert "Downloading a1  25% of 4.0 MB" in shown.getvalue()


def test_the_image_is_named_after_all_it_is_made_of() -> None:
    others = [
        reference_of(replace(SOURCE, tree="f" * 40), AWS),
        reference_of(SOURCE, replace(AWS, build_args={"PYTHON_IMAGE": "mirror/python"})),
    ]
    assert len({REFERENCE, *others}) == 3
    assert reference_of(replace(SOURCE, version="9.9.9", commit="f" * 40, dirty=True), AWS) == REFERENCE
    assert reference_of(SOURCE, replace(AWS, build_args={"NODE_IMAGE": "of another service"})) == REFERENCE
