"""Which GitHub repository this is: from the variables, else from git's remote; its ids from gh where they lack."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks import variables
from tasks.errors import UsageError
from tasks.git import Git, GitError
from tasks.setup import gh
from tasks.setup.policies import Repository

if TYPE_CHECKING:
    from tasks.settings import Settings

# https://docs.github.com/en/repositories/creating-and-managing-repositories (letters, digits, '-', '_', '.')
NAME = variables.Form(re.compile(r"[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}"), "a repository such as owner/name")
ID = variables.Form(re.compile(r"[1-9][0-9]{0,18}"), "a number")
# https://docs.github.com/en/actions/how-tos/deploy/configure-and-manage-deployments/manage-environments
ENVIRONMENT = variables.Form(re.compile(r"[^*?${}\x00-\x1f]{1,255}"), "an Environment's name, without * or ?")
REMOTE = re.compile(r"(?:https://(?:[^@/]+@)?|ssh://git@|git@)github\.com[:/]([^/]+)/([^/]+?)(?:\.git)?/?")


class RepositoryUnknownError(UsageError):
    """Neither a variable nor git's remote says which repository on GitHub this is."""

    def __init__(self, remote: str) -> None:
        super().__init__(
            f"Which GitHub repository is this? The remote '{remote}' is not on github.com.",
            fix="Set GITHUB_REPOSITORY=owner/name, in GitHub's own spelling.",
        )


def find(settings: Settings, *, ask_gh: bool = False) -> Repository:
    """Return the repository whose runs deploy.

    Args:
        settings: its variables may name it: GITHUB_REPOSITORY, GITHUB_REPOSITORY_OWNER_ID, GITHUB_REPOSITORY_ID.
        ask_gh: whether gh may be asked for ids that no variable names.

    Raises:
        RepositoryUnknownError: nothing says which it is.
        VariableError: one of the variables has the wrong form.
    """
    known = settings.variables
    owner, _, name = (known.get("GITHUB_REPOSITORY", NAME, "") or _of_remote(settings)).partition("/")
    found = Repository(
        owner, name, known.get("GITHUB_REPOSITORY_OWNER_ID", ID, ""), known.get("GITHUB_REPOSITORY_ID", ID, "")
    )
    if ask_gh and not (found.owner_id and found.id) and gh.is_installed():
        try:
            owner_id, repository_id = gh.GitHub(found.full_name).ids()
        except gh.GitHubError:
            return found  # the plain form is enough to begin with, and the plan says that the ids lack
        return replace(found, owner_id=owner_id, id=repository_id)
    return found


def environment(settings: Settings) -> str:
    """Return the GitHub Environment that deploys run in, empty for none; raises `VariableError`."""
    return settings.variables.get("DEPLOY_ENVIRONMENT", ENVIRONMENT, "")


def _of_remote(settings: Settings) -> str:
    remote = settings.release.remote
    try:
        url = Git(settings.root).run("remote", "get-url", remote)
    except GitError as error:
        raise RepositoryUnknownError(remote) from error
    found = REMOTE.fullmatch(url)
    if not found:
        raise RepositoryUnknownError(remote)
    return f"{found[1]}/{found[2]}"
