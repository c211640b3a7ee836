from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutscene.errors import StorageError
from cutscene.storage import DamagedError, Verified

pytestmark = pytest.mark.anyio

CHUNKS = st.lists(st.binary(max_size=8), max_size=8)


async def source(chunks: Sequence[bytes]) -> AsyncGenerator[bytes, None]:
    for chunk in chunks:
        yield chunk


def drain(body: Verified) -> tuple[list[bytes], DamagedError | None]:
    """What came out, and what stopped it."""
    seen: list[bytes] = []

    async def read() -> DamagedError | None:
        try:
            async for chunk in body:
                seen.append(chunk)  # noqa: PERF401 - what came before the failure counts
        except DamagedError as error:
            return error
        return None

    return seen, anyio.run(read)


@given(CHUNKS.filter(any))
def test_a_right_body_passes_unchanged(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    digest = hashlib.sha256(whole).hexdigest()
    body = Verified(source(chunks), size=len(whole), sha256=digest)
    seen, error = drain(body)
    assert error is None
    assert b"".join(seen) == whole
    assert all(seen)
    assert (body.size, body.sha256) == (len(whole), digest)


@given(CHUNKS.filter(any), st.integers(min_value=-20, max_value=20).filter(bool))
def test_a_wrong_size_never_lets_the_last_chunk_out(chunks: list[bytes], error: int) -> None:
    whole = b"".join(chunks)
    seen, damage = drain(Verified(source(chunks), size=max(0, len(whole) + error)))
    assert damage is not None
    assert len(b"".join(seen)) < len(whole)


@given(CHUNKS.filter(any))
def test_a_wrong_digest_never_lets_the_last_chunk_out(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    seen, damage = drain(Verified(source(chunks), size=len(whole), sha256="0" * 64))
    assert damage is not None
    assert "content" in str(damage)
    assert b"".join(seen) == whole[: len(b"".join(seen))] != whole


@given(st.lists(st.just(b""), max_size=3))
def test_an_empty_body_is_damage(chunks: list[bytes]) -> None:
    seen, damage = drain(Verified(source(chunks)))
    assert damage is not None
    assert seen == []


def test_damage_is_a_storage_error() -> None:
    assert issubclass(DamagedError, StorageError)


def test_a_contradicting_size_is_refused() -> None:
    body = Verified(source([b"abc"]), size=3)
    body.expect(None)
    body.expect(3)
    with pytest.raises(DamagedError, match="3 bytes, not 4"):
        body.expect(4)


async def test_a_size_can_be_promised_later() -> None:
    body = Verified(source([b"abc"]))
    body.expect(4)
    with pytest.raises(DamagedError, match="3 of 4"):
        await anext(aiter(body))


async def test_a_body_cannot_be_read_twice() -> None:
    body = Verified(source([b"abc"]))
    assert [chunk async for chunk in body] == [b"abc"]
    with pytest.raises(RuntimeError, match="once"):
        await anext(aiter(body))


async def test_a_failing_source_is_passed_on() -> None:
    async def failing() -> AsyncGenerator[bytes, None]:
        yield b"abc"
        raise ConnectionResetError("gone")

    seen = []
    with pytest.raises(ConnectionResetError, match="gone"):  # noqa: PT012 - the loop is what fails
        async for chunk in Verified(failing()):
            seen.append(chunk)  # noqa: PERF401 - what came before the failure counts
    assert seen == []


@pytest.mark.parametrize("read", [0, 1, 3])
async def test_a_body_with_a_source_can_be_read_again(read: int) -> None:
    opened = []

    async def chunks() -> AsyncGenerator[bytes, None]:
        opened.append("opened")
        try:
            for chunk in (b"one", b"two", b"three"):
                yield chunk
        finally:
            opened.append("closed")

    body = Verified(source=chunks, size=11)
    async with aclosing(aiter(body)) as first:
        for _ in range(read):
            await anext(first)
    assert body.rewind()
    assert body.size == 0
    assert [chunk async for chunk in body] == [b"one", b"two", b"three"]
    assert (body.size, body.sha256) == (11, hashlib.sha256(b"onetwothree").hexdigest())
    assert opened == ["opened", "closed"] * (2 if read else 1)


async def test_a_body_that_has_begun_cannot_be_rewound_without_a_source() -> None:
    body = Verified(source_of_one())
    assert body.rewind()
    assert [chunk async for chunk in body] == [b"one"]
    assert not body.rewind()


async def source_of_one() -> AsyncGenerator[bytes, None]:
    yield b"one"
