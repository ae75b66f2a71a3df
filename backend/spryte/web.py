"""The Flask application."""

import json
import logging
import os
import time

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.sansio.response import Response as AnyResponse

from spryte.configuration import Configuration

HEALTH_PATH = "/api/health"

_log = logging.getLogger("spryte.requests")


def create_app(configuration: Configuration | None = None) -> Flask:
    """Makes the application.

    Args:
        configuration: The checked settings; by default those of the process's environment.

    Returns:
        The application: the health endpoint, JSON errors, and the contract's headers on every response.

    Raises:
        ConfigurationError: The process's environment lacks a variable, or one is malformed.
    """
    settings = configuration or Configuration.from_environment(os.environ)
    app = Flask(__name__, static_folder=None)

    @app.get(HEALTH_PATH)
    def health() -> Response:
        return jsonify(status="ok", service="backend", version=settings.version, commit=settings.commit)

    @app.before_request
    def start_clock() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        _add_headers(response, settings)
        _log_request(response)
        return response

    app.register_error_handler(HTTPException, _as_json)
    return app


def _as_json(problem: HTTPException) -> AnyResponse:
    # The problem's own response is kept for its headers: a 405 has to name the methods it allows.
    response = problem.get_response()
    response.data = json.dumps({"error": problem.name, "status": problem.code})
    response.content_type = "application/json"
    return response


def _add_headers(response: Response, settings: Configuration) -> None:
    response.headers["X-App-Version"] = settings.version
    response.headers["X-App-Commit"] = settings.commit
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    if request.path == HEALTH_PATH:
        # A page served from another origin (VITE_API_URL) reads the health and nothing else.
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = "X-App-Version, X-App-Commit"


def _log_request(response: Response) -> None:
    # The path without its query, which may carry what must not be logged.
    fields = {
        "method": request.method,
        "path": request.path,
        "status": response.status_code,
        "seconds": round(time.perf_counter() - g.started, 3),
    }
    _log.info("request", extra={"fields": fields})
