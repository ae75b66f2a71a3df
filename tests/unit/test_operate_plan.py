"""What a deploy would change against what runs, and what somebody changed by hand."""

from __future__ import annotations

import copy
import shutil
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import pytest
from docker.errors import DockerException

from tasks.operate.plan import Plan, lines_of, look
from tasks.release.task_definition import Identity, load_template, render
from tasks.settings import Settings, load
from tests.support.account import Account, AccountClients
from tests.support.models import AWS, BACKEND, DIGEST, OTHER_DIGEST, REGISTRY, ecs_deployment
from tests.support.project import HERE

if TYPE_CHECKING:
    from docker import DockerClient

    from tasks.documents import Json
    from tasks.settings import Service
    from tests.support.repository import Repository

IMAGE = f"{REGISTRY}/spryte-backend@{DIGEST}"


@pytest.fixture
def settings(repository: Repository) -> Settings:
    """The settings of a committed project with this project's own templates."""
    shutil.copytree(HERE / "aws", repository.root / "aws")
    for name in ("invoke.yaml", ".env.example"):
        shutil.copy(HERE / name, repository.root / name)
    repository.commit("Templates")
    return replace(load(repository.root, {}), target=AWS)


@pytest.fixture
def service(repository: Repository) -> Service:
    """The backend of that project."""
    return replace(BACKEND, root=repository.root)


class WithoutDocker(AccountClients):
    """Where no Docker Engine answers."""

    @cached_property
    def docker(self) -> DockerClient:
        """Nothing is there to connect to."""
        raise DockerException("Connection refused")


def rendered(service: Service, commit: str) -> dict[str, Json]:
    """Return what a deploy of version 0.1.5 registered."""
    return render(load_template(service, AWS), Identity(IMAGE, "0.1.5", commit), AWS)


def planned(settings: Settings, service: Service, running: dict[str, Json], version: str = "") -> Plan:
    """Compare the project with what runs."""
    account = Account({7: "0.1.5"}, [ecs_deployment(7, "ecs-svc/1")])
    account.definitions = {7: running}
    return look(service, version, settings, AccountClients(account))


def with_variable(definition: dict[str, Json], name: str, value: str) -> dict[str, Json]:
    """Return a definition with one more environment variable, as the console would add it."""
    changed = copy.deepcopy(definition)
    containers = changed["containerDefinitions"]
    assert isinstance(containers, list)
    assert isinstance(containers[0], dict)
    environment = containers[0]["environment"]
    assert isinstance(environment, list)
    environment.append({"name": name, "value": value})
    return changed


def test_nothing_would_change_when_the_template_is_what_runs(
    settings: Settings, service: Service, repository: Repository
) -> None:
    found = planned(settings, service, rendered(service, repository.run("rev-parse", "HEAD")))
    assert (found.changes, found.by_hand, found.notes) == ((), (), ())
    assert not found.has_changes


def test_what_was_changed_by_hand_is_told_apart(
    settings: Settings, service: Service, repository: Repository
) -> None:
    running = with_variable(rendered(service, repository.run("rev-parse", "HEAD")), "DEBUG", "true")
    found = planned(settings, service, running)
    assert found.changes == ("containerDefinitions.spryte-backend.environment.DEBUG: true -> (absent)",)
    assert found.by_hand == ("containerDefinitions.spryte-backend.environment.DEBUG: (absent) -> true",)


def test_what_a_deploy_would_only_undo_is_told_once(
    settings: Settings, service: Service, repository: Repository
) -> None:
    commit = repository.run("rev-parse", "HEAD")
    running = with_variable(rendered(service, commit), "DEBUG", "true")
    assert lines_of(planned(settings, service, running)) == [
        "backend   runs spryte-backend:7 (0.1.5); a deploy would only undo what was changed by hand",
        f"          changed by hand, not in the template of commit {commit[:12]}; a deploy would undo it:",
        "            containerDefinitions.spryte-backend.environment.DEBUG: (absent) -> true",
    ]


def test_what_was_changed_by_hand_and_in_git_too_is_told_as_both(
    settings: Settings, service: Service, repository: Repository
) -> None:
    commit = repository.run("rev-parse", "HEAD")
    running = rendered(service, commit) | {"memory": "2048"}
    template = repository.root / service.template
    template.write_text(template.read_text().replace('"memory": "512"', '"memory": "1024"'))
    assert lines_of(planned(settings, service, running)) == [
        "backend   runs spryte-backend:7 (0.1.5); a deploy would change:",
        "            memory: 2048 -> 1024",
        f"          changed by hand, not in the template of commit {commit[:12]}:",
        "            memory: 512 -> 2048",
    ]


def test_a_token_that_was_added_by_hand_is_not_shown(
    settings: Settings, service: Service, repository: Repository
) -> None:
    running = with_variable(rendered(service, repository.run("rev-parse", "HEAD")), "DEBUG_TOKEN", "hidden")
    assert "hidden" not in str(planned(settings, service, running).changes)
    assert lines_of(planned(settings, service, running))[-1].endswith("DEBUG_TOKEN: (absent) -> (set)")


