"""verify: Expected -> VerifiedVersion. The health path answers 200 with the expected version, three times."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.errors import SmokeTestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.clients import Clients
    from tasks.http import Answer
    from tasks.report import Report
    from tasks.settings import Service

VERSION_HEADER = "X-App-Version"
COMMIT_HEADER = "X-App-Commit"
IN_A_ROW = 3
PAUSE_SECONDS = 0.3
DEADLINE_SECONDS = 60.0
SHOWN_BODY = 200
OTHERS_IN_A_ROW = 10


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Expected:
    """What must answer; an empty version accepts any. One that bears none only has to answer 200.

    `steady` is for how many seconds no answer in between may be another one. `when_other` is called whenever ten
    answers in a row bore another version: it may know that there is nothing to wait for, and raise.
    """

    service: Service
    version: str
    bears_version: bool = True
    steady: float = 0.0
    when_other: Callable[[], None] = field(default=_nothing, repr=False, compare=False)


@dataclass(frozen=True)
class VerifiedVersion:
    """A version that was seen to serve."""

    service: Service
    version: str
    commit: str
    url: str


class NotServingError(SmokeTestError):
    """The URL does not answer as it must."""

    def __init__(self, expected: Expected, answer: Answer, seconds: float) -> None:
        any_version = "200 and a version" if expected.bears_version else "200"
        wanted = f"200 and version {expected.version}" if expected.version else any_version
        over = f"over {expected.steady:.0f} s " if expected.steady else ""
        super().__init__(
            f"{expected.service.name}: {answer.url} did not answer {wanted} {IN_A_ROW} times in a row "
            f"{over}within {seconds:.0f} s: {_seen(answer)}.",
            fix="Check the load balancer's rule and target health, and that nothing caches the answer.",
            evidence=[answer.body[:SHOWN_BODY]] if answer.body and answer.status != 200 else [],
        )


class OtherVersionError(SmokeTestError):
    """ECS runs another version than the one to be verified: there is nothing to wait for."""

    def __init__(self, service: Service, running: str, wanted: str) -> None:
        super().__init__(
            f"{service.name}: {service.ecs_service} runs version {running}, not {wanted}.",
            fix=f"Deploy it: ./inv deploy --service={service.name} --version={wanted}",
        )


def verify(
    expected: Expected, clients: Clients, report: Report, deadline: float = DEADLINE_SECONDS
) -> VerifiedVersion:
    """Ask over HTTP until the expected version answered three times in a row; `deadline` in seconds.

    Raises:
        NotServingError: it did not within the deadline.
        DeployError: as `expected.when_other`.
    """
    url = f"{clients.target.app_url}{expected.service.health_path}"
    end, row, others, shown = clients.clock() + deadline, 0, 0, ""
    since = clients.clock()
    while True:
        answer = clients.http.get(url)
        if _is_expected(answer, expected):
            row, others, since = row + 1, 0, since if row else clients.clock()
        else:
            row, others = 0, others + 1 if answer.headers.get(VERSION_HEADER) else 0
        if row == 0 and (seen := _seen(answer)) != shown:
            shown = seen
            report.say(f"{url}: {seen}")
        if row >= IN_A_ROW and clients.clock() - since >= expected.steady:
            version, commit = answer.headers.get(VERSION_HEADER, ""), answer.headers.get(COMMIT_HEADER, "")
            what = f"version {version}" if version else "without a version"
            report.say(f"{url} answers 200, {what}, {_row(row, expected)}")
            return VerifiedVersion(expected.service, version, commit, url)
        if others and others % OTHERS_IN_A_ROW == 0:
            expected.when_other()
        if clients.clock() > end:
            raise NotServingError(expected, answer, deadline)
        clients.sleep(PAUSE_SECONDS)


def _row(row: int, expected: Expected) -> str:
    return f"{row} times in a row" + (f" over {expected.steady:.0f} s" if expected.steady else "")


def _is_expected(answer: Answer, expected: Expected) -> bool:
    version = answer.headers.get(VERSION_HEADER, "")
    if not expected.bears_version:
        return answer.status == 200
    return answer.status == 200 and bool(version) and version == (expected.version or version)


def _seen(answer: Answer) -> str:
    if not answer.status:
        return answer.problem
    version = answer.headers.get(VERSION_HEADER)
    return f"{answer.status}, " + (f"version {version}" if version else "no version header")
