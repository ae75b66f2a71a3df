"""What must not be shown: passwords in addresses, and values whose name says that they are secret."""

from __future__ import annotations

import pytest

from tasks.masking import is_secret, mask


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mongodb://me:pw@db.test:27017/x", "mongodb://me:***@db.test:27017/x"),
        (
            "at redis://:pw@cache.test and amqp://a:b@queue.test",
            "at redis://:***@cache.test and amqp://a:***@queue.test",
        ),
        ("postgres://me:p@ss@db.test/x", "postgres://me:***@db.test/x"),  # pragma: allowlist secret
        ("http://host:8080/path?mail=a@b", "http://host:8080/path?mail=a@b"),
        ("http://host:8080 for a@b", "http://host:8080 for a@b"),
        ("a: b@c.test", "a: b@c.test"),
    ],
)
def test_only_the_password_of_an_address_is_hidden(text: str, shown: str) -> None:
    assert mask(text) == shown


@pytest.mark.parametrize(
    "name", ["DEBUG_TOKEN", "client_secret", "DB_PASSWORD", "PASSWD", "API_KEY", "CREDENTIALS", "PRIVATE_PEM"]
)
def test_a_name_may_say_that_its_value_is_secret(name: str) -> None:
    assert is_secret(name, "x")


def test_an_address_with_a_password_is_secret_whatever_its_name() -> None:
    assert is_secret("MONGODB_URI", "mongodb://me:pw@db.test")
    assert not is_secret("MONGODB_URI", "mongodb://db")
    assert not is_secret("DEBUG", "true")
