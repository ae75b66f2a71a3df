"""Ctrl-C and SIGTERM: while the tasks are loaded, and while one runs."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tasks.errors import StoppedByUserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


def end_at_once() -> None:
    """Let Ctrl-C end the process with its own exit code until a task runs.

    Invoke would end it with 1, which here is a defect in this tool. Where a shell has Ctrl-C ignored, it stays so.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


@contextmanager
def both_interrupt() -> Iterator[None]:
    """Have Ctrl-C and SIGTERM raise `KeyboardInterrupt`, so that a task can tell what is left and how to go on.

    GitHub cancels with SIGINT, 7.5 s later with SIGTERM, and kills after 2.5 s more; others send SIGTERM alone.
    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-cancellation
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only there may a handler be set
        return
    loading = signal.getsignal(signal.SIGINT) is _end
    ours = (signal.SIGTERM, signal.SIGINT) if loading else (signal.SIGTERM,)
    before = {number: signal.signal(number, signal.default_int_handler) for number in ours}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.stderr.write("error: Interrupted.\n  fix: Run the command again.\n")
    raise SystemExit(StoppedByUserError.exit_code)
