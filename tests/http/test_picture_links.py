"""Pictures by their addresses: what is taken, and all that a hostile link or server may try."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import struct
import subprocess
import traceback
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image
from structlog.testing import capture_logs

from cutscene.addresses import public_socket
from cutscene.errors import CutsceneError, InputValidationError, StorageError
from cutscene.fetch import FetchLimits, open_session
from cutscene.media.picture import MAX_BYTES, read_picture
from cutscene.origins import LIMITS, Intake
from cutscene.storage import Store, open_store

pytestmark = pytest.mark.anyio

QUICK = FetchLimits(max_bytes=200_000, total=3.0, stall=0.4, connect=0.5, resumes=1, backoff=0.01)
SIGNED = "X-Signature=secret&Policy=hidden"


def encoded(kind: str = "PNG") -> bytes:
    file = BytesIO()
    Image.linear_gradient("L").resize((320, 180)).convert("RGB").save(file, kind)
    return file.getvalue()


PICTURE = encoded()

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """Answers each connection with the next of ``answers``, byte for byte; the last from then on."""

    port: int = 0
    answers: list[Answer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Paths with their queries."""
    connections: int = 0

    @property
    def link(self) -> str:
        return f"http://127.0.0.1:{self.port}/art/still.png?{SIGNED}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(head.split(b" ")[1].decode())
            await self.answers[min(len(self.asked), len(self.answers)) - 1](writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client has had enough
        finally:
            writer.close()


@asynccontextmanager
async def listening(context: ssl.SSLContext | None = None) -> AsyncGenerator[Server, None]:
    served = Server()
    door = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    served.port = door.getsockname()[1]
    server = await asyncio.start_server(served.serve, sock=door, ssl=context)
    yield served
    server.close()
    await server.wait_closed()


@pytest.fixture
async def server() -> AsyncGenerator[Server, None]:
    async with listening() as served:
        yield served


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[Store, None]:
    opened = open_store((tmp_path / "store").as_uri())
    yield opened
    await opened.close()


@dataclass
class Taker:
    """Takes a picture as `cutscene.sources` does, and leaves nothing behind."""

    store: Store
    scratch: Path
    options: dict[str, Any] = field(default_factory=dict)

    async def take(self, link: str, **options: Any) -> bytes:
        async with self.intake(**options) as intake:
            given = await intake.picture(link)
            return read_picture(given.source, name=given.name)

    def intake(self, **options: Any) -> Intake:
        chosen = {"local_files": False, "limits": QUICK, **self.options, **options}
        return Intake(self.store, "acme", self.scratch, **chosen)

    async def refuse(self, link: str, **options: Any) -> str:
        """The sentence. Nothing of the query is in it, in its trace or in the log; no file is left."""
        with capture_logs() as logged, pytest.raises(CutsceneError) as caught:
            await self.take(link, **options)
        assert caught.type is InputValidationError
        told = "".join(traceback.format_exception(caught.value)) + str(logged)
        assert not any(word in told for word in ("secret", "hidden", "Signature"))
        assert not self.scratch.exists() or list(self.scratch.iterdir()) == []
        sentence = str(caught.value)
        assert sentence.endswith(".")
        assert ": " in sentence  # what to do
        return sentence


@pytest.fixture
def guarded(store: Store, tmp_path: Path) -> Taker:
    """As it is in production."""
    return Taker(store, tmp_path / "scratch")


@pytest.fixture
def anywhere(store: Store, tmp_path: Path) -> Taker:
    """With CUTSCENE_ALLOW_PRIVATE_URLS: everything is checked but the address."""
    return Taker(store, tmp_path / "scratch", {"allow_private": True})


def http(
    body: bytes = PICTURE, *headers: str, status: str = "200 OK", length: int | None = -1, kind: str = ""
) -> Answer:
    """An answer; its length is told right (-1), wrong, or not at all (None)."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        size = len(body) if length == -1 else length
        told = [*headers, f"Content-Type: {kind or 'image/png'}", "Connection: close"]
        if size is not None:
            told.append(f"Content-Length: {size}")
        writer.write("\r\n".join([f"HTTP/1.1 {status}", *told, "", ""]).encode() + body)

    return answer


def redirect(location: str, status: int = 302) -> Answer:
    return http(b"", f"Location: {location}", status=f"{status} Found")


def raw(data: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return answer


def endlessly(head: bytes, again: bytes, pause: float = 0.0) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(pause)

    return answer


# What is taken


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("told", ["image/png", "application/octet-stream", "video/mp4", "x"])
async def test_a_picture_is_known_by_its_bytes(server: Server, anywhere: Taker, kind: str, told: str) -> None:
    server.answers = [http(encoded(kind), kind=told)]
    assert await anywhere.take(server.link) == encoded(kind)
    assert server.asked == [f"/art/still.png?{SIGNED}"]


async def test_redirects_are_followed_to_the_picture(server: Server, anywhere: Taker) -> None:
    server.answers = [
        redirect("/b?k=1"),
        redirect("c", 307),
        redirect(f"//127.0.0.1:{server.port}/d"),
        http(),
    ]
    assert await anywhere.take(server.link) == PICTURE
    assert server.asked == [f"/art/still.png?{SIGNED}", "/b?k=1", "/c", "/d"]


async def test_a_link_is_fetched_once_for_all_its_uses(server: Server, anywhere: Taker) -> None:
    server.answers = [http()]
    async with anywhere.intake() as intake:
        one, two = await intake.picture(server.link), await intake.picture(f" {server.link}\n")
        assert one == two
        assert Path(one.source).read_bytes() == PICTURE
    assert len(server.asked) == 1
    assert not Path(one.source).exists()


@pytest.mark.parametrize("etag", ['"a"', '"a\x01b"'])
async def test_a_cut_is_mended(server: Server, anywhere: Taker, etag: str) -> None:
    """What cannot be sent back proves nothing: the file is fetched anew."""
    server.answers = [http(PICTURE[:100], f"ETag: {etag}", length=len(PICTURE)), http()]
    assert await anywhere.take(server.link) == PICTURE


@pytest.mark.parametrize("encoding", ["", "IDENTITY", "aws-chunked"])
async def test_a_word_that_changes_nothing_is_no_compression(
    server: Server, anywhere: Taker, encoding: str
) -> None:
    server.answers = [http(PICTURE, f"Content-Encoding: {encoding}")]
    assert await anywhere.take(server.link) == PICTURE


async def test_a_full_disk_is_not_the_callers_fault(server: Server, anywhere: Taker) -> None:
    server.answers = [http()]
    anywhere.scratch.write_bytes(b"a file where a folder is needed")
    with pytest.raises(StorageError, match=r"The scratch folder .* a file stands where a folder is needed"):
        await anywhere.take(server.link)


def test_the_limits_are_those_of_pictures() -> None:
    assert (LIMITS.max_bytes, LIMITS.total, LIMITS.redirects) == (MAX_BYTES, 60.0, 3)


# Where a link may not lead

ADDRESSES = [
    "127.0.0.1", "127.1", "2130706433", "017700000001", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1",
    "127.0.0.1.", "127.000.000.001", "0.0.0.0", "0", "localhost", "LOCALHOST", "localhost.", "[::1]", "[::]",
    "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]", "[2001::1]", "[fec0::1]", "[fe80::1%25lo]", "[::1%25lo]", "①②⑦.0.0.1", "127。0。0。1",
    "good.example@127.0.0.1", "good.example:x@127.0.0.1", "good.example\\@127.0.0.1",
    "good.example%00@127.0.0.1", "127.0.0.1#@good.example", "127.0.0.1?@good.example",
    "good.example%2f@127.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("host", ADDRESSES)
async def test_no_spelling_of_an_address_gets_through(
    server: Server, guarded: Taker, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a port that is allowed: the address alone decides."""
    monkeypatch.setattr("cutscene.addresses.PORTS", frozenset({server.port}))
    server.answers = [http()]
    await guarded.refuse(f"https://{host}:{server.port}/latest/meta-data?{SIGNED}")
    assert server.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:a9fe:a9fe]"])
