"""Frames that are made while earlier ones are encoded: decoding and encoding keep a core busy each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["ahead"]

T = TypeVar("T")


def ahead(items: Iterable[T], most: int = 6) -> Iterator[T]:
    """The same items, none of them None, so many of them made by another thread before they are asked for.

    What goes wrong there is raised here.
    """
    source = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        made = deque(thread.submit(next, source, None) for _ in range(most))
        try:
            while (item := made.popleft().result()) is not None:
                made.append(thread.submit(next, source, None))
                yield item
        finally:
            thread.shutdown(cancel_futures=True)
