"""Serves one file over HTTP on a free port, which it prints: ``serve_file.py FILE``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path


async def main(file: Path, size: int) -> None:
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n"
        f'Content-Length: {size}\r\nETag: "1"\r\nConnection: close\r\n\r\n'
    ).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        await writer.drain()
        with file.open("rb") as content:
            await asyncio.get_running_loop().sendfile(writer.transport, content)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}/{file.name}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    given = Path(sys.argv[1])
    asyncio.run(main(given, given.stat().st_size))
