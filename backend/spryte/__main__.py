"""What the container runs: checks the environment, then becomes gunicorn."""

import os
import sys

from spryte.configuration import EXIT_CODE, Configuration, ConfigurationError

_COMMAND = ["gunicorn", "--config", "python:spryte.server", "spryte.web:create_app()"]


def main() -> None:
    """Refuses a bad environment in one line on stderr, before anything listens."""
    try:
        configuration = Configuration.from_environment(os.environ)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_CODE)
    # Gunicorn reads the variable itself, and would meet an empty one with a traceback.
    environment = {**os.environ, "WEB_CONCURRENCY": str(configuration.workers)}
    # In place of this process, so that gunicorn is PID 1 and receives SIGTERM.
    os.execvpe(_COMMAND[0], _COMMAND, environment)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
