"""doctor on credentials that lie in a repository or in its history, in repositories made for it."""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING

import pytest

from tasks.credential_kinds import detectors
from tasks.doctor import credential_checks
from tasks.doctor.finding import Check, Finding
from tests.support.project import HERE

if TYPE_CHECKING:
    from tests.support.repository import Repository

LETTERS = string.ascii_uppercase + string.digits


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
    ) in list(credential_checks.files(repository.root))


@pytest.mark.parametrize(
    "name", ["rootkey.csv", ".env.production", "sub/.env.local", "id_rsa", "sub/id_ed25519", "id_ecdsa"]
)
def test_other_files_that_hold_credentials_are_found_by_name(repository: Repository, name: str) -> None:
    ignore(repository)
    repository.write(name, "x\n")

    assert f"{name} lies here and is not ignored" in [
        each.what for each in credential_checks.files(repository.root)
    ]


@pytest.mark.parametrize("name", [".env.example", "sub/.env.example", "id_rsa.pub", "id_ed25519.pub"])
def test_examples_and_public_keys_may_lie_in_the_repository(repository: Repository, name: str) -> None:
    ignore(repository)
    repository.write(name, "x\n")
    repository.commit("Public")

    assert [each.verdict for each in credential_checks.files(repository.root)] == ["OK"]


@pytest.mark.parametrize(
    "name",
    ["rootkey.csv", ".env.production", "sub/id_rsa", "id_ed25519", "id_ecdsa", "a_credentials.csv", "x.p12"],
)
def test_this_project_ignores_files_that_hold_credentials(repository: Repository, name: str) -> None:
    repository.write(".gitignore", (HERE / ".gitignore").read_text())
    repository.write(".env.example", "x\n")

    assert repository.run("check-ignore", "--no-index", name).strip() == name
    assert ".env.example" in repository.run("ls-files", "--others", "--exclude-standard")


def test_keys_that_are_ignored_are_worth_a_warning(repository: Repository) -> None:
    ignore(repository)
    repository.write("ptnadmin_accessKeys.csv", "x\n")

    found = list(credential_checks.files(repository.root))

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


def test_a_credential_under_many_megabytes_of_newer_history_is_found(repository: Repository) -> None:
    repository.write("notes.md", made_up("id = AKIA", 16))
    commit = repository.commit("Oops")
    repository.write("notes.md", "nothing\n")
    for number in range(5):
        repository.write("package-lock.json", f'    "integrity": "sha512 {number}",\n' * 35_000)
        repository.commit(f"Update packages {number}")

    (only,) = credential_checks.contents(repository.root)

    assert only.what == f"notes.md (added in {commit[:7]}):1 looks like a credential: AWS Access Key"


def test_history_is_said_to_be_searched_as_a_whole(repository: Repository) -> None:
    (only,) = credential_checks.contents(repository.root)

    assert (only.verdict, only.what) == ("OK", "none of 13 kinds in tracked files and in the whole history")


def test_a_history_that_git_cannot_read_to_its_end_is_not_called_clean(repository: Repository) -> None:
    repository.write("notes.md", "first\n")
    repository.commit("Begin")
    blob = repository.run("rev-parse", "HEAD:notes.md")
    repository.write("notes.md", "second\n")
    repository.commit("More")
    (repository.root / ".git/objects" / blob[:2] / blob[2:]).unlink()

    (only,) = Check("credentials", lambda: credential_checks.contents(repository.root)).run()

    assert (only.verdict, only.fix) == ("FAIL", "See what is damaged: git fsck --full")


# each has the form that its kind's detector looks for; what it is made of differs each time
KINDS = {
    "AWS Access Key": made_up("ASIA", 16),
    "AWS Access Key by its variable": f"Aws_Secret_Key = '{made_up('', 40)}'",
    "Private Key": "PuTTY-User-Key-File-" + "2: ssh-rsa",
    "GitHub Token": made_up("ghs_", 36),
    "GitLab Token": made_up("glpat-", 20),
    "OpenAI Token": made_up("sk-", 20) + made_up("T3BlbkFJ", 20),
    "NPM tokens": "//registry.npmjs.org/" + made_up(":_authToken=npm_", 36),
    "PyPI Token": made_up("pypi-AgEIcHlwaS5vcmc", 70),
    "Slack Token": made_up("XOXB-123456-", 24),
    "Stripe Access Key": made_up("rk_live_", 24),
    "SendGrid API Key": made_up("SG.", 22) + made_up(".", 43),
    "Twilio API Key": "SK" + secrets.token_hex(16),
    "Azure Storage Account access key": made_up("AccountKey=", 88),
    "Basic Auth Credentials": f"amqp://spryte:{made_up('', 12)}@queue.spryte.io",
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_found_in_history(repository: Repository, kind: str) -> None:
    repository.write("notes.md", f"one\n{KINDS[kind]}\n")
    commit = repository.commit("Oops")
    repository.write("notes.md", "one\n")
    repository.commit("Hide it")

    (only,) = credential_checks.contents(repository.root)

    told = kind.removesuffix(" by its variable")
    assert only.what == f"notes.md (added in {commit[:7]}):2 looks like a credential: {told}"


def test_every_kind_has_an_example_here() -> None:
    assert {kind.removesuffix(" by its variable") for kind in KINDS} == set(detectors())


def test_each_of_several_credentials_of_a_kind_is_told(repository: Repository) -> None:
    repository.write("first.md", made_up("ghp_", 36))
    repository.write("second.md", made_up("ghp_", 36))
    repository.write("first.txt", "-----BEGIN EC " + "PRIVATE KEY-----\n")
    repository.write("second.txt", "-----BEGIN EC " + "PRIVATE KEY-----\n")
    repository.commit("Oops")

    assert sorted(each.what.partition(":")[0] for each in credential_checks.contents(repository.root)) == [
        "first.md",
        "first.txt",
        "second.md",
        "second.txt",
    ]


def test_a_credential_that_only_a_merge_brought_in_is_found(repository: Repository) -> None:
    repository.write("notes.md", "one\n")
    repository.commit("Begin")
    repository.run("checkout", "--quiet", "-b", "side")
    repository.write("side.md", "side\n")
    repository.commit("Side")
    repository.run("checkout", "--quiet", "-")
    repository.write("main.md", "main\n")
    repository.commit("Main")
    repository.run("merge", "--quiet", "--no-commit", "side")
    repository.write("notes.md", f"one\n++ two\n{made_up('AKIA', 16)}\n")
    merge = repository.commit("Merge")
    repository.write("notes.md", "one\n")
    repository.commit("Hide it")

    (only,) = credential_checks.contents(repository.root)

    assert only.what == f"notes.md (added in {merge[:7]}):3 looks like a credential: AWS Access Key"


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

    found = list(credential_checks.contents(repository.root / "clone"))

    assert ("SKIPPED", "git fetch --unshallow") in [(each.verdict, each.fix) for each in found]


def ignore(repository: Repository) -> None:
    repository.write(".gitignore", "*.pyc\n*accessKeys*.csv\n")
    repository.commit("Ignore keys")