async def test_a_private_address_is_told_in_one_sentence(guarded: Taker, host: str) -> None:
    assert await guarded.refuse(f"https://{host}/?{SIGNED}") == (
        f"The picture cannot be fetched, since the link leads to {host.strip('[]')}, whose address is not "
        "public: check its address, or hand the picture over itself."
    )


@pytest.mark.parametrize(
    "link",
    ["http://example.com/a.png", "HTTP://example.com/a.png", "ftp://example.com/a.png", "file:///etc/passwd",
     "FILE:/etc/passwd", "gopher://127.0.0.1:6379/_x", "unix:///run/docker.sock", "jar:file:///x", "http:x",
     "s3://bucket/a.png", "ws://example.com/"],
)  # fmt: skip
async def test_pictures_are_fetched_over_https_alone(guarded: Taker, link: str) -> None:
    sentence = await guarded.refuse(f"{link}?{SIGNED}", local_files=True)
    assert sentence == "A picture is fetched over https alone: give an address that begins with https://."


@pytest.mark.parametrize(
    "link",
    ["https://", "https:///a.png", "https:a.png", "https://[::1/a.png", "https://h:99999/", "https://h:0/",
     "https://exa mple/", "https://h/\r\nX-Evil: 1", "https://h/\x00", "https://user:secret@example.com/",
     "https://secret@example.com/", "https://h/" + "x" * 8000],
)  # fmt: skip
async def test_what_is_no_link_is_refused(guarded: Taker, link: str) -> None:
    assert "cannot be fetched, since the link" in await guarded.refuse(f"{link}?{SIGNED}")


