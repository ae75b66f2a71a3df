"""Rendering a template: a pure function of the template, the image, the version and the target."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.documents import DocumentError, as_list, as_object
from tasks.release.task_definition import (
    Identity,
    InvalidDefinitionError,
    complete_secrets,
    load_template,
    render,
)
from tasks.settings import load
from tests.support.models import AWS, BACKEND, COMMIT, DIGEST, REGISTRY

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.documents import Json
    from tasks.release.task_definition import Template

TEMPLATE = "aws/backend-task-definition.json"
IDENTITY = Identity(f"{REGISTRY}/spryte-backend@{DIGEST}", "0.1.5", COMMIT)
SECRET = "arn:aws:secretsmanager:us-east-2:727646509464:secret:spryte"


def template(files: Path, old: str = "", new: str = "") -> Template:
    """Load the backend's template, changed in the first place that holds `old`."""
    path = files / TEMPLATE
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return load_template(replace(BACKEND, root=files), AWS)


def container(definition: dict[str, Json]) -> dict[str, Json]:
    """Return the first container of a definition."""
    return as_object(as_list(definition["containerDefinitions"])[0])


def pairs(value: Json) -> dict[Json, Json]:
    """Return a list of names and values as a mapping."""
    return {pair["name"]: pair["value"] for pair in map(as_object, as_list(value))}


@pytest.mark.parametrize("name", ["backend", "frontend"])
def test_the_real_templates_load_and_render_with_the_real_settings(files: Path, name: str) -> None:
    settings = load(files, {})
    (service,) = settings.select(name)
    rendered = render(load_template(service, settings.target), IDENTITY, settings.target)
    assert rendered["family"] == f"spryte-{name}"
    assert "${" not in json.dumps(rendered)


def test_the_image_is_named_by_its_digest(files: Path) -> None:
    assert container(render(template(files), IDENTITY, AWS))["image"] == f"{REGISTRY}/spryte-backend@{DIGEST}"


def test_version_and_commit_reach_the_container_as_variables_and_labels(files: Path) -> None:
    found = container(render(template(files), IDENTITY, AWS))
    assert pairs(found["environment"]) == {"APP_VERSION": "0.1.5", "APP_COMMIT": COMMIT}
    assert found["dockerLabels"] == {
        "org.opencontainers.image.version": "0.1.5",
        "org.opencontainers.image.revision": COMMIT,
    }


def test_previous_values_are_replaced_and_everything_else_is_kept(files: Path) -> None:
    variables = '"environment": [{"name": "APP_VERSION", "value": "0.0.1"}, {"name": "MODE", "value": "x"}],'
    labels = '"dockerLabels": {"org.opencontainers.image.version": "0.0.1", "team": "spryte"},'
    found = container(render(template(files, '"secrets"', f'{variables}{labels} "secrets"'), IDENTITY, AWS))
    assert pairs(found["environment"]) == {"MODE": "x", "APP_VERSION": "0.1.5", "APP_COMMIT": COMMIT}
    assert len(as_list(found["environment"])) == 3
    assert as_object(found["dockerLabels"])["team"] == "spryte"
    assert as_object(found["dockerLabels"])["org.opencontainers.image.version"] == "0.1.5"


def test_a_second_container_stays_as_it_is(files: Path) -> None:
    sidecar = '"containerDefinitions": [{"name": "sidecar", "image": "sidecar:1"},'
    rendered = render(template(files, '"containerDefinitions": [', sidecar), IDENTITY, AWS)
    first, second = map(as_object, as_list(rendered["containerDefinitions"]))
    assert first == {"name": "sidecar", "image": "sidecar:1"}
    assert second["image"] == IDENTITY.image


