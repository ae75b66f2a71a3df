"""The deploy role's policies, filled in from `aws/iam/*.json`. Pure: files and values in, documents out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.documents import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.documents import Document, Json
    from tasks.settings import Target

FOLDER = "aws/iam"
ROLE = "SpryteGithubDeployRole"
ROLE_SECRET = "AWS_ROLE_TO_ASSUME"  # noqa: S105 - the name of the secret that holds its ARN
DEPLOY_POLICY = "SpryteGithubDeployInlinePolicy"
DIAGNOSE_POLICY = "SpryteGithubDiagnoseInlinePolicy"
ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Repository:
    """A GitHub repository in GitHub's own spelling; both ids are empty while they are not known."""

    owner: str
    name: str
    owner_id: str = ""
    id: str = ""

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"

    def subjects(self, ending: str) -> tuple[str, ...]:
        """Return the subjects that GitHub may send for a run, the immutable form only when both ids are known.

        Args:
            ending: what the run is about: `ref:refs/tags/backend-v0.1.5`, or `environment:production`.

        https://docs.github.com/en/actions/reference/security/oidc#immutable-subject-claims
        """
        plain = f"repo:{self.owner}/{self.name}:{ending}"
        if not (self.owner_id and self.id):
            return (plain,)
        return plain, f"repo:{self.owner}@{self.owner_id}/{self.name}@{self.id}:{ending}"


def role_arn(account: str) -> str:
    """Return the deploy role's ARN in an account: what the secret AWS_ROLE_TO_ASSUME holds."""
    return f"arn:aws:iam::{account}:role/{ROLE}"


def values(target: Target, repository: Repository, environment: str = "") -> dict[str, str]:
    """Return what the placeholders stand for; a value that is not known is not among them.

    Args:
        target: the account and the region.
        repository: who is let in.
        environment: the GitHub Environment that deploys run in, empty for none.
    """
    known = {
        "AWS_ACCOUNT_ID": target.account,
        "AWS_REGION": target.region,
        "GITHUB_REPOSITORY_OWNER": repository.owner,
        "GITHUB_REPOSITORY_NAME": repository.name,
        "GITHUB_REPOSITORY_OWNER_ID": repository.owner_id,
        "GITHUB_REPOSITORY_ID": repository.id,
        "DEPLOY_ENVIRONMENT": environment_in_subject(environment),
    }
    return {name: value for name, value in known.items() if value}


def environment_in_subject(environment: str) -> str:
    """Return an Environment's name as GitHub writes it into a subject: a colon would end it there."""
    return environment.replace(":", "%3A")


def trust_policy(root: Path, known: Mapping[str, str]) -> dict[str, Json]:
    """Return who may take the role: runs of the tags, or of the Environment where one is named.

    Args:
        root: the project's folder.
        known: what `values` returned.

    Raises:
        DocumentError: the file is malformed, or needs a value that is not known.
    """
    name = "trust-policy-environment.json" if known.get("DEPLOY_ENVIRONMENT") else "trust-policy.json"
    return render(root, name, known)


def deploy_policy(root: Path, known: Mapping[str, str]) -> dict[str, Json]:
    """Return what a deploy may do; arguments and errors as for `trust_policy`."""
    return render(root, "deploy-policy.json", known)


def diagnose_policy(root: Path, known: Mapping[str, str]) -> dict[str, Json]:
    """Return what a failed deploy may read to explain itself; arguments and errors as for `trust_policy`."""
    return render(root, "diagnose-policy.json", known)


def render(root: Path, name: str, known: Mapping[str, str]) -> dict[str, Json]:
    """Fill in a policy; a list's entry that needs an unknown value is left out, anywhere else that is an error.

    Raises:
        DocumentError: the file is malformed, or needs a value that is not known.
    """
    document = read_json(root / FOLDER / name, f"{FOLDER}/{name}")
    return {key: _filled(document, key, each, known) for key, each in document.data.items()}


def _filled(document: Document, key: str, value: Json, known: Mapping[str, str]) -> Json:
    if isinstance(value, dict):
        return {name: _filled(document, f"{key}.{name}", each, known) for name, each in value.items()}
    if isinstance(value, list):
        kept = [each for each in value if not (isinstance(each, str) and _unknown(each, known))]
        return [_filled(document, f"{key}.{index}", each, known) for index, each in enumerate(kept)]
    if not isinstance(value, str):
        return value
    missing = _unknown(value, known)
    if missing:
        raise document.wrong(
            key, f"needs a value for ${{{missing[0]}}}", f"Set {missing[0]}; {FOLDER}/README.md says to what."
        )
    return PLACEHOLDER.sub(lambda found: known[found[1]], value)


def _unknown(text: str, known: Mapping[str, str]) -> list[str]:
    return [name for name in PLACEHOLDER.findall(text) if name not in known]
