"""Where a link from outside may not lead: addresses in all spellings, redirects, files of this machine."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from cutscene.addresses import is_public, public_socket
from cutscene.fetch import (
    BlockedAddress,
    FetchError,
    FetchLimits,
    LinkExpired,
    fetch,
    open_session,
)
from cutscene.fetch.download import _redirected as redirected

pytestmark = pytest.mark.anyio

QUICK = FetchLimits(backoff=0.01, resumes=1, total=10.0, connect=2.0)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "52.84.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1",
     "2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "::ffff:8.8.8.8"],
)  # fmt: skip
def test_public_addresses_pass(address: str) -> None:
    assert is_public(address)


NOT_PUBLIC = [
    # IPv4: this host, private, shared, link-local and metadata, assignments, documentation, multicast, rest
    "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255",
    "192.168.0.1", "100.64.0.1", "100.100.100.200", "169.254.169.254", "169.254.170.2", "168.63.129.16",
    "192.0.0.8", "192.0.0.192", "192.88.99.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1",
    "198.19.255.255", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    # IPv6: the same
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "100::1",
    "2001:db8::1", "3fff::1", "5f00::1", "4000::1", "2001:10::1", "2001:20::1", "2001:1::1",
    # IPv4 inside IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo
    "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:169.254.169.254", "::127.0.0.1", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::169.254.169.254", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
    "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    # not numeric addresses at all
    "", "localhost", "example.com", "1.2.3", "0x7f000001", "2130706433", "/run/socket",
]  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_other_addresses_do_not_pass(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("port", [22, 25, 6379, 0, 444])
def test_public_servers_are_asked_on_web_ports_only(port: int) -> None:
    with pytest.raises(OSError, match="port"):
        public_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("1.1.1.1", port)))
    public_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("1.1.1.1", 443))).close()


def test_other_kinds_of_sockets_are_not_made() -> None:
    with pytest.raises(OSError, match="not public"):
        public_socket((socket.AF_UNIX, socket.SOCK_STREAM, 0, "", ("1.1.1.1", 443)))


class Server:
    """Counts what reaches it; answers with a redirect to ``location``, or with a file."""

    def __init__(self) -> None:
        self.hits = 0
        self.location: str | None = None
        self.port = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.hits += 1
        if self.location is None:
            return web.Response(body=b"internal", content_type="video/mp4")
        return web.Response(status=302, headers={"Location": self.location})


@pytest.fixture
async def server() -> AsyncGenerator[Server, None]:
    served = Server()
    app = web.Application()
    app.router.add_get("/{path:.*}", served.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    listening = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    await web.SockSite(runner, listening).start()
    served.port = listening.getsockname()[1]
    yield served
    await runner.cleanup()


@pytest.fixture
async def guarded() -> AsyncGenerator[aiohttp.ClientSession, None]:
    async with open_session() as session:
        yield session


HOSTS = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "017700000001", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1",
    "127.0.0.1.", "127.000.000.001", "0.0.0.0", "0", "localhost", "LOCALHOST", "localhost.", "[::1]", "[::]",
    "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]", "[2001::1]", "[fec0::1]", "[fe80::1]", "[fe80::1%25lo]", "[::1%25lo]",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
async def test_no_spelling_of_an_address_gets_through(
    server: Server, guarded: aiohttp.ClientSession, tmp_path: Path, host: str
) -> None:
    with pytest.raises(FetchError) as caught:
        await fetch(
            f"http://{host}:{server.port}/latest/meta-data/?sig=secret",
            tmp_path / "x",
            session=guarded,
            limits=QUICK,
        )
    assert server.hits == 0
    assert "secret" not in str(caught.value)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:7f00:1]", "[64:ff9b::1]"])
async def test_a_private_address_is_told_apart(
    guarded: aiohttp.ClientSession, tmp_path: Path, host: str
) -> None:
    with pytest.raises(BlockedAddress, match="address is not public"):
        await fetch(f"http://{host}/", tmp_path / "x", session=guarded, limits=QUICK)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254", "10.0.0.1"],
        ["::1", "127.0.0.1"],
        ["fe80::1", "fec0::1", "10.1.1.1"],
    ],
    ids=["one", "two", "both families", "three"],
)
async def test_a_name_that_resolves_to_private_addresses_is_blocked(
    server: Server, tmp_path: Path, addresses: list[str], scheme: str
) -> None:
    async with open_session() as session:
        answer_names_with(session, addresses)
        with pytest.raises(BlockedAddress, match=r"harmless\.example, whose address is not public"):
            await fetch(f"{scheme}://harmless.example/x", tmp_path / "x", session=session, limits=QUICK)
    assert server.hits == 0


def answer_names_with(session: aiohttp.ClientSession, addresses: list[str]) -> None:
    class Names(aiohttp.abc.AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[aiohttp.abc.ResolveResult]:
            return [
                {"hostname": host, "host": address, "port": port, "family": family, "proto": 0, "flags": 0}
                for address in addresses
            ]

        async def close(self) -> None: ...

    connector = session.connector
    assert isinstance(connector, aiohttp.TCPConnector)
    connector._resolver = Names()
    connector._resolver_owner = False


def session_that_reaches(port: int) -> aiohttp.ClientSession:
    """Guarded like any other, but for the one server that redirects."""

    def make(info: tuple[Any, ...]) -> socket.socket:
        if info[4][:2] == ("127.0.0.1", port):
            return socket.socket(*info[:3])
        return public_socket(info)

    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=make))


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1/", "http://127.0.0.2:{port}/", "http://169.254.169.254/latest/", "http://[::1]:{port}/",
     "http://localhost/", "https://127.0.0.3/", "//10.0.0.1/x", "http://[::ffff:169.254.169.254]/"],
)  # fmt: skip
async def test_a_redirect_to_a_private_address_is_blocked(
    server: Server, tmp_path: Path, location: str
) -> None:
    server.location = location.format(port=server.port)
    async with session_that_reaches(server.port) as session:
        with pytest.raises(BlockedAddress):
            await fetch(f"http://127.0.0.1:{server.port}/", tmp_path / "x", session=session, limits=QUICK)
    assert server.hits == 1


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "FILE:///etc/passwd", "ftp://127.0.0.1/x", "data:video/mp4;base64,AAAA",
     "unix:///run/docker.sock", "gopher://127.0.0.1:6379/_x", "http://[::1", "http://a b/",
     "http://user:password@127.0.0.1:{port}/", "http://127.0.0.1:99999/", "javascript:alert(1)"],
)  # fmt: skip
async def test_a_redirect_to_something_else_is_refused(server: Server, tmp_path: Path, location: str) -> None:
    server.location = location.format(port=server.port)
    async with open_session(allow_private=True) as session:
        with pytest.raises(FetchError, match="link"):
            await fetch(
                f"http://127.0.0.1:{server.port}/",
                tmp_path / "x",
                session=session,
                limits=QUICK,
                file_root=Path("/etc"),
            )
    assert server.hits == 1
    assert list(tmp_path.iterdir()) == []


def test_a_redirect_never_leaves_encryption() -> None:
    """Checked on the function: a test server has no certificate that a session would trust."""
    with pytest.raises(FetchError, match="from https to http"):
        redirected(URL("https://cdn.example/x"), "http://cdn.example/x")
    assert str(redirected(URL("http://cdn.example/x"), "https://cdn.example/y")) == "https://cdn.example/y"


async def test_redirects_in_a_circle_end(server: Server, tmp_path: Path) -> None:
    server.location = "/again?sig=a%2Fb"
    async with open_session(allow_private=True) as session:
        with pytest.raises(FetchError, match="redirects more than 3 times"):
            await fetch(f"http://127.0.0.1:{server.port}/", tmp_path / "x", session=session, limits=QUICK)
    assert server.hits == 4


async def test_a_redirect_is_followed_character_for_character(tmp_path: Path) -> None:
    paths = []

    async def handle(request: web.Request) -> web.StreamResponse:
        paths.append(request.raw_path)
        if len(paths) == 1:
            return web.Response(status=307, headers={"Location": "../b/%2e%2e/c?sig=a%2Fb+c%20~'"})
        return web.Response(body=b"film", content_type="video/mp4")

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with open_session(allow_private=True) as session:
        link = f"http://127.0.0.1:{runner.addresses[0][1]}/a/x"
        fetched = await fetch(link, tmp_path / "x", session=session, limits=QUICK)
    await runner.cleanup()
    assert fetched.size == 4
    assert paths == ["/a/x", "/b/%2e%2e/c?sig=a%2Fb+c%20~'"]


@pytest.mark.parametrize(
    "link",
    ["", "x", "/etc/passwd", "ftp://example.com/x", "http://", "http:///x", "http://[::1/", "http://h:99999/",
     "http://h:0/", "http://exa mple/", "http://h/\r\nX-Evil: 1", "http://ä.example/", "http://h/\x00",
     "http://user:hidden@example.com/", "http://user@example.com/", "unix:///run/docker.sock",
     "http://good.example\\@127.0.0.1/", "http://[::1]@/", "http://h/" + "x" * 8000],
)  # fmt: skip
async def test_what_is_no_link_is_refused(guarded: aiohttp.ClientSession, tmp_path: Path, link: str) -> None:
    with pytest.raises(FetchError, match="link") as caught:
        await fetch(link, tmp_path / "x", session=guarded, limits=QUICK)
    assert "hidden" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


async def test_a_host_that_cannot_be_looked_up_is_told(
    guarded: aiohttp.ClientSession, tmp_path: Path
) -> None:
    for host in ("a" * 64 + ".example", "..", "no-such-host.invalid", "a..b"):
        with pytest.raises(FetchError):
            await fetch(f"http://{host}/x", tmp_path / "x", session=guarded, limits=QUICK)


async def test_the_environment_cannot_add_a_proxy(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with open_session(allow_private=True) as session:
        with pytest.raises(FetchError):
            await fetch("http://127.0.0.1:1/", tmp_path / "x", session=session, limits=QUICK)
    assert server.hits == 0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The one folder whose files may be linked to, beside one whose files may not."""
    folder = tmp_path / "tasks"
    (folder / "one").mkdir(parents=True)
    (folder / "one" / "clip 1.mp4").write_bytes(b"film")
    (tmp_path / "tasks-secret").mkdir()
    (tmp_path / "tasks-secret" / "x.mp4").write_bytes(b"secret")
    return folder