def test_account_and_region_are_filled_in_everywhere(files: Path) -> None:
    other = replace(AWS, account="111122223333", region="eu-west-1")
    rendered = render(template(files), IDENTITY, other)
    assert rendered["executionRoleArn"] == "arn:aws:iam::111122223333:role/ecsTaskExecutionRole"
    assert "arn:aws:secretsmanager:eu-west-1:111122223333:secret:spryte/jwt-secret" in json.dumps(rendered)
    assert (
        as_object(as_object(container(rendered)["logConfiguration"])["options"])["awslogs-region"] == "eu-west-1"
    )


def test_rendering_leaves_the_template_unchanged_and_gives_the_same_again(files: Path) -> None:
    loaded = template(files)
    before = copy.deepcopy(dict(loaded.definition))
    first = render(loaded, IDENTITY, AWS)
    container(first)["image"] = "changed afterwards"
    assert container(render(loaded, IDENTITY, AWS))["image"] == IDENTITY.image
    assert dict(loaded.definition) == before


def test_an_unknown_placeholder_is_told_with_file_line_and_key(files: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        template(files, "role/ecsTaskExecutionRole", "role/${AWS_ACCOUNT}")
    lines = (files / TEMPLATE).read_text().splitlines()
    line = next(number for number, line in enumerate(lines, 1) if "executionRoleArn" in line)
    assert str(caught.value) == (
        f"{TEMPLATE}:{line}: executionRoleArn: ${{AWS_ACCOUNT}} is not a known placeholder. "
        "Did you mean 'AWS_ACCOUNT_ID'?"
    )
    assert caught.value.fix == "Known: ${AWS_ACCOUNT_ID}, ${AWS_REGION}."
    assert caught.value.exit_code == 2


def test_an_unknown_placeholder_deep_inside_is_told_with_its_path(files: Path) -> None:
    with pytest.raises(DocumentError, match=r":\d+: containerDefinitions\.0\.secrets\.1\.valueFrom: \$\{STAGE\}"):
        template(files, "secret:spryte/jwt-secret", "secret:${STAGE}/jwt-secret")


def test_an_absent_container_is_told_with_the_names_of_those_there(files: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        template(files, '"name": "spryte-backend"', '"name": "web"')
    assert "containerDefinitions: has no container 'spryte-backend' (it has: web)." in str(caught.value)
    assert "ECS_CONTAINER_NAME_" in caught.value.fix


@pytest.mark.parametrize("containers", ["[]", "{}", '"web"', "null", "[5]"])
def test_containers_of_another_shape_are_told(files: Path, containers: str) -> None:
    (files / TEMPLATE).write_text(f'{{"family": "spryte-backend", "containerDefinitions": {containers}}}')
    with pytest.raises(DocumentError, match=r"\(it has: none\)"):
        template(files)


def test_another_family_is_told(files: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        template(files, '"family": "spryte-backend"', '"family": "spryte-api"')
    assert str(caught.value) == (
        f"{TEMPLATE}:2: family: is 'spryte-api', but ECS_TASK_DEFINITION_BACKEND says 'spryte-backend'"
    )


def test_a_missing_family_is_told(files: Path) -> None:
    with pytest.raises(
        DocumentError, match="family: is missing, but ECS_TASK_DEFINITION_BACKEND says 'spryte-backend'"
    ):
        template(files, '"family": "spryte-backend"', '"familly": "spryte-backend"')


def test_malformed_json_is_told_with_its_line(files: Path) -> None:
    with pytest.raises(DocumentError, match=rf"^{TEMPLATE}:3: is not JSON: .* \(column 3\)"):
        template(files, '"family": "spryte-backend",', '"family": "spryte-backend"')


def test_a_missing_template_is_told(files: Path) -> None:
    (files / TEMPLATE).unlink()
    with pytest.raises(DocumentError, match=rf"^{TEMPLATE}: there is no such file"):
        load_template(replace(BACKEND, root=files), AWS)


def test_a_template_may_be_indented_with_tabs(files: Path) -> None:
    path = files / TEMPLATE
    path.write_text(path.read_text().replace("  ", "\t"))
    assert container(render(template(files), IDENTITY, AWS))["image"] == IDENTITY.image


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"essential": true', '"essential": "yes"', "containerDefinitions[0].essential"),
        ('"containerPort": 5000', '"containerPort": "5000"', "portMappings[0].containerPort"),
        ('"networkMode"', '"networkMod"', "networkMod"),
        ('"secrets": [', '"environment": {"MODE": "x"}, "secrets": [', "containerDefinitions[0].environment"),
        ('"secrets": [', '"dockerLabels": ["x"], "secrets": [', "containerDefinitions[0].dockerLabels"),
        ('"valueFrom": "arn:aws', '"value": "arn:aws', "valueFrom"),
    ],
)
def test_what_aws_would_refuse_is_told_before_anything_is_sent(files: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(InvalidDefinitionError) as caught:
        template(files, old, new)
    assert str(caught.value).startswith(f"{TEMPLATE}: does not fit RegisterTaskDefinition: ")
    assert told in " ".join([str(caught.value), *caught.value.evidence])
    assert caught.value.exit_code == 2


def test_each_problem_of_a_template_is_told_at_once(files: Path) -> None:
    with pytest.raises(InvalidDefinitionError) as caught:
        template(files, '"essential": true', '"essential": "yes", "memory": "much"')
    assert len(caught.value.evidence) == 1
    assert "memory" in " ".join([str(caught.value), *caught.value.evidence])


def used(*references: str) -> dict[str, Json]:
    """Return a registered definition that uses these secrets."""
    secrets: list[Json] = [{"name": "A", "valueFrom": each} for each in references]
    return {"containerDefinitions": [{"name": "spryte-backend", "secrets": secrets}]}


@pytest.mark.parametrize(
    ("registered", "named"),
    [
        (f"{SECRET}/jwt-secret-AbC123", f"{SECRET}/jwt-secret"),
        (f"{SECRET}/mongodb-uri-x1Y2z3", f"{SECRET}/mongodb-uri"),
        (f"{SECRET}/keys-AbC123:openai::", f"{SECRET}/keys:openai::"),
        (f"{SECRET}/keys-AbC123:openai:AWSCURRENT:", f"{SECRET}/keys:openai:AWSCURRENT:"),
    ],
)
def test_the_complete_name_of_a_secret_is_found_by_the_one_in_the_template(registered: str, named: str) -> None:
    assert complete_secrets(used(registered)) == {named: registered}


@pytest.mark.parametrize(
    "reference", [f"{SECRET}/key", "arn:aws:ssm:us-east-2:727646509464:parameter/jwt-secret", "jwt-secret", ""]
)
def test_nothing_is_learned_from_other_references(reference: str) -> None:
    assert complete_secrets(used(reference)) == {}


def test_nothing_is_learned_from_a_family_without_revisions() -> None:
    assert complete_secrets({}) == {}


def test_known_secrets_are_named_completely_and_others_as_the_template_has_them(files: Path) -> None:
    complete = f"{SECRET}/jwt-secret-AbC123"
    identity = replace(IDENTITY, secrets=complete_secrets(used(complete)))
    references = [
        as_object(each)["valueFrom"]
        for each in as_list(container(render(template(files), identity, AWS))["secrets"])
    ]
    assert references == [f"{SECRET}/mongodb-uri", complete, f"{SECRET}/openai-key"]


def test_a_complete_name_in_the_template_is_left_as_it_is(files: Path) -> None:
    identity = replace(IDENTITY, secrets={f"{SECRET}/jwt-secret": f"{SECRET}/jwt-secret-OTHER1"})
    changed = template(files, "secret:spryte/jwt-secret", "secret:spryte/jwt-secret-AbC123")
    secrets = as_list(container(render(changed, identity, AWS))["secrets"])
    assert as_object(secrets[1])["valueFrom"] == f"{SECRET}/jwt-secret-AbC123"
