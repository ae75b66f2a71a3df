"""The GitHub Environment that deploys run in: whether it lets in the services' tags, and nothing else.

The role then trusts the Environment's name alone, so these rules are all that keeps a branch out. GitHub makes an
Environment that is missing at its first use, without any.

https://docs.github.com/en/actions/reference/workflows-and-actions/deployments-and-environments
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.documents import as_list, as_object
from tasks.setup import gh

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tasks.documents import Json

REVIEWERS = (
    "Name some in Settings -> Environments on GitHub; a private repository needs GitHub Enterprise for it "
    "(docs/runbook.md)."
)


@dataclass(frozen=True)
class Gap:
    """Something the Environment does not ensure; `is_open` where runs get in that must not, or ours do not."""

    what: str
    fix: str
    is_open: bool = True


def gaps(hub: gh.GitHub, name: str, services: Sequence[str]) -> tuple[Gap, ...]:
    """Return what the Environment leaves open; raises `GitHubError`.

    Args:
        hub: the repository.
        name: the Environment.
        services: the services whose tags deploy.
    """
    found = hub.environment(name)
    listed = hub.deployment_policies(name) if _has_patterns(found) else ()
    return tuple(_gaps(_Place(hub.repository, name), found, listed, patterns(services)))


def patterns(services: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns of the tags that deploy services."""
    return tuple(f"{each}-v*" for each in services)


@dataclass(frozen=True)
class _Place:
    repository: str
    name: str

    @property
    def path(self) -> str:
        """Its address in GitHub's API."""
        return gh.environment(self.repository, self.name)

    def protect(self, found: Mapping[str, Json]) -> str:
        """Return the command that lets it have patterns; it repeats what GitHub would otherwise take away.

        https://docs.github.com/en/rest/deployments/environments#create-or-update-an-environment
        """
        fields = ["deployment_branch_policy[protected_branches]=false"]
        fields.append("deployment_branch_policy[custom_branch_policies]=true")
        for rule in map(as_object, as_list(found.get("protection_rules"))):
            if rule.get("wait_timer"):
                fields.append(f"wait_timer={rule['wait_timer']}")
            if rule.get("prevent_self_review"):
                fields.append("prevent_self_review=true")
            for each in map(as_object, as_list(rule.get("reviewers"))):
                fields.append(f"reviewers[][type]={each.get('type')}")
                fields.append(f"reviewers[][id]={as_object(each.get('reviewer')).get('id')}")
        return _command("PUT", self.path, *(word for each in fields for word in ("-F", each)))

    def accept(self, pattern: str) -> str:
        """Return the command by which it accepts tags of a pattern.

        https://docs.github.com/en/rest/deployments/branch-policies#create-a-deployment-branch-policy
        """
        return _command(
            "POST", f"{self.path}/deployment-branch-policies", "-f", f"name={pattern}", "-f", "type=tag"
        )

    def drop(self, policy: Mapping[str, Json]) -> str:
        """Return the command that takes a pattern away."""
        return _command("DELETE", f"{self.path}/deployment-branch-policies/{policy.get('id')}")


def _gaps(
    place: _Place, found: Mapping[str, Json] | None, listed: Sequence[Mapping[str, Json]], accepted: Sequence[str]
) -> Iterator[Gap]:
    called = f"the Environment {place.name}"
    accept_all = [place.accept(each) for each in accepted]
    if found is None:
        what = f"there is no Environment {place.name}: GitHub makes it at its first use, for every branch"
        yield Gap(what, " && ".join((place.protect({}), *accept_all)))
        return
    if not _has_patterns(found):
        is_limited = bool(as_object(found.get("deployment_branch_policy")))
        what = "accepts protected branches and no tags" if is_limited else "accepts every branch and tag"
        yield Gap(f"{called} {what}", " && ".join((place.protect(found), *accept_all)))
    else:
        yield from _of_patterns(place, listed, accepted)
    rules = map(as_object, as_list(found.get("protection_rules")))
    if not any(as_list(each.get("reviewers")) for each in rules):
        yield Gap(f"{called} has no reviewers: whoever may push a tag deploys", REVIEWERS, is_open=False)


def _of_patterns(place: _Place, listed: Sequence[Mapping[str, Json]], accepted: Sequence[str]) -> Iterator[Gap]:
    tags = [each.get("name") for each in listed if each.get("type") == "tag"]
    missing = [each for each in accepted if each not in tags]
    if missing:
        what = f"the Environment {place.name} does not accept the tags {', '.join(missing)}"
        yield Gap(what, " && ".join(map(place.accept, missing)))
    for each in listed:
        kind = each.get("type") or "branch"
        if kind != "tag" or each.get("name") not in accepted:
            what = f"the Environment {place.name} also accepts {'the tags' if kind == 'tag' else 'branches'} "
            yield Gap(f"{what}{each.get('name')}", place.drop(each))


def _has_patterns(found: Mapping[str, Json] | None) -> bool:
    return bool(as_object((found or {}).get("deployment_branch_policy")).get("custom_branch_policies"))


def _command(method: str, path: str, *arguments: str) -> str:
    return shlex.join(("gh", "api", "-X", method, path, *arguments))