@pytest.mark.parametrize("port", [22, 25, 6379, 8000])
async def test_public_servers_are_asked_on_web_ports_only(guarded: Taker, port: int) -> None:
    assert "a port that is not allowed" in await guarded.refuse(f"https://1.1.1.1:{port}/?{SIGNED}")


async def test_a_name_that_nobody_knows_is_told(guarded: Taker) -> None:
    session = partial(session_with, Names([]))
    sentence = await guarded.refuse(f"https://cdn.example/a.png?{SIGNED}", open_session=session)
    assert "the last time with: no address for its name" in sentence


class Names(aiohttp.abc.AbstractResolver):
    """A name service that answers each time with the next of its lists, the last from then on."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        self.asked.append(host)
        addresses = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if not addresses:
            raise OSError(None, "unknown")
        return [
            {"hostname": host, "host": address, "port": port, "family": family, "proto": 0, "flags": 0}
            for address in addresses
        ]

    async def close(self) -> None: ...


def session_with(
    names: Names | None, *, reaches: int | None = None, trusts: ssl.SSLContext | None = None, **options: Any
) -> aiohttp.ClientSession:
    """As `open_session` makes it, but for who answers names, and one port of this machine."""
    session = open_session(**options)
    connector = session.connector
    assert isinstance(connector, aiohttp.TCPConnector)
    if names is not None:
        connector._resolver, connector._resolver_owner = names, False
    if reaches is not None:
        connector._socket_factory = partial(_public_or, reaches)
    if trusts is not None:
        connector._ssl = trusts
    return session


def _public_or(port: int, info: tuple[Any, ...]) -> socket.socket:
    return socket.socket(*info[:3]) if info[4][:2] == ("127.0.0.1", port) else public_socket(info)


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["169.254.169.254", "10.0.0.1"], ["::1", "127.0.0.1"], ["fd00:ec2::254"]]
)
async def test_a_name_of_private_addresses_is_blocked(
    server: Server, guarded: Taker, addresses: list[str]
) -> None:
    session = partial(session_with, Names(addresses))
    sentence = await guarded.refuse(f"https://cdn.example:{server.port}/?{SIGNED}", open_session=session)
    assert "leads to cdn.example, whose address is not public" in sentence
    assert server.connections == 0


async def test_a_name_is_asked_once_and_its_answer_is_where_the_connection_goes(
    server: Server, guarded: Taker
) -> None:
    """Rebinding: the second answer would be the metadata service."""
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    session = partial(session_with, names, reaches=server.port)
    server.answers = [http()]
    link = f"http://cdn.example:{server.port}/a.png"
    taken = await guarded.take(link, allow_private=True, open_session=lambda **_: session())
    assert (taken, names.asked) == (PICTURE, ["cdn.example"])


async def test_a_name_that_turns_private_on_the_way_is_blocked(server: Server, guarded: Taker) -> None:
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    session = partial(session_with, names, reaches=server.port)
    server.answers = [redirect(f"http://other.example:{server.port}/?{SIGNED}"), http()]
    sentence = await guarded.refuse(
        f"http://cdn.example:{server.port}/?{SIGNED}", allow_private=True, open_session=lambda **_: session()
    )
    assert "leads to other.example, whose address is not public" in sentence
    assert server.connections == 1


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.2:{port}/", "http://169.254.169.254/latest/", "http://[::1]:{port}/", "http://localhost/",
     "https://127.0.0.3/", "//10.0.0.1/x", "http://[::ffff:169.254.169.254]/"],
)  # fmt: skip
@pytest.mark.parametrize("status", [301, 308])
async def test_a_redirect_to_a_private_address_is_blocked(
    server: Server, guarded: Taker, location: str, status: int
) -> None:
    server.answers = [redirect(location.format(port=server.port), status), http()]
    session = partial(session_with, None, reaches=server.port)
    sentence = await guarded.refuse(server.link, allow_private=True, open_session=lambda **_: session())
    assert "address is not public" in sentence
    assert server.connections == 1


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "data:image/png;base64,AAAA", "ftp://127.0.0.1/x", "unix:///run/docker.sock",
     "http://user:secret@127.0.0.1:{port}/", "http://[::1", "http://127.0.0.1:99999/", "javascript:alert(1)"],
)  # fmt: skip
async def test_a_redirect_to_something_else_is_refused(
    server: Server, anywhere: Taker, location: str
) -> None:
    server.answers = [redirect(location.format(port=server.port)), http()]
    assert "since the link" in await anywhere.refuse(server.link)
    assert server.connections == 1


async def test_redirects_end(server: Server, anywhere: Taker) -> None:
    server.answers = [redirect(f"/again?{SIGNED}")]
    assert "redirects more than 3 times" in await anywhere.refuse(server.link)
    assert server.connections == 4


async def test_the_environment_adds_no_proxy(
    server: Server, guarded: Taker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    session = partial(session_with, Names(["10.0.0.1"]))
    await guarded.refuse(f"https://cdn.example/?{SIGNED}", open_session=session)
    assert server.connections == 0


# What a server may answer


def png_of_size(width: int, height: int) -> bytes:
    """Few bytes that claim many pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9_000_000)))


