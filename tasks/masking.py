"""What must not be shown: passwords in addresses, and values whose name says that they are secret."""

from __future__ import annotations

import re

HIDDEN = "***"
# https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1: user information stands before the host, up to the last @
PASSWORD = re.compile(r"(://[^\s/:@]*:)[^\s/]+@")
SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|KEY|CREDENTIAL|PRIVATE", re.I)


def mask(text: str) -> str:
    """Return a text with the password of each address in it hidden."""
    return PASSWORD.sub(rf"\1{HIDDEN}@", text)


def is_secret(name: str, value: str) -> bool:
    """Return whether a variable's value must not be shown: by its name, or by a password in an address."""
    return bool(SECRET_NAME.search(name) or PASSWORD.search(value))
