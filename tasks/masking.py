"""What must not be shown: passwords in addresses and options, credentials by their form, values by their name."""

from __future__ import annotations

import re

from tasks.credential_kinds import IN_ADDRESS, detectors

HIDDEN = "***"
# https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1: user information stands before the host, up to the last @
PASSWORD = re.compile(r"(://[^\s/:@]*:)[^\s/]+@")
USER_ALONE = re.compile(r"(?<=://)[^\s/:@]+@")  # a token, such as that of a Sentry DSN
OPTION = re.compile(r"(--?(?:[\w-]*-)?(?:password|passwd|secret|token|api-?key)[ =])(?!-)\S+", re.I)
SECRET_NAME = re.compile(r"TOKEN|SECRET|PASS|PWD|KEY|CREDENTIAL|PRIVATE|DSN|WEBHOOK|LICENSE", re.I)


def mask(text: str) -> str:
    """Return a text in which passwords of addresses and options, and credentials of a known form, are hidden."""
    masked = PASSWORD.sub(rf"\1{HIDDEN}@", text)
    masked = OPTION.sub(rf"\1{HIDDEN}", USER_ALONE.sub(f"{HIDDEN}@", masked))
    for kind, detector in detectors().items():
        for found in detector.analyze_string(masked) if kind != IN_ADDRESS else ():
            masked = masked.replace(str(found), HIDDEN)
    return masked


def is_secret(name: str, value: str) -> bool:
    """Return whether a variable's value must not be shown: by its name, or because `mask` hides some of it."""
    return bool(SECRET_NAME.search(name) or mask(value) != value)