def test_a_service_that_was_scaled_to_zero_is_said_to_refuse_a_deploy(
    settings: Settings, service: Service
) -> None:
    account = Account({7: "0.1.5"}, [ecs_deployment(7, "ecs-svc/1")], settings={"desiredCount": 0})
    notes = look(service, "", settings, AccountClients(account)).notes
    assert "a deploy would be refused: spryte-backend-service is scaled to 0" in notes


def test_what_changed_in_git_since_is_not_by_hand(
    settings: Settings, service: Service, repository: Repository
) -> None:
    running = rendered(service, repository.run("rev-parse", "HEAD"))
    template = repository.root / service.template
    template.write_text(template.read_text().replace('"memory": "512"', '"memory": "1024"'))
    found = planned(settings, service, running)
    assert found.changes == ("memory: 512 -> 1024",)
    assert found.by_hand == ()


@pytest.mark.parametrize("commit", ["", "f" * 40, f"{'f' * 40}-dirty-0123456789ab", "--output=x", "HEAD"])
def test_without_the_commit_it_cannot_be_told_and_git_is_given_no_other_words(
    settings: Settings, service: Service, commit: str
) -> None:
    assert planned(settings, service, rendered(service, commit)).by_hand is None


def test_a_version_shows_the_commit_it_would_bring_and_that_its_image_is_not_there_yet(
    settings: Settings, service: Service, repository: Repository
) -> None:
    running = rendered(service, repository.run("rev-parse", "HEAD"))
    repository.write("frontend/index.html", "new")
    commit = repository.commit("Change something else")

    found = planned(settings, service, running, "0.1.6")

    assert f"the image of commit {commit[:12]} is not in ECR yet" in found.notes
    assert "backend/ has the content of the running image" in found.notes
    assert "containerDefinitions.spryte-backend.environment.APP_VERSION: 0.1.5 -> 0.1.6" in found.changes


def test_a_version_that_was_released_from_another_commit_is_said_to_be_refused_as_a_deploy_refuses_it(
    settings: Settings, service: Service, repository: Repository
) -> None:
    before = repository.run("rev-parse", "HEAD")
    repository.write("frontend/index.html", "new")
    commit = repository.commit("Change something else")
    account = Account({7: "0.1.5"}, [ecs_deployment(7, "ecs-svc/1")], {"0.1.5", commit})
    account.definitions = {7: rendered(service, before)}

    found = look(service, "0.1.5", settings, AccountClients(account))

    refused = f"Version 0.1.5 of backend was released from commit {before[:12]}; this is commit {commit[:12]}."
    assert f"a deploy would be refused: {refused}" in found.notes


def test_a_version_that_is_another_image_is_said_to_be_refused(
    settings: Settings, service: Service, repository: Repository
) -> None:
    commit = repository.run("rev-parse", "HEAD")
    tags = {"0.1.6": OTHER_DIGEST, commit: DIGEST}
    account = Account({7: "0.1.5"}, [ecs_deployment(7, "ecs-svc/1")], set(tags), digests=tags)
    found = look(service, "0.1.6", settings, AccountClients(account))
    (note,) = found.notes
    assert note.startswith(
        "a deploy would be refused: Version 0.1.6 of backend is already in ECR as another image"
    )


def test_without_docker_a_used_version_of_a_commit_that_was_never_pushed_is_left_open(
    settings: Settings, service: Service
) -> None:
    account = Account({7: "0.1.5"}, [ecs_deployment(7, "ecs-svc/1")], {"0.1.6"})
    notes = look(service, "0.1.6", settings, WithoutDocker(account)).notes
    assert "version 0.1.6 is in ECR; whether as this content cannot be told without Docker" in notes


@pytest.mark.parametrize("committed", [True, False])
def test_without_a_version_too_a_new_image_is_a_change(
    settings: Settings, service: Service, repository: Repository, committed: bool
) -> None:
    commit = repository.run("rev-parse", "HEAD")
    running = rendered(service, commit)
    repository.write("backend/more.py", "new")
    if committed:
        repository.commit("Change the backend")

    found = planned(settings, service, running)

    assert found.has_changes
    (line,) = lines_of(found)
    assert line == (
        "backend   runs spryte-backend:7 (0.1.5); a deploy would build a new image: "
        f"backend/ is not that of {commit[:12]}"
    )


def test_secrets_appear_by_name_only(settings: Settings, service: Service, repository: Repository) -> None:
    running = rendered(service, repository.run("rev-parse", "HEAD"))
    template = repository.root / service.template
    template.write_text(template.read_text().replace("secret:spryte/openai-key", "secret:spryte/other-key"))
    found = planned(settings, service, running)
    (change,) = found.changes
    assert "OPENAI_API_KEY" in change
    assert "other-key" not in change


def test_a_service_that_was_never_deployed_is_all_new(settings: Settings, service: Service) -> None:
    account = Account({1: ""}, [ecs_deployment(1)], settings={"desiredCount": 0})
    found = look(service, "", settings, AccountClients(account))
    assert found.has_changes
    assert found.changes == ()
