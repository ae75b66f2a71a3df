"""Which condition of a trust policy refuses a token; STS itself only says that it did. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.documents import as_list, as_object
from tasks.setup.policies import ISSUER
from tasks.setup.statements import texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.documents import Json


def refusals(trust: Mapping[str, Json], subject: str, audience: str) -> tuple[str, ...]:
    """Return a line for each condition that does not hold, with what was sent and what is allowed.

    Args:
        trust: the role's trust policy.
        subject: the token's `sub`.
        audience: the token's `aud`.

    Returns:
        Lines such as `sub: sent 'repo:a/b:ref:refs/heads/main'`, `     allowed 'repo:a/b:ref:refs/tags/x-v*'`.
    """
    claims = {f"{ISSUER}:sub": subject, f"{ISSUER}:aud": audience}
    lines: list[str] = []
    for statement in _statements(trust):
        for operator, keys in as_object(statement.get("Condition")).items():
            for key, expected in as_object(keys).items():
                sent = claims.get(key, "")
                if any(_holds(operator, sent, pattern) for pattern in texts(expected)):
                    continue
                claim = key.rpartition(":")[2]
                lines.append(f"{claim}: sent    '{sent}'")
                lines += [f"{' ' * len(claim)}  allowed '{pattern}'" for pattern in texts(expected)]
    return tuple(lines) or ("no condition refuses it: its Principal or its Action must",)


def _statements(trust: Mapping[str, Json]) -> list[dict[str, Json]]:
    found = trust.get("Statement")
    return [found] if isinstance(found, dict) else [as_object(each) for each in as_list(found)]


def _holds(operator: str, sent: str, pattern: str) -> bool:
    if operator == "StringEquals":
        return sent == pattern
    if operator != "StringLike":
        return False
    parts = re.split(r"([*?])", pattern)
    expression = "".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(expression, sent, re.DOTALL) is not None
