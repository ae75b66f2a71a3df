"""Which condition of a trust policy refuses a token; STS itself only says that it did. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.setup import trust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.documents import Json


def refusals(policy: Mapping[str, Json], subject: str, audience: str) -> tuple[str, ...]:
    """Return a line for each condition that does not hold, with what was sent and what is allowed.

    Args:
        policy: the role's trust policy.
        subject: the token's `sub`.
        audience: the token's `aud`.

    Returns:
        Lines such as `sub: sent 'repo:a/b:ref:refs/heads/main'`, `     allowed 'repo:a/b:ref:refs/tags/x-v*'`.
    """
    lines: list[str] = []
    for each in trust.unmet(policy, subject, audience):
        lines.append(f"{each.claim}: sent    '{each.sent}'")
        lines += [f"{' ' * len(each.claim)}  allowed '{pattern}'" for pattern in each.allowed]
    return tuple(lines) or ("no condition refuses it: its Principal, its Action or a Deny must",)
