"""Base images: which one each build argument gets, and what a stand-in is made of."""

from __future__ import annotations

import io
import tarfile
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.embedded import (
    base_images,
    stand_ins,
    streams,
)
from tasks.embedded.stand_ins import RecipeError, StandInError
from tasks.settings import Settings, StandIns, load
from tests.support.models import BACKEND
from tests.support.project import HERE

if TYPE_CHECKING:
    from pathlib import Path


DEBIAN = StandIns("trixie", {"python": ("python3", "curl"), "nginx": ("nginx",)})


@pytest.fixture
def settings() -> Settings:
    return load(HERE, {})


@pytest.mark.parametrize(
    ("line", "image"),
    [
        ("ARG PYTHON_IMAGE=python:3.13-slim", "python:3.13-slim"),
        ('arg PYTHON_IMAGE="python:3.13-slim"', "python:3.13-slim"),
        (
            "  ARG  PYTHON_IMAGE=registry.example.com:5000/python@sha256:1234  ",
            "registry.example.com:5000/python@sha256:1234",
        ),
    ],
)
def test_the_official_image_is_the_arguments_default_in_the_dockerfile(line: str, image: str) -> None:
    assert base_images.arguments(f"# comment\n{line}\nFROM x\n") == {"PYTHON_IMAGE": image}


def test_an_argument_after_the_first_from_or_without_a_default_is_no_base_image() -> None:
    assert base_images.arguments("ARG NOTHING\nARG A=b\nFROM ${A}\nARG LATER=c\n") == {"A": "b"}


def test_the_projects_own_dockerfiles_name_an_official_image_for_every_argument(settings: Settings) -> None:
    wanted = {each.argument: each for each in base_images.wanted(settings.select("all"), settings)}
    assert set(wanted) == {"PYTHON_IMAGE", "NODE_IMAGE", "NGINX_IMAGE"}
    assert wanted["NODE_IMAGE"].official.startswith("node:")
    assert wanted["NODE_IMAGE"].stand_in == "node"


def test_an_argument_that_is_not_in_the_dockerfile_is_named_with_its_near_miss(settings: Settings) -> None:
    service = replace(BACKEND, base_images={"PYTON_IMAGE": "python"})
    with pytest.raises(base_images.BaseImageError) as caught:
        base_images.wanted([service], settings)
    assert "services.backend.base_images.PYTON_IMAGE" in str(caught.value)
    assert "backend/Dockerfile has no line ARG PYTON_IMAGE=IMAGE" in str(caught.value)


def test_a_stand_in_that_is_not_described_is_named_with_its_near_miss(settings: Settings) -> None:
    service = replace(BACKEND, base_images={"PYTHON_IMAGE": "pyton"})
    with pytest.raises(base_images.BaseImageError, match=r"there is no stand-in 'pyton'\. Did you mean 'python'"):
        base_images.wanted([service], settings)


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("python:3.13", "docker.io"),
        ("library/python", "docker.io"),
        ("localhost/python", "localhost"),
        ("localhost:5000/python", "localhost:5000"),
        ("public.ecr.aws/docker/library/python:3.13", "public.ecr.aws"),
    ],
)
def test_an_image_names_its_registry(image: str, registry: str) -> None:
    assert base_images.registry_of(image) == registry


@pytest.mark.parametrize(
    ("answer", "out_of_reach"),
    [
        ("dial tcp: lookup registry-1.docker.io: no such host", True),
        ("the registry said nothing for 20 s (timeout)", True),
        ("manifest for python:9.9 not found: manifest unknown", False),
    ],
)
def test_a_registry_out_of_reach_is_not_asked_again(answer: str, *, out_of_reach: bool) -> None:
    assert bool(base_images.OUT_OF_REACH.search(answer)) is out_of_reach


def test_a_stand_ins_tag_stays_the_same_for_the_same_recipe(tmp_path: Path) -> None:
    tag = stand_ins.recipes(DEBIAN, tmp_path)["python"].tag
    assert tag == stand_ins.recipes(DEBIAN, tmp_path)["python"].tag
    assert tag.startswith("spryte-stand-in/python:trixie-")


def test_other_packages_give_one_stand_in_another_tag_and_leave_the_rest(tmp_path: Path) -> None:
    before = stand_ins.recipes(DEBIAN, tmp_path)
    after = stand_ins.recipes(StandIns("trixie", {**DEBIAN.packages, "python": ("python3",)}), tmp_path)
    assert after["python"].tag != before["python"].tag
    assert after["nginx"].tag == before["nginx"].tag


@pytest.mark.parametrize("change", ["suite", "certificate"])
def test_another_suite_or_certificate_gives_every_stand_in_another_tag(tmp_path: Path, change: str) -> None:
    before = stand_ins.recipes(DEBIAN, tmp_path)
    if change == "certificate":
        (tmp_path / "company.crt").write_text("a certificate")
    suite = "forky" if change == "suite" else "trixie"
    after = stand_ins.recipes(StandIns(suite, DEBIAN.packages), tmp_path)
    assert all(after[name].tag != before[name].tag for name in before)


@pytest.mark.parametrize(
    ("described", "named"),
    [
        (StandIns("trixie; reboot", {"python": ("python3",)}), "stand_ins.suite: 'trixie; reboot'"),
        (StandIns("trixie", {"python": ("python3 && reboot",)}), "stand_ins.images.python: 'python3 && reboot'"),
        (StandIns("trixie", {"python": ()}), "stand_ins.images.python"),
    ],
)
def test_a_recipe_that_cannot_be_one_is_refused_before_it_reaches_a_shell(described: StandIns, named: str) -> None:
    with pytest.raises(RecipeError) as caught:
        stand_ins.recipes(described)
    assert named in str(caught.value)


def test_a_stand_in_that_cannot_be_made_also_says_why_the_official_image_did_not_come() -> None:
    error = StandInError("mmdebstrap could not make Debian trixie.", "python:3.13: no such host", "Fix it.")
    assert str(error).endswith("The official image did not come either: python:3.13: no such host")


def test_an_archive_loses_documentation_and_keeps_licences_folders_and_programs(tmp_path: Path) -> None:
    names = ["usr/bin/curl", "usr/share/doc/curl/NEWS", "usr/share/doc/curl/copyright", "usr/share/locale/de/x"]
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        for name in names:
            member = tarfile.TarInfo(f"./{name}")
            member.size = 3
            archive.addfile(member, io.BytesIO(b"abc"))
        folder = tarfile.TarInfo("./usr/share/locale")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    stand_ins.slim(tmp_path / "all.tar", tmp_path / "slim.tar")
    with tarfile.open(tmp_path / "slim.tar") as archive:
        kept = {member.name for member in archive}
    assert kept == {"./usr/bin/curl", "./usr/share/doc/curl/copyright", "./usr/share/locale"}


def test_what_several_sources_say_arrives_with_their_names() -> None:
    said = list(streams.merged({"a": lambda: [1, 2], "b": lambda: [3]}))
    assert sorted(said) == [("a", 1), ("a", 2), ("b", 3)]


def test_a_failing_source_is_raised_after_the_others_have_ended() -> None:
    def broken() -> list[int]:
        raise KeyError("broken")

    said = list[tuple[str, int]]()
    with pytest.raises(KeyError, match="broken"):
        said.extend(streams.merged({"a": broken, "b": lambda: [3]}))
    assert said == [("b", 3)]


def test_sources_that_say_nothing_are_given_up() -> None:
    never = threading.Event()

    def silent() -> list[int]:
        never.wait()
        return []

    with pytest.raises(streams.SilenceError):
        list(streams.merged({"a": silent}, silence=0.01))
    never.set()
