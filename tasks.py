"""What Invoke loads.

Invoke prefers this file over the package beside it and gives it the package's name, so `tasks.x` could not
be imported from here. Naming the package's folder as this module's search path makes both be one.
"""

from pathlib import Path

__path__ = [str(Path(__file__).with_suffix(""))]

from tasks.collection import ns

__all__ = ["ns"]
