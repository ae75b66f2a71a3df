"""deploy --before-deploy: one command of the new revision, such as a migration, before the service is updated."""

from __future__ import annotations

import shlex
from collections import deque
from typing import TYPE_CHECKING

from tasks.errors import DeployError, DeploymentFailedError
from tasks.masking import mask
from tasks.release import one_off, revisions
from tasks.release.revisions import UnknownRevisionError
from tasks.release.service_state import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.clients import Clients
    from tasks.release.pipeline import DeployOptions
    from tasks.release.task_definition import Revision
    from tasks.report import Report
    from tasks.settings import Service

EVIDENCE_LINES = 10


class BeforeDeployError(DeploymentFailedError):
    """The command ended with an error; the service was not touched."""

    def __init__(self, words: Sequence[str], ended: one_off.Ended, runs: str, lines: Sequence[str]) -> None:
        super().__init__(
            f"'{mask(shlex.join(words))}' ended with exit code {ended.exit_code} before the deploy. "
            f"Nothing was deployed: {runs} runs on.",
            fix="Fix its cause, in the code with the next version; what it did until then is not undone.",
            evidence=lines,
        )


def require_one(services: Sequence[Service]) -> None:
    """Refuse a command for several services; raises `OneServiceError`."""
    if len(services) != 1:
        raise one_off.OneServiceError


def run(revision: Revision, clients: Clients, report: Report, options: DeployOptions) -> None:
    """Run `options.before_deploy` in a revision, unless the service runs that revision already.

    Raises:
        BeforeDeployError: it ended with another exit code than 0.
        NotStartedError, CommandTooLongError, LostTaskError: as `one_off.execute`; the service was not touched.
        AccessDeniedError: `ecs:RunTask`, `ecs:DescribeTasks` or `iam:PassRole` is missing.
    """
    service, words = revision.pushed.image.source.service, options.before_deploy
    if not words:
        return
    with report.stage(service.name, "before"):
        found = describe(service, clients)
        runs = found["taskDefinition"].rpartition("/")[2]
        if found["taskDefinition"] == revision.arn and not options.force:
            report.say(f"'{mask(shlex.join(words))}' is not run again: {runs} runs already")
            return
        registered = revisions.find(service, revision.arn, clients)
        if registered is None:
            raise UnknownRevisionError(service, revision.arn)
        last: deque[str] = deque(maxlen=EVIDENCE_LINES)

        def write(line: str) -> None:
            last.append(line)
            report.say(line)

        command = one_off.Command(registered, words, options.timeout, write)
        try:
            ended = one_off.execute(command, found, clients, report)
        except DeployError as error:
            error.add_evidence(f"Nothing was deployed: {runs} runs on.")
            raise
    if ended.exit_code:
        raise BeforeDeployError(words, ended, runs, tuple(last))
