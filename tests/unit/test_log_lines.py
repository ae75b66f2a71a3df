"""Lines of a log as a failing deploy shows them."""

from __future__ import annotations

import json
from dataclasses import replace

from tasks.diagnosis import health_rules, log_lines
from tasks.diagnosis.findings import Case, Findings, Probe
from tests.support.models import BACKEND, arn

TRACEBACK = (
    'Traceback (most recent call last):\n  File "/opt/venv/lib/flask/app.py", line 880, in full_dispatch_request\n'
    '    rv = self.dispatch_request()\n  File "/app/spryte/web.py", line 36, in health\n    users()\n'
    "KeyError: 'no such collection: users'"
)


def line(number: int, **fields: object) -> str:
    """Return a line of the log as docs/service-contract.md has it."""
    return json.dumps({"time": f"2026-01-05T12:00:0{number}.000Z", "level": "error", **fields})


BROKEN = [line(number, message="unhandled exception", exception=TRACEBACK) for number in range(5)]
ASKED = [line(number, message="request", path="/api/health", status=500) for number in range(5)]


def findings(*lines: str) -> Findings:
    """Return findings with that log, of a service that answers 500."""
    probe = Probe("http://x/api/health", 500, "0.1.5")
    return Findings(Case(BACKEND, arn(7), "0.1.5", asks_http=True), {}, lines=lines, probe=probe)


def test_a_traceback_is_told_by_its_exception_and_its_place() -> None:
    assert log_lines.shown(BROKEN[0]) == (
        "unhandled exception: KeyError: 'no such collection: users' (web.py line 36, in health)"
    )


def test_any_other_line_stays_as_it_is() -> None:
    for each in ("Listening at: http://0.0.0.0:5000", ASKED[0], "{not json", '["a"]'):
        assert log_lines.shown(each) == each


def test_what_is_repeated_is_shown_once() -> None:
    lines = [each for pair in zip(BROKEN, ASKED, strict=True) for each in pair]
    shown = findings(*lines).last_words
    assert len(shown) == 2
    assert "KeyError" in shown[0]
    assert '"status": 500' in shown[1]


def test_python_s_own_frames_and_marks_leave_room_for_what_is_the_service_s() -> None:
    lines = (
        '  File "/srv/spryte/web.py", line 80',
        "    return {{",
        "            ^",
        '  File "<frozen importlib._bootstrap>", line 1387, in _gcd_import',
        "    ~~~~^^^^^^",
        "SyntaxError: '{' was never closed",
    )
    assert findings(*lines).last_words == (
        'log:   File "/srv/spryte/web.py", line 80',
        "log:     return {{",
        "log: SyntaxError: '{' was never closed",
    )


def test_what_only_looks_alike_is_shown_twice() -> None:
    other = line(9, message="request", path="/api/health", status=200)
    assert len(findings(*ASKED, other).last_words) == 2


def test_a_500_names_the_exception_behind_it() -> None:
    found = health_rules.http_500(findings(*BROKEN))
    assert found is not None
    assert found.cause == (
        "The service runs, and answers its health check with 500: KeyError: 'no such collection: users'"
    )


def test_a_500_without_a_traceback_is_told_all_the_same() -> None:
    found = health_rules.http_500(replace(findings(*ASKED)))
    assert found is not None
    assert found.cause == "The service runs, and answers its health check with 500."