HTML = b"<!doctype html><html><body><img src='file:///etc/passwd'></body></html>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>"
NO_PICTURES = {
    "html": HTML, "svg": SVG, "xml": b"<?xml version='1.0'?><!DOCTYPE x SYSTEM 'file:///etc/passwd'><x/>",
    "json": b'{"error": "expired"}', "pdf": b"%PDF-1.7 %", "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "program": b"\x7fELF" + bytes(100), "zip": b"PK\x03\x04" + bytes(100), "gzip": b"\x1f\x8b\x08",
    "clip": b"\x00\x00\x00\x18ftypmp42" + bytes(100), "playlist": b"ffconcat version 1.0\nfile /etc/passwd",
    "bmp": encoded("BMP"), "tiff": encoded("TIFF"), "noise": bytes(range(256)),
}  # fmt: skip


@pytest.mark.parametrize("body", NO_PICTURES.values(), ids=NO_PICTURES)
async def test_what_is_no_picture_is_refused_whatever_it_is_called(
    server: Server, anywhere: Taker, body: bytes
) -> None:
    server.answers = [http(body, kind="image/png")]
    assert await anywhere.refuse(server.link) == (
        "The file from 127.0.0.1 is not a picture: give a JPEG, PNG or WebP file."
    )


@pytest.mark.parametrize(
    ("body", "kind"),
    [(HTML, "text/html; charset=utf-8"), (SVG, "image/svg+xml"), (b"{}", "application/json")],
)
async def test_pages_in_place_of_a_picture_are_told(
    server: Server, anywhere: Taker, body: bytes, kind: str
) -> None:
    server.answers = [http(body, kind=kind)]
    assert f"answered with {kind.partition(';')[0]} in place of the file" in await anywhere.refuse(
        server.link
    )


async def test_a_servers_words_cannot_draw_on_a_terminal(server: Server, anywhere: Taker) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Type: text/\xc3\xa4\xff\xe2\x80\xae\r\n\r\nx"
    server.answers = [raw(head)]
    sentence = await anywhere.refuse(server.link)
    assert "127.0.0.1 answered with text/" in sentence
    assert sentence.isprintable()
    assert sentence.encode()


@pytest.mark.parametrize("size", [(60_000, 60_000), (8000, 7000)])
async def test_a_picture_of_too_many_pixels_is_not_decoded(
    server: Server, anywhere: Taker, size: tuple[int, int]
) -> None:
    server.answers = [http(png_of_size(*size))]
    assert "The file from 127.0.0.1 has more than 50 million pixels" in await anywhere.refuse(server.link)


