from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from cutscene.media.ahead import ahead


def numbers(count: int, made: list[int]) -> Iterator[int]:
    for number in range(count):
        made.append(number)
        yield number


@pytest.mark.parametrize("count", [0, 1, 5, 40])
def test_the_same_items_in_order(count: int) -> None:
    assert list(ahead(numbers(count, []), most=4)) == list(range(count))


def test_only_so_many_are_made_before_they_are_asked_for() -> None:
    made: list[int] = []
    items = ahead(numbers(100, made), most=4)
    assert next(items) == 0
    items.close()  # type: ignore[attr-defined]
    assert len(made) <= 6
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


def test_what_breaks_there_is_raised_here() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    items = ahead(broken())
    assert next(items) == 1
    with pytest.raises(ValueError, match="no more"):
        next(items)
