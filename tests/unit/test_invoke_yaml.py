"""What is wrong in `invoke.yaml` is told with file, line and key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks.documents import DocumentError
from tasks.settings import load

if TYPE_CHECKING:
    from pathlib import Path


def refused(files: Path, old: str, new: str) -> DocumentError:
    """Change the first place of `invoke.yaml` that holds `old` and return what loading says to it."""
    path = files / "invoke.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DocumentError) as caught:
        load(files, {}).select("all")
    assert caught.value.exit_code == 2
    assert caught.value.fix
    return caught.value


def line_of(files: Path, text: str) -> int:
    """Return the first line that holds a text, counted from 1."""
    lines = (files / "invoke.yaml").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_a_missing_file_is_named_with_how_to_restore_it(files: Path) -> None:
    (files / "invoke.yaml").unlink()
    with pytest.raises(DocumentError, match=r"^invoke\.yaml: there is no such file$") as caught:
        load(files, {})
    assert "git checkout invoke.yaml" in caught.value.fix


def test_what_is_no_yaml_is_told_with_its_line(files: Path) -> None:
    error = refused(files, "    port: 5000", "    port: [5000")
    assert str(error).startswith(f"invoke.yaml:{line_of(files, 'health_path: /api')}: is not YAML: ")


def test_a_control_character_is_told_and_not_thrown(files: Path) -> None:
    assert "invoke.yaml" in str(refused(files, "services:", "services:\x00"))


def test_bytes_that_are_no_text_are_told(files: Path) -> None:
    (files / "invoke.yaml").write_bytes(b"services: \xff\xfe\n")
    with pytest.raises(DocumentError, match=r"^invoke\.yaml: cannot be read"):
        load(files, {})


@pytest.mark.parametrize("text", ["", "- backend\n", "just words\n"])
def test_a_file_without_keys_is_told(files: Path, text: str) -> None:
    (files / "invoke.yaml").write_text(text)
    with pytest.raises(DocumentError, match=r"^invoke\.yaml:1: holds no mapping at its top$"):
        load(files, {})


def test_a_mistyped_key_is_told_with_the_one_that_was_meant(files: Path) -> None:
    error = refused(files, "health_path: /api/health", "healthpath: /api/health")
    line = line_of(files, "healthpath")
    assert str(error) == (
        f"invoke.yaml:{line}: services.backend.healthpath: is not a known key. Did you mean 'health_path'?"
    )
    assert "health_path" in error.fix


def test_a_missing_key_is_told_with_the_line_of_its_service(files: Path) -> None:
    error = refused(files, "    port: 5000\n", "")
    assert str(error) == f"invoke.yaml:{line_of(files, '  backend:')}: services.backend.port: is missing"


@pytest.mark.parametrize("port", ["http", "'5000'", "50.5", "true", "[5000]"])
def test_a_port_that_is_no_number_is_told(files: Path, port: str) -> None:
    error = refused(files, "port: 5000", f"port: {port}")
    line = line_of(files, "port:")
    assert str(error) == f"invoke.yaml:{line}: services.backend.port: is not a whole number"


@pytest.mark.parametrize("port", ["0", "-1", "65536"])
def test_a_port_that_no_host_has_is_told(files: Path, port: str) -> None:
    error = refused(files, "port: 5000", f"port: {port}")
    assert f"invoke.yaml:{line_of(files, 'port:')}: services.backend.port: {port} is not" in str(error)


@pytest.mark.parametrize("folder", ["/etc", "../elsewhere", "backend/../../elsewhere", "''"])
def test_a_path_outside_the_project_is_told(files: Path, folder: str) -> None:
    error = refused(files, "folder: backend", f"folder: {folder}")
    assert f"invoke.yaml:{line_of(files, 'folder:')}: services.backend.folder:" in str(error)
    assert "is not a path inside the project" in str(error)


@pytest.mark.parametrize("folder", ["backend/", "./backend"])
def test_other_spellings_of_a_folder_mean_the_same(files: Path, folder: str) -> None:
    path = files / "invoke.yaml"
    path.write_text(path.read_text().replace("folder: backend", f"folder: {folder}"))
    assert load(files, {}).select("backend")[0].folder == "backend"


def test_a_health_path_without_a_slash_is_told(files: Path) -> None:
    error = refused(files, "health_path: /api/health", "health_path: api/health")
    assert str(error).endswith("services.backend.health_path: 'api/health' does not start with '/'")


@pytest.mark.parametrize("name", ["all", "Backend", "back end", "1", "true", "1st"])
def test_a_name_that_no_service_can_have_is_told(files: Path, name: str) -> None:
    error = refused(files, "  backend:", f"  {name}:")
    assert str(error).lower().endswith(f": services.{name}: cannot be a service's name".lower())


def test_a_service_that_is_no_mapping_is_told(files: Path) -> None:
    (files / "invoke.yaml").write_text("services:\n  backend: 5\nrelease: {}\nstand_ins: {}\n")
    with pytest.raises(DocumentError, match=r"^invoke\.yaml:3: release\.remote: is missing$"):
        load(files, {})


def test_a_file_without_services_deploys_not_nothing_but_complains(files: Path) -> None:
    text = (files / "invoke.yaml").read_text()
    (files / "invoke.yaml").write_text("services: {}\n" + text[text.index("# Where") :])
    with pytest.raises(DocumentError, match=r"^invoke\.yaml:1: services: "):
        load(files, {}).select("all")


@pytest.mark.parametrize("section", ["services", "release", "stand_ins"])
def test_a_missing_section_is_told(files: Path, section: str) -> None:
    error = refused(files, f"\n{section}:", f"\nx_{section}:")
    assert str(error) == f"invoke.yaml: {section}: is missing or not a mapping"


def test_an_unknown_key_of_the_release_is_told(files: Path) -> None:
    error = refused(files, "  branch: main", "  brunch: main")
    assert "release.brunch: is not a known key. Did you mean 'branch'?" in str(error)


def test_packages_that_are_no_list_are_told(files: Path) -> None:
    error = refused(files, "python: [python3", "python: python3 #")
    assert "stand_ins.images.python: is not a list of texts" in str(error)


def test_a_first_count_below_one_would_start_nothing_and_is_refused(files: Path) -> None:
    error = refused(files, "    port: 5000", "    first_count: 0\n    port: 5000")
    assert "services.backend.first_count: 0 is not a positive number" in str(error)
