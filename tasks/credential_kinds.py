"""The kinds of credentials that have a form of their own, each with the scanner's detector."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from detect_secrets.plugins.base import BasePlugin

# A detector that looks for one kind's own form; those that guess (entropy, words) would cry wolf in every test.
DETECTORS = {
    "aws": "AWSKeyDetector",
    "private_key": "PrivateKeyDetector",
    "github_token": "GitHubTokenDetector",
    "gitlab_token": "GitLabTokenDetector",
    "openai": "OpenAIDetector",
    "npm": "NpmDetector",
    "pypi_token": "PypiTokenDetector",
    "slack": "SlackDetector",
    "stripe": "StripeDetector",
    "sendgrid": "SendGridDetector",
    "twilio": "TwilioKeyDetector",
    "azure_storage_key": "AzureStorageKeyDetector",
    "basic_auth": "BasicAuthDetector",
}
IN_ADDRESS = "Basic Auth Credentials"


@cache
def detectors() -> Mapping[str, BasePlugin]:
    """Return the scanner's detectors by the kind they find. Those that ask the network are never told to."""
    made = {}
    for module, name in DETECTORS.items():
        detector: BasePlugin = getattr(import_module(f"detect_secrets.plugins.{module}"), name)()
        made[str(detector.secret_type)] = detector
    return made
