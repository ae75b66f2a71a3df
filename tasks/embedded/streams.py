"""Several slow sources read at once, and given up when they fall silent."""

from __future__ import annotations

from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Item = TypeVar("Item")


class SilenceError(Exception):
    """No source said anything for the time that was allowed."""


def merged(
    sources: Mapping[str, Callable[[], Iterable[Item]]], silence: float | None = None
) -> Iterator[tuple[str, Item]]:
    """Yield what every source says, as it comes, with the source's name.

    Only the threads wait for the sources; whoever iterates stays in one thread, and can be interrupted.

    Args:
        sources: functions that return something to iterate over, by name.
        silence: after how many seconds without a word to give up; never, when not given.

    Raises:
        SilenceError: nothing was said for that long.
        Exception: whatever a source raised, once the other sources have ended.
    """
    queue: Queue[tuple[str, Item | BaseException | None]] = Queue()
    for name, source in sources.items():
        Thread(target=_read, args=(name, source, queue), daemon=True).start()
    running, failure = len(sources), None
    while running:
        try:
            name, item = queue.get(timeout=silence)
        except Empty as error:
            raise SilenceError from error
        if item is None or isinstance(item, BaseException):
            running, failure = running - 1, failure or item
        else:
            yield name, item
    if failure is not None:
        raise failure


def _read(
    name: str,
    source: Callable[[], Iterable[Item]],
    queue: Queue[tuple[str, Item | BaseException | None]],
) -> None:
    try:
        for item in source():
            queue.put((name, item))
        queue.put((name, None))
    except Exception as error:  # noqa: BLE001 - raised again in the thread that iterates
        queue.put((name, error))
