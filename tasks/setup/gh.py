"""GitHub through its own command line, `gh`: argument lists only, a secret's value through stdin only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from tasks.documents import as_list, as_object
from tasks.errors import NotReadyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.documents import Json

SECONDS = 20
INSTALL = "Install it (https://cli.github.com), then: gh auth login"
# `variable list --json` (https://github.com/cli/cli/pull/8516) is the youngest of what is called here
UPDATE = "Update gh (https://cli.github.com): this needs 2.45 or newer."
LOG_IN = "Log in as somebody who may administer the repository: gh auth login"
# what a fine-grained token calls the right to each of these; a classic one has `repo` for all
# https://docs.github.com/en/rest/authentication/permissions-required-for-fine-grained-personal-access-tokens
RIGHTS = {"variable": "Variables", "secret": "Secrets"}


class GitHubError(NotReadyError):
    """`gh` is absent, not logged in, or GitHub refuses."""


class NotThereError(GitHubError):
    """GitHub knows nothing of that name, or does not show it to whoever asks."""


@dataclass(frozen=True)
class GitHub:
    """One repository, `owner/name`, as seen by whoever `gh` is logged in as."""

    repository: str

    def variables(self) -> dict[str, str]:
        """Return the repository's Actions variables by name; raises `GitHubError`."""
        found = self._list("variable", "list", "--json", "name,value")
        return {str(each.get("name")): str(each.get("value")) for each in found}

    def secrets(self) -> tuple[str, ...]:
        """Return the names of the repository's Actions secrets; GitHub tells nobody their values."""
        return tuple(str(each.get("name")) for each in self._list("secret", "list", "--json", "name"))

    def ids(self) -> tuple[str, str]:
        """Return the owner's and the repository's numeric ids; raises `GitHubError`."""
        answer = as_object(_parsed(self._call(["api", f"repos/{self.repository}"])))
        return str(as_object(answer.get("owner")).get("id", "")), str(answer.get("id", ""))

    def environment(self, name: str) -> dict[str, Json] | None:
        """Return an Environment with its rules, None where there is none; raises `GitHubError`.

        https://docs.github.com/en/rest/deployments/environments#get-an-environment
        """
        try:
            return as_object(_parsed(self._call(["api", environment(self.repository, name)])))
        except NotThereError:
            return None

    def deployment_policies(self, name: str) -> tuple[dict[str, Json], ...]:
        """Return the patterns of branches and tags that an Environment accepts; raises `GitHubError`.

        https://docs.github.com/en/rest/deployments/branch-policies#list-deployment-branch-policies
        """
        path = f"{environment(self.repository, name)}/deployment-branch-policies?per_page=100"
        answer = as_object(_parsed(self._call(["api", path])))
        return tuple(as_object(each) for each in as_list(answer.get("branch_policies")))

    def set_variable(self, name: str, value: str) -> None:
        """Create or change an Actions variable; raises `GitHubError`."""
        self._call(set_variable(self.repository, name, value))

    def set_secret(self, name: str, value: str) -> None:
        """Create or change an Actions secret; raises `GitHubError`."""
        self._call(set_secret(self.repository, name), value)

    def _list(self, *arguments: str) -> list[dict[str, Json]]:
        answer = _parsed(self._call([*arguments, "--repo", self.repository]))
        return [as_object(each) for each in as_list(answer)]

    def _call(self, arguments: Sequence[str], text: str = "") -> str:
        try:
            done = subprocess.run(
                ["gh", *arguments],
                input=text,
                env=_environment(os.environ),
                capture_output=True,
                text=True,
                check=False,
                timeout=SECONDS,
            )
        except FileNotFoundError as error:
            raise GitHubError("gh, GitHub's command line, is not installed.", fix=INSTALL) from error
        except subprocess.TimeoutExpired as error:
            raise GitHubError(
                f"gh {' '.join(arguments[:2])} gave no answer within {SECONDS} s.", fix="Check the network."
            ) from error
        if done.returncode != 0:
            said = (done.stderr.strip().splitlines() or ["no reason"])[0]
            what = f"gh {' '.join(arguments[:2])} failed for {self.repository}: {said}"
            raise (NotThereError if "HTTP 404" in said else GitHubError)(what, fix=_fix(said, arguments))
        return done.stdout


def is_installed() -> bool:
    """Return whether there is a `gh`."""
    return shutil.which("gh") is not None


def environment(repository: str, name: str) -> str:
    """Return an Environment's address in GitHub's API, in which its name is escaped."""
    return f"repos/{repository}/environments/{quote(name, safe='')}"


def set_variable(repository: str, name: str, value: str) -> tuple[str, ...]:
    """Return gh's arguments that set a variable, which is public to everybody who may read the repository."""
    return "variable", "set", name, "--repo", repository, "--body", value


def set_secret(repository: str, name: str) -> tuple[str, ...]:
    """Return gh's arguments that set a secret to what comes through stdin."""
    return "secret", "set", name, "--repo", repository


def _fix(said: str, arguments: Sequence[str]) -> str:
    """Return what to do about what gh said."""
    if "unknown flag" in said or "unknown command" in said:
        return UPDATE
    if "rate limit" in said:
        return "Wait: gh api rate_limit says until when."
    if "HTTP 403" not in said:
        return LOG_IN
    right = RIGHTS.get(arguments[0], "Actions")
    kind = "write" if "set" in arguments[:2] else "read"
    return (
        f"Whoever gh is logged in as lacks a right: a fine-grained token needs '{right}' ({kind}) for this "
        "repository, a classic one the scope 'repo' and an account that administers it. Then: gh auth login"
    )


def _environment(outer: Mapping[str, str]) -> dict[str, str]:
    return {**outer, "GH_PROMPT_DISABLED": "1", "NO_COLOR": "1", "GH_NO_UPDATE_NOTIFIER": "1"}


def _parsed(text: str) -> Json:
    try:
        return cast("Json", json.loads(text))
    except ValueError as error:
        raise GitHubError("gh did not answer with JSON.", fix=UPDATE) from error
