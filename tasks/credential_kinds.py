"""The kinds of credentials that have a form of their own, each with the scanner's detector."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from detect_secrets.plugins.base import RegexBasedDetector

# Detectors that look for one kind's own form; those that guess (entropy, words) would cry wolf in every test. With
# each, what a line must hold for it to find anything there: most lines pass by this alone.
DETECTORS = {
    "aws": ("AWSKeyDetector", rb"A3T|ABIA|ACCA|AKIA|ASIA|[Aa][Ww][Ss]"),
    "private_key": ("PrivateKeyDetector", rb"PRIVATE KEY|PuTTY-User"),
    "github_token": ("GitHubTokenDetector", rb"gh[pousr]_"),
    "gitlab_token": ("GitLabTokenDetector", rb"gl[a-z]+-|GR1348941"),
    "openai": ("OpenAIDetector", rb"T3BlbkFJ"),
    "npm": ("NpmDetector", rb":_authToken"),
    "pypi_token": ("PypiTokenDetector", rb"pypi-A"),
    "slack": ("SlackDetector", rb"[Xx][Oo][Xx]|[Hh][Oo][Oo][Kk][Ss]\."),
    "stripe": ("StripeDetector", rb"k_live_"),
    "sendgrid": ("SendGridDetector", rb"SG\."),
    "twilio": ("TwilioKeyDetector", rb"(?:AC|SK)[a-z0-9]{32}"),
    "azure_storage_key": ("AzureStorageKeyDetector", rb"AccountKey="),
    "basic_auth": ("BasicAuthDetector", rb"://[^\s/@]+@"),
}
MARKS = re.compile(b"|".join(mark for _, mark in DETECTORS.values()))
IN_ADDRESS = "Basic Auth Credentials"
PRIVATE_KEY = "Private Key"


@cache
def detectors() -> Mapping[str, RegexBasedDetector]:
    """Return the scanner's detectors by the kind they find. Those that ask the network are never told to."""
    made = {}
    for module, (name, _) in DETECTORS.items():
        detector: RegexBasedDetector = getattr(import_module(f"detect_secrets.plugins.{module}"), name)()
        made[str(detector.secret_type)] = detector
    return made


def marked(line: bytes) -> Iterator[tuple[str, RegexBasedDetector]]:
    """Return the detectors that may find something in a line, by their kinds."""
    if MARKS.search(line):
        for (kind, detector), (_, mark) in zip(detectors().items(), DETECTORS.values(), strict=True):
            if re.search(mark, line):
                yield kind, detector
