"""Bodies that must be known before they are sent, kept in a file without a name meanwhile."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from cutscene.storage import Verified
from cutscene.storage.files import BATCH, FileThreads

__all__ = ["Spooled", "spooled"]

_THREADS = FileThreads("The folder for temporary files (TMPDIR)")


@dataclass(frozen=True, slots=True)
class Spooled:
    """All of a body, checked."""

    file: BinaryIO
    """At its beginning."""
    body: Verified
    """The same again, with size and digest promised; it can be rewound."""


@asynccontextmanager
async def spooled(body: Verified) -> AsyncIterator[Spooled]:
    """The body, read to its end; raises what it raises, and `StorageError` where there is no room."""
    with ExitStack() as opened:
        file = await _THREADS.run(lambda: opened.enter_context(tempfile.TemporaryFile()))
        async with aclosing(aiter(body)) as chunks:
            async for chunk in chunks:
                await _THREADS.run(file.write, chunk)
        await _THREADS.run(file.flush)
        await _THREADS.run(file.seek, 0)
        again = Verified(source=partial(_read, file.fileno()), size=body.size, sha256=body.sha256)
        yield Spooled(file, again)


async def _read(descriptor: int) -> AsyncGenerator[bytes, None]:
    offset = 0
    while chunk := await _THREADS.run(os.pread, descriptor, BATCH, offset):
        offset += len(chunk)
        yield chunk