PACKED = zlib.compress(bytes(50_000_000), 9)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PACKED_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
WHOLE = f"Content-Range: bytes 0-{len(PICTURE) - 1}/{len(PICTURE)}"
BROKEN = "a broken connection"
TROUBLE: dict[str, tuple[Answer, str]] = {
    "packed": (http(PACKED, "Content-Encoding: gzip"), "sent the file compressed, which was not asked for"),
    "packed twice": (http(PACKED, "Content-Encoding: br, gzip"), "compressed"),
    "packed in transfer": (
        raw(PACKED_CHUNK % (len(PACKED), PACKED)),
        "The file from 127.0.0.1 is not a picture",
    ),
    "too large by its word": (http(b"", length=10**12), "larger than the 200000 bytes"),
    "too large in fact": (http(bytes(300_000)), "larger than the 200000 bytes"),
    "endless": (
        endlessly(CHUNKED, b"1000\r\n" + bytes(4096) + b"\r\n"),
        "larger than the 200000 bytes",
    ),
    "shorter than told": (http(PICTURE, length=len(PICTURE) + 9), BROKEN),
    "without an end": (http(length=None), "does not say where the file ends"),
    "with two lengths": (http(PICTURE, "Content-Length: 3"), "a broken connection"),
    "with a negative length": (http(length=-5), "a broken connection"),
    "empty": (http(b""), "is empty"),
    "nothing": (raw(b""), "a broken connection"),
    "no HTTP": (raw(b"220 smtp.example ESMTP\r\n"), "a broken connection"),
    "endless headers": (endlessly(b"HTTP/1.1 200 OK\r\n", b"X-Header: secret\r\n" * 500), BROKEN),
    "an endless header": (endlessly(b"HTTP/1.1 200 OK\r\nX-Header: ", b"secret" * 5000), BROKEN),
    "an unasked part": (
        http(PICTURE, WHOLE, status="206 Partial Content"),
        "another part of the file",
    ),
    "a redirect to nowhere": (http(b"", status="302 Found"), "redirects without a word where to"),
    "gone": (http(b"", status="404 Not Found"), "127.0.0.1 does not give the file away"),
    "forbidden": (http(HTML, status="403 Forbidden", kind="text/html"), "does not give the file away"),
    "no content": (raw(b"HTTP/1.1 204 No Content\r\n\r\n"), "answered with 204"),
    "broken": (http(b"", status="500 Internal Server Error"), "answered with 500"),
    "busy": (http(b"", "Retry-After: 99999", status="503 Unavailable"), "answered with 503"),
    "silent": (endlessly(b"", b"", 0.1), "no answer in time"),
    "stalled": (endlessly(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx", b"", 0.1), "no answer in time"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "reason"), TROUBLE.values(), ids=TROUBLE)
async def test_a_server_that_makes_trouble(
    server: Server, anywhere: Taker, answer: Answer, reason: str
) -> None:
    server.answers = [answer]
    assert reason in await anywhere.refuse(server.link)
    assert server.connections <= 4


async def test_a_body_that_drips_is_given_up(server: Server, anywhere: Taker) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    server.answers = [endlessly(head, b"x", 0.05)]
    limits = FetchLimits(total=0.5, stall=0.4, resumes=1)
    assert "longer than 0.5 seconds" in await anywhere.refuse(server.link, limits=limits)


async def test_all_pictures_of_a_request_have_one_time_limit(server: Server, anywhere: Taker) -> None:
    async def slowly(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.7)
        await http()(writer)

    server.answers = [slowly]
    async with anywhere.intake(limits=FetchLimits(total=1.2)) as intake:
        await intake.picture(f"{server.link}&n=1")
        with pytest.raises(InputValidationError, match=r"longer than 1\.2 seconds to fetch: give smaller"):
            await intake.picture(f"{server.link}&n=2")


# Encryption


@contextmanager
def certified(folder: Path, name: str) -> Iterator[tuple[ssl.SSLContext, ssl.SSLContext]]:
    """A server's context with a certificate for ``name``, and a client's that trusts it."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("no openssl here to make a certificate with")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test",
               "-addext", f"subjectAltName=DNS:{name}",
               "-keyout", str(key), "-out", str(certificate)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    yield serving, ssl.create_default_context(cafile=str(certificate))


async def test_the_name_of_a_server_is_verified(tmp_path: Path, guarded: Taker) -> None:
    """The connection goes to a checked address, and its certificate still has to bear the name."""
    with certified(tmp_path, "good.example") as (serving, trusting):
        async with listening(serving) as server:
            server.answers = [http()]

            def session(trusts: ssl.SSLContext | None, **_: Any) -> aiohttp.ClientSession:
                return session_with(Names(["127.0.0.1"]), reaches=server.port, trusts=trusts)

            good, other = (f"https://{name}.example:{server.port}/a.png" for name in ("good", "other"))
            assert await guarded.take(good, open_session=partial(session, trusting)) == PICTURE
            for link, trusts in ((other, trusting), (good, None)):
                sentence = await guarded.refuse(link, open_session=partial(session, trusts))
                assert "with: a certificate that is not valid for it" in sentence
            assert len(server.asked) == 1
