"""What Invoke loads.

Invoke prefers this file over the package beside it and gives it the package's name, so `tasks.x` could not
be imported from here. Naming the package's folder as this module's search path makes both be one.
"""

from pathlib import Path

__path__ = [str(Path(__file__).with_suffix(""))]

from tasks import signals

signals.end_at_once()

from tasks.collection import ns  # noqa: E402 - it takes a while, in which somebody may press Ctrl-C

__all__ = ["ns"]
