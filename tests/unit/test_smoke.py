"""Proving over real HTTP that the expected version is the one that answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks.errors import SupersededError
from tasks.release.smoke import Expected, NotServingError, VerifiedVersion, verify
from tests.support.fakes import Recorder, StubbedClients
from tests.support.models import AWS, BACKEND
from tests.support.project import free_port
from tests.support.web import Page, serving, version

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.web import Site

EXPECTED = Expected(BACKEND, "0.1.5")
GOOD, OLD = version("0.1.5"), version("0.1.4")


def verified(answer: Callable[[int], Page], expected: Expected = EXPECTED) -> tuple[VerifiedVersion, Site]:
    """Verify against a server and return what was proved, and the server."""
    with serving(answer) as site:
        return verify(expected, StubbedClients(replace(AWS, app_url=site.url)), Recorder()), site


def refused(answer: Callable[[int], Page], deadline: float = 3) -> NotServingError:
    """Verify against a server and return what was said against it."""
    with serving(answer) as site, pytest.raises(NotServingError) as caught:
        verify(EXPECTED, StubbedClients(replace(AWS, app_url=site.url)), Recorder(), deadline)
    assert caught.value.exit_code == 9
    return caught.value


def test_three_right_answers_in_a_row_prove_it() -> None:
    proved, site = verified(lambda _: GOOD)
    assert site.paths == ["/api/health"] * 3
    assert proved == VerifiedVersion(BACKEND, "0.1.5", "0123456", f"{site.url}/api/health")


def test_a_server_that_needs_a_moment_is_waited_for() -> None:
    _, site = verified(lambda number: Page(503) if number < 5 else GOOD)
    assert len(site.paths) == 8


def test_the_row_begins_anew_after_each_wrong_answer() -> None:
    answers = [GOOD, GOOD, OLD, GOOD, GOOD, Page(500), GOOD, GOOD, GOOD]
    _, site = verified(lambda number: answers[number])
    assert len(site.paths) == 9


@pytest.mark.parametrize("every", [2, 3])
def test_a_server_that_flaps_between_two_versions_does_not_pass(every: int) -> None:
    error = refused(lambda number: OLD if number % every == 0 else GOOD)
    assert "did not answer 200 and version 0.1.5 3 times in a row within 3 s" in str(error)


def test_another_version_does_not_pass_and_is_named() -> None:
    error = refused(lambda _: OLD)
    assert str(error).endswith("within 3 s: 200, version 0.1.4.")
    assert str(error).startswith("backend: http://127.0.0.1:")
    assert "load balancer" in error.fix
    assert error.evidence == ()


@pytest.mark.parametrize("other", ["0.1.50", "10.1.5", "0.1.5-dirty", "v0.1.5", " "])
def test_a_similar_version_does_not_pass(other: str) -> None:
    assert "200, " in str(refused(lambda _: version(other)))


def test_a_server_error_does_not_pass_and_shows_the_beginning_of_its_page() -> None:
    error = refused(lambda _: replace(version("0.1.5"), status=500, body="x" * 1000))
    assert str(error).endswith("500, version 0.1.5.")
    assert error.evidence == ("x" * 200,)


@pytest.mark.parametrize("status", [201, 204, 301, 404])
def test_only_200_passes(status: int) -> None:
    assert f"{status}, version 0.1.5" in str(refused(lambda _: replace(GOOD, status=status, body="")))


def test_an_answer_without_the_header_does_not_pass() -> None:
    assert str(refused(lambda _: Page(body="ok"))).endswith("200, no version header.")


def test_a_redirect_to_the_right_version_does_not_pass() -> None:
    with serving(lambda _: GOOD) as right:
        error = refused(lambda _: Page(302, {"Location": f"{right.url}/api/health"}))
        assert right.paths == []
    assert "302, no version header" in str(error)


def test_a_host_that_does_not_answer_is_told(report: Recorder) -> None:
    clients = StubbedClients(replace(AWS, app_url=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(NotServingError, match=r"within 60 s: no connection\.$"):
        verify(EXPECTED, clients, report)
    assert report.text.count("no connection") == 1


def test_it_ends_at_the_deadline() -> None:
    with serving(lambda _: OLD) as site:
        clients = StubbedClients(replace(AWS, app_url=site.url))
        with pytest.raises(NotServingError):
            verify(EXPECTED, clients, Recorder(), 3)
    assert 3 <= clients.now <= 3.7


def test_without_an_expected_version_any_passes_but_none_does_not() -> None:
    anything = Expected(BACKEND, "")
    proved, _ = verified(lambda _: OLD, anything)
    assert proved.version == "0.1.4"
    with serving(lambda _: Page()) as site, pytest.raises(NotServingError, match="200 and a version"):
        verify(anything, StubbedClients(replace(AWS, app_url=site.url)), Recorder(), 1)


def test_each_different_answer_is_shown_once(report: Recorder) -> None:
    answers = [Page(503), Page(503), OLD, OLD, GOOD, GOOD, GOOD]
    with serving(lambda number: answers[number]) as site:
        verify(EXPECTED, StubbedClients(replace(AWS, app_url=site.url)), report)
    assert report.text.splitlines() == [
        f"{site.url}/api/health: 503, no version header",
        f"{site.url}/api/health: 200, version 0.1.4",
        f"{site.url}/api/health answers 200, version 0.1.5, 3 times in a row",
    ]


STEADY = replace(EXPECTED, steady=20)


def test_where_old_tasks_may_still_answer_the_row_has_to_last(report: Recorder) -> None:
    with serving(lambda _: GOOD) as site:
        clients = StubbedClients(replace(AWS, app_url=site.url))
        verify(STEADY, clients, report)
    assert 20 <= clients.now <= 21
    assert "version 0.1.5, 68 times in a row over 20 s" in report.text


def test_a_single_other_answer_in_all_that_time_begins_it_anew() -> None:
    with serving(lambda number: OLD if number == 50 else GOOD) as site:
        clients = StubbedClients(replace(AWS, app_url=site.url))
        verify(STEADY, clients, Recorder())
    assert 35 <= clients.now <= 36


def test_a_service_of_which_now_and_then_an_old_task_answers_does_not_pass() -> None:
    with (
        serving(lambda number: OLD if number % 20 == 19 else GOOD) as site,
        pytest.raises(NotServingError) as caught,
    ):
        verify(STEADY, StubbedClients(replace(AWS, app_url=site.url)), Recorder())
    assert "3 times in a row over 20 s within 60 s" in str(caught.value)


def test_when_another_version_keeps_answering_somebody_may_know_why() -> None:
    def moved_on() -> None:
        raise SupersededError("another deployment took over", fix="Look at it.")

    with serving(lambda number: Page(502) if number < 3 else OLD) as site:
        clients = StubbedClients(replace(AWS, app_url=site.url))
        with pytest.raises(SupersededError):
            verify(replace(EXPECTED, when_other=moved_on), clients, Recorder())
    assert len(site.paths) == 13
    assert clients.now < 5
