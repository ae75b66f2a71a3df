"""What could not be asked: it is noted beside a diagnosis, and never raised."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from tasks.errors import DeployError
from tasks.sdk_errors import AccessDeniedError

if TYPE_CHECKING:
    from collections.abc import Callable

Asked = TypeVar("Asked")
TOLD_BY = {
    "ecs:ListTasks": "why its tasks stopped",
    "ecs:DescribeTasks": "why its tasks stopped",
    "logs:GetLogEvents": "what it wrote last",
    "elasticloadbalancing:DescribeTargetHealth": "what the load balancer says of it",
    "secretsmanager:DescribeSecret": "whether its secrets exist",
}


@dataclass
class Gaps:
    """What could not be asked."""

    lines: list[str] = field(default_factory=list)

    def unless(self, call: Callable[[], Asked], otherwise: Asked) -> Asked:
        """Return what the call returns, or note why it could not be made."""
        try:
            return call()
        except AccessDeniedError as error:
            what = TOLD_BY.get(error.action, "more")
            self._note(f"{what}: the permission {error.action or '(AWS does not say which)'} is missing")
        except DeployError as error:
            self._note(str(error))
        return otherwise

    def _note(self, line: str) -> None:
        if line not in self.lines:
            self.lines.append(line)
