"""doctor's parts that need no cloud: what an answer of AWS means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks.clients import Clients
from tasks.doctor import account_checks, definition_checks, doctor, service_checks
from tasks.doctor.finding import Check, Finding
from tasks.documents import as_list, as_object
from tasks.errors import NotReadyError
from tasks.sdk_errors import AccessDeniedError
from tasks.settings import load
from tasks.setup import policies
from tests.support.models import BACKEND, LOCAL, as_service, ecs_deployment, ecs_service
from tests.support.project import HERE
from tests.support.runbook import RUNBOOK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from types_boto3_elbv2.type_defs import TargetGroupTypeDef

    from tasks.documents import Json

SUB = f"{policies.ISSUER}:sub"
ON = {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}}


@pytest.mark.parametrize(
    ("system", "machine", "verdict"),
    [
        ("linux", "amd64", "OK"),
        ("linux", "x86_64", "OK"),
        ("linux", "arm64", "WARN"),
        ("windows", "amd64", "FAIL"),
    ],
)
def test_an_engine_is_judged_by_its_platform(system: str, machine: str, verdict: str) -> None:
    assert account_checks.platform(system, machine, "28.0").verdict == verdict


def test_a_checkout_without_a_repository_on_github_has_no_role_to_judge(files: Path) -> None:
    (only,) = account_checks.deploy_role(load(files, {}), Clients(LOCAL))

    assert (only.verdict, only.fix) == ("SKIPPED", "Set GITHUB_REPOSITORY=owner/name, in GitHub's own spelling.")


@pytest.mark.parametrize(
    ("principal", "action", "named"),
    [
        ({"AWS": "*"}, "sts:AssumeRole", "Principal AWS *"),
        ("*", "sts:*", "Principal *"),
        ({"AWS": ["arn:aws:iam::1:root"]}, ["STS:Assume*"], "Principal AWS arn:aws:iam::1:root"),
        ({"Service": "ec2.amazonaws.com"}, "sts:AssumeRole", "Principal Service ec2.amazonaws.com"),
        ({"Federated": "google.com"}, "sts:AssumeRoleWithWebIdentity", "Principal Federated google.com"),
    ],
)
def test_a_role_that_others_than_github_may_take_fails_and_names_them(
    files: Path, principal: Json, action: Json, named: str
) -> None:
    found = trust_policy(files, {"Effect": "Allow", "Principal": principal, "Action": action})

    (only,) = [each for each in found if each.verdict == "FAIL"]
    assert (only.where, only.what) == ("trust policy", f"lets in others than GitHub: {named}")
    assert "SpryteGithubDeployRole" in only.fix


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:TagSession"},
    ],
)
def test_a_statement_that_lets_nobody_take_the_role_is_no_failure(files: Path, statement: dict[str, Json]) -> None:
    assert [each.what for each in trust_policy(files, statement) if each.verdict == "FAIL"] == []


@pytest.mark.parametrize(
    ("action", "condition", "verb"),
    [
        ("sts:AssumeRoleWithWebIdentity", {"ForAnyValue:StringLike": {SUB: "repo:*"}}, "lets"),
        ("sts:AssumeRoleWithWebIdentity", {"StringLikeIfExists": {SUB: "repo:*"}}, "lets"),
        ("sts:AssumeRole*", {}, "lets"),
        ("*", {"StringSomethingNew": {SUB: "repo:*"}}, "may let"),
    ],
)
def test_a_second_way_in_through_github_s_provider_fails_for_the_stranger_it_is_open_to(
    files: Path, action: str, condition: Json, verb: str
) -> None:
    provider = "arn:aws:iam::727646509464:oidc-provider/token.actions.githubusercontent.com"
    found = trust_policy(
        files,
        {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": action, "Condition": condition},
    )

    failing = [each.what for each in found if each.verdict == "FAIL"]
    assert f"{verb} in repo:siruscoder/spryte:pull_request, which must not deploy" in failing


def test_a_deny_beside_ours_is_not_taken_for_let_in(files: Path) -> None:
    statement: dict[str, Json] = {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRoleWithWebIdentity"}

    found = trust_policy(files, statement)

    assert [each.verdict for each in found] == ["FAIL", "FAIL"]
    assert found[0].what.startswith("refuses what GitHub sends: ")


def test_the_tags_that_must_not_get_past_an_environment_are_named_after_the_services(files: Path) -> None:
    described = (files / "invoke.yaml").read_text().replace("  backend:\n", "  api:\n")
    (files / "invoke.yaml").write_text(described)
    known = {name.replace("BACKEND", "API"): value for name, value in RUNBOOK.items()}
    settings = load(files, {**known, "DEPLOY_ENVIRONMENT": "production"})
    who = policies.Repository("siruscoder", "spryte")
    tags = policies.trust_policy(HERE, policies.values(settings.target, who))
    (only,) = as_list(tags["Statement"])
    condition: Json = {"StringLike": {SUB: "repo:siruscoder/spryte:ref:refs/tags/api-v*"}}

    found = account_checks.subjects(settings, who, {"Statement": {**as_object(only), "Condition": condition}})

    assert "lets in repo:siruscoder/spryte:ref:refs/tags/api-v0.0.0, which must not deploy" in [
        each.what for each in found
    ]


def trust_policy(files: Path, statement: dict[str, Json]) -> list[Finding]:
    """Return what doctor finds where a statement stands beside those of aws/iam."""
    settings, who = load(files, {}), policies.Repository("siruscoder", "spryte")
    ours = policies.trust_policy(HERE, policies.values(settings.target, who, ""))
    both: dict[str, Json] = {**ours, "Statement": [*as_list(ours["Statement"]), statement]}
    return list(account_checks.subjects(settings, who, both))


def test_a_deployment_in_progress_would_refuse_another() -> None:
    busy = ecs_service(ecs_deployment(7, rolloutState="IN_PROGRESS"), **ON)

    (first, second) = service_checks.state(BACKEND, as_service(busy))

    assert first.verdict == "FAIL"
    assert "a deployment of spryte-backend:7 is in progress" in first.what
    assert "./inv status --watch" in first.fix
    assert first.fix.endswith(": ./inv deploy --service=backend --version=X.Y.Z --force")
    assert second.verdict == "OK"


@pytest.mark.parametrize(
    "breaker", [{}, {"enable": False, "rollback": False}, {"enable": True, "rollback": False}]
)
def test_a_circuit_breaker_that_is_off_or_only_half_on_is_worth_a_warning(breaker: dict[str, bool]) -> None:
    found = ecs_service(ecs_deployment(7), deploymentConfiguration={"deploymentCircuitBreaker": breaker})

    (_, second) = service_checks.state(BACKEND, as_service(found))

    assert (second.verdict, "deployment-configuration" in second.fix) == ("WARN", True)


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ({"HealthCheckPath": "/api/health", "TargetType": "ip"}, []),
        (
            {"HealthCheckPath": "/health", "TargetType": "ip"},
            ["checks /health, but backend answers at /api/health"],
        ),
        ({"HealthCheckPath": "/api/health", "TargetType": "instance"}, ["targets of the type instance"]),
    ],
)
def test_a_target_group_must_ask_what_the_service_answers(group: TargetGroupTypeDef, said: list[str]) -> None:
    found = [each for each in service_checks.target_group(BACKEND, group) if each.verdict == "FAIL"]

    assert [words in each.what for words, each in zip(said, found, strict=True)] == [True] * len(said)


def test_a_template_must_open_the_port_of_invoke_yaml() -> None:
    ports: Json = [{"containerPort": 5001}]
    definition: dict[str, Json] = {"containerDefinitions": [{"name": "spryte-backend", "portMappings": ports}]}

    (only,) = definition_checks.container(BACKEND, definition)

    assert only.verdict == "FAIL"
    assert "has the ports 5001, but invoke.yaml says 5000" in only.what


def test_a_secret_named_without_the_end_of_its_arn_is_judged_by_whether_it_is_found_so() -> None:
    found, lost = (definition_checks.incomplete("a/jwt-secret", BACKEND, is_found=each) for each in (True, False))

    assert (found.verdict, lost.verdict) == ("OK", "FAIL")
    assert "AWS itself would need that end" in found.what
    assert lost.fix.endswith(": aws secretsmanager describe-secret --secret-id a/jwt-secret --query ARN")


def test_a_missing_permission_skips_and_any_other_error_fails() -> None:
    def denied() -> Iterator[Finding]:
        raise AccessDeniedError("looking", "iam:GetRole")

    def broken() -> Iterator[Finding]:
        raise NotReadyError("It is gone.", fix="Make it.")

    assert Check("role", denied).run()[0].verdict == "SKIPPED"
    assert Check("role", broken).run() == (Finding("FAIL", "role", "It is gone.", "Make it."),)


def test_a_defect_keeps_its_traceback() -> None:
    def wrong() -> Iterator[Finding]:
        raise KeyError("name")

    with pytest.raises(KeyError):
        Check("role", wrong).run()


def test_each_finding_is_a_line_with_its_remedy_under_it() -> None:
    found = (Finding("OK", "docker", "answers"), Finding("FAIL", "secret x", "does not exist", "Make it."))

    assert doctor.lines(found) == (
        "OK       docker    answers",
        "FAIL     secret x  does not exist",
        "                   fix: Make it.",
    )
