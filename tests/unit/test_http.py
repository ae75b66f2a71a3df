"""One GET as a user of the services would see it."""

from __future__ import annotations

import socketserver
from threading import Thread

import pytest

from tasks.http import HttpClient
from tests.support.project import free_port
from tests.support.web import Page, serving, version


@pytest.mark.parametrize("host", ["spryte.alb.localhost", "localhost", "a.b.c.localhost"])
def test_names_under_localhost_reach_loopback_and_keep_their_name(host: str) -> None:
    with serving(lambda _: version("0.1.5")) as site:
        answer = HttpClient().get(f"http://{host}:{site.port}/api/health?deep=1")
    assert answer.status == 200
    assert site.paths == ["/api/health?deep=1"]
    assert site.hosts == [f"{host}:{site.port}"]
    assert answer.url == f"http://{host}:{site.port}/api/health?deep=1"


@pytest.mark.parametrize("host", ["spryte.localhost.invalid", "notlocalhost.invalid"])
def test_other_names_are_not_taken_for_loopback(host: str) -> None:
    with serving(lambda _: version("0.1.5")) as site:
        assert HttpClient().get(f"http://{host}:{site.port}/").status != 200
    assert site.paths == []


def test_the_version_is_found_however_its_header_is_spelled() -> None:
    with serving(lambda _: Page(headers={"x-app-version": "0.1.5"}, body="hello")) as site:
        answer = HttpClient().get(site.url)
    assert answer.headers["X-App-Version"] == "0.1.5"
    assert answer.body == "hello"


def test_redirects_are_not_followed() -> None:
    with serving(lambda _: Page(302, {"Location": "/elsewhere"})) as site:
        answer = HttpClient().get(f"{site.url}/")
    assert answer.status == 302
    assert site.paths == ["/"]


@pytest.mark.parametrize("status", [404, 500, 503])
def test_an_error_of_the_server_is_an_answer(status: int) -> None:
    with serving(lambda _: Page(status, body="sorry")) as site:
        answer = HttpClient().get(site.url)
    assert (answer.status, answer.body, answer.problem) == (status, "sorry", "")


def test_no_connection_is_told_and_not_raised() -> None:
    answer = HttpClient().get(f"http://127.0.0.1:{free_port()}/")
    assert (answer.status, answer.problem) == (0, "no connection")


def test_a_server_that_hangs_up_is_told_and_not_raised() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        answer = HttpClient().get(f"http://localhost:{server.server_address[1]}/")
        thread.join()
    assert (answer.status, answer.problem) == (0, "no connection")


def test_a_certificate_nobody_trusts_is_told_and_not_raised() -> None:
    with serving(lambda _: Page()) as site:
        answer = HttpClient().get(f"https://127.0.0.1:{site.port}/")
    assert (answer.status, answer.problem) == (0, "the certificate was not accepted")
