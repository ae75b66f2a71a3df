"""After the smoke test of a page: the API that it is configured to ask has to answer too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.errors import SmokeTestError
from tasks.release.task_definition import environment_of, load_template

if TYPE_CHECKING:
    from tasks.clients import Clients
    from tasks.http import Answer
    from tasks.settings import Service

API_VARIABLE = "VITE_API_URL"  # docs/service-contract.md, F2
API_HEALTH = "/api/health"


class ApiUnreachableError(SmokeTestError):
    """The page is served, and what it asks does not answer."""

    def __init__(self, service: Service, answer: Answer) -> None:
        said = f"answered {answer.status}" if answer.status else answer.problem
        super().__init__(
            f"{service.name}: the page is served, but its API {answer.url} does not answer 200: {said}.",
            fix=f"Correct {API_VARIABLE} in {service.template}; empty means the page's own address.",
        )


def require_api(service: Service, clients: Clients) -> None:
    """Ask the API that a page names; one on the page's own address is another service's deploy to prove.

    Raises:
        ApiUnreachableError: it does not answer 200.
    """
    definition = load_template(service, clients.target).definition
    base = environment_of(definition, service.container).get(API_VARIABLE, "").rstrip("/")
    if not base:
        return
    answer = clients.http.get(f"{base}{API_HEALTH}")
    if answer.status != 200:
        raise ApiUnreachableError(service, answer)
