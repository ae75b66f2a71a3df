"""The policies as they are filled in, compared, and read as IAM and STS read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks.documents import DocumentError, as_list, as_object
from tasks.settings import load
from tasks.setup import policies, repository, statements, trust
from tasks.setup.policies import Repository
from tasks.variables import VariableError
from tests.support.models import ACCOUNT, AWS
from tests.support.project import HERE
from tests.support.repository import run_git

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.documents import Json

PLAIN = Repository("siruscoder", "spryte")
WHOLE = Repository("siruscoder", "spryte", "4242", "987654")
TAG = "ref:refs/tags/backend-v0.1.5"
TASKS: dict[str, Json] = {
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": ["ecs-tasks.amazonaws.com", "ec2.amazonaws.com"]},
        "Action": "sts:AssumeRole",
    }
}


def test_both_forms_are_trusted_once_the_ids_are_known() -> None:
    assert [lets_in(WHOLE, each) for each in WHOLE.subjects(TAG)] == [True, True]


def test_the_plain_form_alone_is_trusted_before() -> None:
    assert PLAIN.subjects(TAG) == ("repo:siruscoder/spryte:ref:refs/tags/backend-v0.1.5",)
    assert [lets_in(PLAIN, each) for each in WHOLE.subjects(TAG)] == [True, False]


def test_an_environment_is_trusted_instead_of_tags_as_github_writes_it() -> None:
    known = policies.values(AWS, WHOLE, "blue:green")
    policy = policies.trust_policy(HERE, known)

    assert trust.lets_in(policy, "repo:siruscoder/spryte:environment:blue%3Agreen", ACCOUNT)
    assert not trust.lets_in(policy, f"repo:siruscoder/spryte:{TAG}", ACCOUNT)


def test_a_value_that_lacks_is_named_with_its_line(files: Path) -> None:
    with pytest.raises(DocumentError, match=r"trust-policy\.json:7.*\$\{AWS_ACCOUNT_ID\}") as raised:
        policies.trust_policy(files, {})

    assert "aws/iam/README.md" in raised.value.fix


@pytest.mark.parametrize(
    ("operator", "pattern", "held"),
    [
        ("StringEquals", f"repo:siruscoder/spryte:{TAG}", True),
        ("StringEquals", "repo:siruscoder/spryte:*", False),
        ("StringLike", "repo:siruscoder/spryte:*", True),
        ("StringLike", "repo:siruscoder/spryte:ref:refs/tags/backend-v?.1.5", True),
        ("StringLike", "repo:siruscoder/spryte:ref:refs/tags/frontend-v*", False),
        ("StringLike", "repo:siruscoder.spryte:*", False),
        ("StringEqualsIgnoreCase", f"repo:SirusCoder/spryte:{TAG}", True),
    ],
)
def test_a_condition_holds_as_iam_defines_it(operator: str, pattern: str, *, held: bool) -> None:
    policy = policies.trust_policy(HERE, policies.values(AWS, PLAIN))
    statement = as_object(as_list(policy["Statement"])[0])
    statement["Condition"] = {operator: {f"{policies.ISSUER}:sub": pattern}}

    assert trust.lets_in(policy, f"repo:siruscoder/spryte:{TAG}", ACCOUNT) is held


def test_another_account_s_provider_lets_nobody_in() -> None:
    policy = policies.trust_policy(HERE, policies.values(AWS, PLAIN))

    assert not trust.lets_in(policy, f"repo:siruscoder/spryte:{TAG}", "111111111111")


def test_a_role_for_tasks_is_known_in_every_way_iam_lets_one_write_it() -> None:
    assert trust.trusts_tasks(TASKS)
    assert not trust.trusts_tasks(policies.trust_policy(HERE, policies.values(AWS, PLAIN)))
    assert not trust.trusts_tasks({})


def test_ids_are_read_from_a_policy_only_for_this_repository_and_only_when_they_are_clear() -> None:
    policy = policies.trust_policy(HERE, policies.values(AWS, WHOLE))
    condition = as_object(as_object(as_list(policy["Statement"])[0])["Condition"])
    subjects = as_list(as_object(condition["StringLike"])[f"{policies.ISSUER}:sub"])

    assert trust.known_ids(policy, "siruscoder", "spryte") == ("4242", "987654")
    assert trust.known_ids(policy, "somebody", "spryte") == ("", "")
    subjects.append(f"repo:siruscoder@1/spryte@2:{TAG}")
    assert trust.known_ids(policy, "siruscoder", "spryte") == ("", "")


def test_order_and_brackets_are_no_difference() -> None:
    there: dict[str, Json] = {
        "Version": "2012-10-17",
        "Statement": {"Sid": "A", "Effect": "Allow", "Action": ["s3:Put", "s3:Get"], "Resource": ["*"]},
    }
    should: dict[str, Json] = {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "A", "Effect": "Allow", "Action": ["s3:Get", "s3:Put"], "Resource": "*"}],
    }

    compared = statements.compare(there, should)

    assert (compared.differences, compared.kept) == ((), ())


def test_a_statement_under_another_name_is_the_same_statement() -> None:
    policy = policies.deploy_policy(HERE, policies.values(AWS, PLAIN))
    unnamed: list[Json] = [{**as_object(each), "Sid": ""} for each in as_list(policy["Statement"])]
    renamed: dict[str, Json] = {**policy, "Statement": unnamed}

    compared = statements.compare(renamed, policy)

    assert (compared.differences, compared.kept) == ((), ())


def test_what_lacks_what_is_too_much_and_what_is_not_ours_are_told_apart() -> None:
    there: dict[str, Json] = {
        "Statement": [
            {"Sid": "A", "Effect": "Allow", "Action": "s3:Put", "Resource": "*"},
            {"Sid": "B", "Effect": "Allow", "Action": "s3:Delete", "Resource": "*"},
        ],
    }
    should: dict[str, Json] = {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "A", "Effect": "Allow", "Action": "s3:Get", "Resource": "*"}],
    }

    compared = statements.compare(there, should)

    assert compared.differences == ("Version: none -> 2012-10-17", "+ A: Action s3:Get", "- A: Action s3:Put")
    assert compared.kept == ("B: Action s3:Delete", "B: Effect Allow", "B: Resource *")
    assert [as_object(each)["Sid"] for each in as_list(compared.merged["Statement"])] == ["A", "B"]


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/siruscoder/spryte.git",
        "https://github.com/siruscoder/spryte",
        "https://siruscoder@github.com/siruscoder/spryte.git",
        "git@github.com:siruscoder/spryte.git",
        "ssh://git@github.com/siruscoder/spryte.git",
    ],
)
def test_the_repository_is_read_from_git_s_remote(files: Path, url: str) -> None:
    run_git(files, "init", "--quiet")
    run_git(files, "remote", "add", "origin", url)

    assert repository.find(load(files, {})) == PLAIN


def test_a_variable_wins_over_the_remote(files: Path) -> None:
    known = {"GITHUB_REPOSITORY": "Somebody/Else", "GITHUB_REPOSITORY_OWNER_ID": "1", "GITHUB_REPOSITORY_ID": "2"}

    assert repository.find(load(files, known)) == Repository("Somebody", "Else", "1", "2")


def test_a_remote_elsewhere_says_nothing(files: Path) -> None:
    run_git(files, "init", "--quiet")
    run_git(files, "remote", "add", "origin", "https://github.com.evil.example/siruscoder/spryte.git")

    with pytest.raises(repository.RepositoryUnknownError, match="not on github") as raised:
        repository.find(load(files, {}))

    assert (raised.value.exit_code, "GITHUB_REPOSITORY=owner/name" in raised.value.fix) == (2, True)


@pytest.mark.parametrize("name", ["siruscoder", "siruscoder/*", "siruscoder/spryte:x", "a/b/c", "${X}/y"])
def test_a_repository_that_would_open_the_policy_is_refused(files: Path, name: str) -> None:
    with pytest.raises(VariableError, match="GITHUB_REPOSITORY"):
        repository.find(load(files, {"GITHUB_REPOSITORY": name}))


@pytest.mark.parametrize("name", ["*", "prod?", "${aws:username}"])
def test_an_environment_that_would_open_the_policy_is_refused(files: Path, name: str) -> None:
    with pytest.raises(VariableError, match="DEPLOY_ENVIRONMENT"):
        repository.environment(load(files, {"DEPLOY_ENVIRONMENT": name}))


def lets_in(who: Repository, subject: str) -> bool:
    return trust.lets_in(policies.trust_policy(HERE, policies.values(AWS, who)), subject, ACCOUNT)
