"""What the frontend adds to the contract."""

import re
from typing import TypedDict, cast

import pytest

from tests.support.containers import FRONTEND, Running, Start, refusal_of, version_headers

ODD_API_URLS = {
    "no scheme": "api.example.com",
    "no host": "https://",
    "another scheme": "ftp://api.example.com",
    "a script": "javascript:alert(1)",
    "the page's scheme": "//api.example.com",
    "a query": "https://api.example.com/?a=1",
    "a user": "https://user:pass@api.example.com",
    "two addresses": "https://api.example.com https://evil.example.com",
    "a policy of its own": "https://api.example.com; script-src *",
    "a quote": 'https://api.example.com"',
    "a variable of nginx": "https://$host",
    "a second line": "https://api.example.com\nhttps://evil.example.com",
    "a wildcard": "https://*.example.com",
    "a port that is none": "https://api.example.com:port",
}


class Config(TypedDict):
    """What the frontend serves as /config.json."""

    apiUrl: str
    version: str
    commit: str


def asset_of(frontend: Running, ending: str) -> str:
    found = re.search(rf"/assets/[^\"]+\.{ending}", frontend.send("/").text)
    assert found, f"index.html names no .{ending} file"
    return found.group()


def test_the_frontend_serves_its_configuration_and_never_lets_it_be_stored(frontend: Running) -> None:
    answer = frontend.send("/config.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json() == {"apiUrl": "", "version": "1.2.3", "commit": "0a1b2c3"}


@pytest.mark.parametrize(
    ("told", "served", "origin"),
    [
        ("https://api.example.com", "https://api.example.com", "https://api.example.com"),
        ("https://api.example.com/", "https://api.example.com", "https://api.example.com"),
        ("http://localhost:5000", "http://localhost:5000", "http://localhost:5000"),
        ("https://a.example:8443/x/y_z", "https://a.example:8443/x/y_z", "https://a.example:8443"),
    ],
)
def test_the_frontend_points_its_page_at_the_api_of_its_environment(
    start: Start, told: str, served: str, origin: str
) -> None:
    frontend = start(FRONTEND, {"VITE_API_URL": told}).ready()
    config = cast("Config", frontend.send("/config.json").json())
    assert config["apiUrl"] == served
    policy = frontend.send("/").headers["Content-Security-Policy"]
    assert f"connect-src 'self' {origin};" in policy


@pytest.mark.parametrize("odd", ODD_API_URLS.values(), ids=ODD_API_URLS)
def test_the_frontend_refuses_an_api_address_with(start: Start, odd: str) -> None:
    refusal = refusal_of(start(FRONTEND, {"VITE_API_URL": odd}))
    assert "spryte-frontend cannot start: VITE_API_URL must be empty or an address" in refusal
    assert odd not in refusal


def test_the_frontend_names_all_that_is_wrong_in_its_one_line(start: Start) -> None:
    odd = {"APP_VERSION": "1 2", "APP_COMMIT": "a/b", "VITE_API_URL": "nowhere"}
    refusal = refusal_of(start(FRONTEND, odd))
    assert all(f"{name} must be" in refusal for name in odd)


@pytest.mark.parametrize("path", ["/", "/index.html", "/some/page", "/?a=1"])
def test_the_page_is_served_on_every_path_and_always_revalidated(frontend: Running, path: str) -> None:
    answer = frontend.send(path)
    assert answer.status_code == 200
    assert '<div id="root">' in answer.text
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["ETag"]


@pytest.mark.parametrize("ending", ["js", "css"])
def test_a_hashed_asset_may_be_kept_for_a_year(frontend: Running, ending: str) -> None:
    answer = frontend.send(asset_of(frontend, ending))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert version_headers(answer) == ("1.2.3", "0a1b2c3")


@pytest.mark.parametrize("path", ["/assets/index-00000000.js", "/assets/", "/assets/../assets/none.css"])
def test_a_missing_asset_is_404_and_not_the_page_and_not_remembered(frontend: Running, path: str) -> None:
    answer = frontend.send(path)
    assert answer.status_code == 404
    assert "root" not in answer.text
    assert answer.headers["Cache-Control"] == "no-cache"
    assert version_headers(answer) == ("1.2.3", "0a1b2c3")


def test_an_api_request_that_strays_to_the_frontend_is_not_answered_with_the_page(frontend: Running) -> None:
    answer = frontend.send("/api/health")
    assert (answer.status_code, answer.json()) == (404, {"error": "Not Found", "status": 404})


@pytest.mark.parametrize("ending", ["js", "css"])
def test_the_frontend_compresses_text(frontend: Running, ending: str) -> None:
    answer = frontend.send(asset_of(frontend, ending))
    assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding")


@pytest.mark.parametrize("path", ["/", "/config.json", "/assets/nothing-here.js", "/api/health"])
def test_every_response_of_the_frontend_carries_the_security_headers(frontend: Running, path: str) -> None:
    headers = frontend.send(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert "default-src 'none'; script-src 'self'" in headers["Content-Security-Policy"]
    assert "connect-src 'self';" in headers["Content-Security-Policy"]
    assert headers["Server"] == "nginx"


def test_the_page_needs_nothing_that_its_policy_forbids(frontend: Running) -> None:
    page = frontend.send("/").text
    assert "<style" not in page
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"""(?:src|href)=["'](?!/)""", page)
