"""doctor's parts that need no cloud: credentials in a repository, and what an answer of AWS means."""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING

import pytest

from tasks.clients import Clients
from tasks.doctor import account_checks, credential_checks, definition_checks, doctor, service_checks
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
    from tests.support.repository import Repository

SUB = f"{policies.ISSUER}:sub"
LETTERS = string.ascii_uppercase + string.digits
ON = {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}}


def made_up(prefix: str, length: int) -> str:
    """Return what has the form of a credential and is none; made here, so that no file holds one."""
    return prefix + "".join(secrets.choice(LETTERS) for _ in range(length))


def test_a_clean_repository_is_well(repository: Repository) -> None:
    ignore(repository)

    found = [*credential_checks.files(repository.root), *credential_checks.contents(repository.root)]

    assert [each.verdict for each in found] == ["OK", "OK"]


def test_keys_that_git_tracks_are_found(repository: Repository) -> None:
    repository.write("ptnadmin_accessKeys.csv", "Access key ID,Secret access key\n")
    repository.commit("Oops")

    (first, second, *_) = credential_checks.files(repository.root)

    assert (first.verdict, first.what) == ("FAIL", "ptnadmin_accessKeys.csv is tracked by git")
    assert first.fix.startswith("Deactivate it")  # pasting what follows the colon runs no prose
    assert first.fix.endswith(": git rm --cached 'ptnadmin_accessKeys.csv'")
    assert second.what == "ptnadmin_accessKeys.csv is not ignored by git"


def test_keys_that_the_next_add_would_take_are_found(repository: Repository) -> None:
    repository.write("sub/Somebody_AccessKeys.csv", "x\n")

    assert Finding(
        "FAIL",
        "credentials",
        "sub/Somebody_AccessKeys.csv lies here and is not ignored",
        "Delete it, or add it to .gitignore.",
    ) in verdicts(credential_checks.files(repository.root))


def test_keys_that_are_ignored_are_worth_a_warning(repository: Repository) -> None:
    ignore(repository)
    repository.write("ptnadmin_accessKeys.csv", "x\n")

    found = verdicts(credential_checks.files(repository.root))

    assert [(each.verdict, each.what) for each in found] == [
        ("WARN", "ptnadmin_accessKeys.csv lies here, ignored by git"),
        ("OK", "no file of credentials is tracked, and none ever was"),
    ]


def test_keys_that_were_committed_once_stay_known(repository: Repository) -> None:
    repository.write("ptnadmin_accessKeys.csv", "x\n")
    repository.commit("Oops")
    repository.run("rm", "--quiet", "ptnadmin_accessKeys.csv")
    ignore(repository)

    (only,) = credential_checks.files(repository.root)

    assert only.what == "ptnadmin_accessKeys.csv was committed once and is in the history"


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("AWS Access Key", made_up("id = AKIA", 16)),
        ("GitHub Token", made_up("token: ghp_", 36)),
        ("Private Key", "-----BEGIN RSA " + made_up("PRIVATE KEY-----\n", 16)),
        ("Basic Auth Credentials", "mongodb+srv://spryte:" + made_up("", 12) + "@cluster0.mongodb.net/spryte"),
    ],
    ids=["AWS", "GitHub", "private key", "password in an address"],  # not the lines: they differ each time
)
def test_a_credential_in_a_tracked_file_is_told_by_kind_and_place_and_never_shown(
    repository: Repository, kind: str, line: str
) -> None:
    repository.write("notes.md", f"one\ntwo\n{line}\n")
    repository.commit("Oops")

    (only,) = credential_checks.contents(repository.root)

    assert (only.verdict, only.what) == ("FAIL", f"notes.md:3 looks like a credential: {kind}")
    assert line[-10:] not in str(only)


def test_a_credential_that_only_history_holds_is_found_with_its_commit(repository: Repository) -> None:
    repository.write("notes.md", made_up("id = AKIA", 16))
    commit = repository.commit("Oops")
    repository.write("notes.md", "nothing\n")
    repository.commit("Hide it")

    (only,) = credential_checks.contents(repository.root)

    assert only.what == f"notes.md (added in {commit[:7]}):1 looks like a credential: AWS Access Key"


def test_an_example_is_searched_for_credentials_all_the_same(repository: Repository) -> None:
    repository.write(".env.example", made_up("KEY=AKIA", 16))
    repository.commit("Oops")

    (only,) = credential_checks.contents(repository.root)

    assert only.what == ".env.example:1 looks like a credential: AWS Access Key"


def test_a_credential_under_megabytes_of_later_history_is_found(repository: Repository) -> None:
    repository.write("notes.md", made_up("id = AKIA", 16))
    repository.commit("Oops")
    for number in range(6):
        repository.write("notes.md", "nothing\n")
        repository.write("package-lock.json", f"{number} of a long line that is no credential\n" * 25_000)
        repository.commit("Lock")

    assert [each.verdict for each in credential_checks.contents(repository.root)] == ["FAIL"]


@pytest.mark.parametrize("name", ["rootkey.csv", ".env.production", "id_ed25519", "deploy/id_rsa"])
def test_a_file_that_holds_credentials_by_its_name_is_found_before_it_is_committed(
    repository: Repository, name: str
) -> None:
    repository.write(".gitignore", "*accessKeys*.csv\n")
    repository.write(name, "anything\n")

    (only,) = [each for each in credential_checks.files(repository.root) if each.verdict == "FAIL"]

    assert only.what == f"{name} lies here and is not ignored"


@pytest.mark.parametrize("name", [".env.example", "id_ed25519.pub"])
def test_a_file_that_is_made_to_be_shown_is_no_credential(repository: Repository, name: str) -> None:
    repository.write(".gitignore", "*accessKeys*.csv\n")
    repository.write(name, "anything\n")

    assert [each.verdict for each in credential_checks.files(repository.root)] == ["OK"]


def test_examples_and_what_is_marked_are_no_credentials(repository: Repository) -> None:
    ours = made_up("AKIA", 16)
    repository.write(
        "notes.md",
        "AKIAIOSFODNN7EXAMPLE\n"
        f"{ours}  # pragma: allowlist secret\n"
        "https://user:hunter2@spryte.example.com\nmongodb://user:word@localhost:27017\n",
    )
    repository.commit("Examples")

    assert [each.verdict for each in credential_checks.contents(repository.root)] == ["OK"]


def test_a_file_that_is_no_text_is_passed_over(repository: Repository) -> None:
    (repository.root / "page.png").write_bytes(b"\x89PNG\0" + made_up("AKIA", 16).encode())
    (repository.root / "latin.txt").write_bytes(b"caf\xe9\n")
    repository.commit("Files")

    assert [each.verdict for each in credential_checks.contents(repository.root)] == ["OK"]


def test_a_shallow_clone_is_said_to_be_one(repository: Repository) -> None:
    repository.commit("More")
    repository.run("clone", "--quiet", "--depth=1", repository.remote.as_uri(), str(repository.root / "clone"))

    found = verdicts(credential_checks.contents(repository.root / "clone"))

    assert ("SKIPPED", "git fetch --unshallow") in [(each.verdict, each.fix) for each in found]


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


def ignore(repository: Repository) -> None:
    repository.write(".gitignore", "*.pyc\n*accessKeys*.csv\n")
    repository.commit("Ignore keys")


def verdicts(found: Iterator[Finding]) -> list[Finding]:
    return list(found)