async def test_a_file_below_the_root_is_copied(
    guarded: aiohttp.ClientSession, root: Path, tmp_path: Path
) -> None:
    (root / "inside.mp4").symlink_to(root / "one" / "clip 1.mp4")
    for link in ((root / "one" / "clip 1.mp4").as_uri(), (root / "inside.mp4").as_uri()):
        fetched = await fetch(link, tmp_path / "x", session=guarded, file_root=root)
        assert (fetched.size, fetched.resumed) == (4, 0)
        assert (tmp_path / "x").read_bytes() == b"film"


async def test_a_file_elsewhere_is_refused(
    guarded: aiohttp.ClientSession, root: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "tasks-secret" / "x.mp4"
    (root / "outside.mp4").symlink_to(secret)
    (root / "folder").symlink_to(secret.parent)
    os.mkfifo(root / "pipe.mp4")
    links = [
        "file:///etc/passwd", "file:/etc/passwd", "FILE:///etc/passwd", secret.as_uri(),
        (root / "outside.mp4").as_uri(), (root / "folder" / "x.mp4").as_uri(), (root / "pipe.mp4").as_uri(),
        f"file://{root}/../tasks-secret/x.mp4", f"file://{root}/%2e%2e/tasks-secret/x.mp4", root.as_uri(),
        f"file://host{root}/one/clip%201.mp4", f"file://{root}/one/clip%201.mp4?x", f"file://{root}/%00",
        "file:",
    ]  # fmt: skip
    for link in links:
        with pytest.raises(FetchError):
            await fetch(link, tmp_path / "x", session=guarded, file_root=root)
        assert not (tmp_path / "x").exists()


async def test_no_file_is_read_where_no_root_is_given(
    guarded: aiohttp.ClientSession, root: Path, tmp_path: Path
) -> None:
    with pytest.raises(FetchError, match="not allowed"):
        await fetch((root / "one" / "clip 1.mp4").as_uri(), tmp_path / "x", session=guarded)


async def test_a_file_that_is_gone_or_too_large_is_told(
    guarded: aiohttp.ClientSession, root: Path, tmp_path: Path
) -> None:
    with pytest.raises(LinkExpired):
        await fetch((root / "gone.mp4").as_uri(), tmp_path / "x", session=guarded, file_root=root)
    with pytest.raises(FetchError, match="larger than"):
        await fetch(
            (root / "one" / "clip 1.mp4").as_uri(),
            tmp_path / "x",
            session=guarded,
            limits=FetchLimits(max_bytes=3),
            file_root=root,
        )
    assert not (tmp_path / "x").exists()
