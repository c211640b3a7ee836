"""Where keys for S3 come from, and that they are renewed before they end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from cutscene.errors import StorageError
from cutscene.storage.patience import AwayError
from cutscene.storage.s3_address import S3Address
from cutscene.storage.s3_connection import Connection
from cutscene.storage.s3_credentials import MARGIN, Credentials, Keys, find_keys

pytestmark = pytest.mark.anyio

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "env-key", "AWS_SECRET_ACCESS_KEY": "env-secret"}


class Metadata:
    """What clouds offer on a link-local address, version 2, and to containers."""

    def __init__(self) -> None:
        self.lives = 3600.0
        """Seconds that the keys it hands out are good for."""
        self.given = 0
        self.is_up = True

    async def token(self, request: web.Request) -> web.Response:
        assert 0 < int(request.headers["X-aws-ec2-metadata-token-ttl-seconds"]) <= 21_600
        return web.Response(text="a-token")

    async def role(self, request: web.Request) -> web.Response:
        self._check(request, "X-aws-ec2-metadata-token")
        return web.Response(text="a-role")

    async def keys(self, request: web.Request) -> web.Response:
        self._check(request, "X-aws-ec2-metadata-token")
        return self._keys()

    async def container(self, request: web.Request) -> web.Response:
        self._check(request, "Authorization")
        return self._keys()

    def _check(self, request: web.Request, header: str) -> None:
        if not self.is_up:
            raise web.HTTPServiceUnavailable
        if request.headers.get(header) != "a-token":
            raise web.HTTPUnauthorized

    def _keys(self) -> web.Response:
        self.given += 1
        ends = datetime.fromtimestamp(time.time() + self.lives, UTC)
        return web.json_response(
            {
                "AccessKeyId": f"key-{self.given}",
                "SecretAccessKey": "secret",
                "Token": "session",
                "Expiration": ends.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            }
        )


@pytest.fixture
async def metadata() -> AsyncIterator[tuple[Metadata, str]]:
    service = Metadata()
    app = web.Application()
    roles = "/latest/meta-data/iam/security-credentials"
    app.router.add_put("/latest/api/token", service.token)
    app.router.add_get(f"{roles}/", service.role)
    app.router.add_get(f"{roles}/a-role", service.keys)
    app.router.add_get("/container", service.container)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield service, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def instance(url: str, tmp_path: Path) -> dict[str, str]:
    return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": url, "HOME": str(tmp_path)}


async def test_the_environment_comes_first(tmp_path: Path) -> None:
    assert await find_keys(ENVIRONMENT) == Keys("env-key", "env-secret")
    session = {**ENVIRONMENT, "AWS_SESSION_TOKEN": "session", "AWS_PROFILE": "other"}
    assert await find_keys(session) == Keys("env-key", "env-secret", "session")
    for half in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        with pytest.raises(StorageError, match="both"):
            await find_keys({half: "x", "HOME": str(tmp_path)})


async def test_a_profile_may_stand_in_either_file(tmp_path: Path) -> None:
    folder = tmp_path / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text(
        "[default]\naws_access_key_id = one\naws_secret_access_key = 1%secret\n"
        "[work]\naws_access_key_id = two\naws_secret_access_key = 2\naws_session_token = t\n"
    )
    (folder / "config").write_text(
        "[profile far]\naws_access_key_id = three\naws_secret_access_key = 3\nregion = eu-west-1\n"
    )
    home = {"HOME": str(tmp_path)}
    assert await find_keys(home) == Keys("one", "1%secret")
    assert await find_keys({**home, "AWS_PROFILE": "work"}) == Keys("two", "2", "t")
    assert await find_keys({**home, "AWS_PROFILE": "far"}) == Keys("three", "3")
    with pytest.raises(StorageError, match="'nobody' \\(AWS_PROFILE\\) has no keys"):
        await find_keys({**home, "AWS_PROFILE": "nobody"})
    elsewhere = tmp_path / "keys"
    elsewhere.write_text("[default]\naws_access_key_id = four\naws_secret_access_key = 4\n")
    assert (await find_keys({**home, "AWS_SHARED_CREDENTIALS_FILE": str(elsewhere)})).access_key == "four"
    elsewhere.write_text("no section\n")
    for unreadable in (elsewhere, "/proc/self/mem"):
        with pytest.raises(StorageError, match="cannot be read"):
            await find_keys({**home, "AWS_SHARED_CREDENTIALS_FILE": str(unreadable)})


async def test_an_instance_has_a_role(metadata: tuple[Metadata, str], tmp_path: Path) -> None:
    _, url = metadata
    keys = await find_keys(instance(url, tmp_path))
    assert (keys.access_key, keys.secret, keys.token) == ("key-1", "secret", "session")
    assert keys.expires_at is not None
    assert abs(keys.expires_at - time.time() - 3600) < 5
    assert "secret" not in repr(keys)


async def test_a_container_has_keys(metadata: tuple[Metadata, str], tmp_path: Path) -> None:
    _, url = metadata
    token = tmp_path / "token"
    token.write_text("a-token\n")
    full = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/container", "HOME": str(tmp_path)}
    by_file = {**full, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token)}
    assert (await find_keys(by_file)).access_key == "key-1"
    by_value = {**full, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "a-token"}
    assert (await find_keys(by_value)).access_key == "key-2"
    with pytest.raises(StorageError, match="answers 401"):
        await find_keys(full)
    with pytest.raises(StorageError, match="must be https"):
        await find_keys({**by_value, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/x"})


async def test_nothing_anywhere_says_what_to_set(tmp_path: Path) -> None:
    nowhere = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9", "HOME": str(tmp_path)}
    for environment in (nowhere, {**nowhere, "AWS_EC2_METADATA_DISABLED": "true"}):
        with pytest.raises(StorageError, match="set AWS_ACCESS_KEY_ID"):
            await find_keys(environment)


async def test_keys_are_renewed_before_they_end(metadata: tuple[Metadata, str], tmp_path: Path) -> None:
    service, url = metadata
    service.lives = MARGIN + 1.5
    credentials = Credentials("eu-west-1", partial(find_keys, instance(url, tmp_path)))
    await asyncio.gather(*(credentials.ready() for _ in range(20)))
    first = credentials.signer
    assert (service.given, first.access_key_id, first.region) == (1, "key-1", "eu-west-1")
    await credentials.ready()
    assert service.given == 1
    await asyncio.sleep(1.6)
    service.lives = 3600
    await asyncio.gather(*(credentials.ready() for _ in range(20)))
    assert (service.given, credentials.signer.access_key_id) == (2, "key-2")


async def test_keys_that_cannot_be_renewed_are_used_to_their_end(
    metadata: tuple[Metadata, str], tmp_path: Path
) -> None:
    service, url = metadata
    service.lives = 1.5
    find = partial(find_keys, instance(url, tmp_path))
    credentials = Credentials("eu-west-1", find, failure_holds=0.1)
    await credentials.ready()
    service.is_up = False
    await credentials.ready()
    assert credentials.signer.access_key_id == "key-1"
    await asyncio.sleep(1.6)
    with pytest.raises(AwayError, match="keys for S3 have ended"):
        await credentials.ready()
    service.is_up = True
    await asyncio.sleep(0.15)
    await credentials.ready()
    assert credentials.signer.access_key_id == "key-2"


async def test_where_there_are_no_keys_nobody_looks_again_at_once() -> None:
    looks = 0

    async def find() -> Keys:
        nonlocal looks
        looks += 1
        raise StorageError("There are no keys for S3.")

    credentials = Credentials("eu-west-1", find)
    for _ in range(100):
        with pytest.raises(StorageError, match="no keys"):
            await credentials.ready()
    assert looks == 1


async def test_links_of_a_session_say_whose_they_are() -> None:
    async def find() -> Keys:
        return Keys("a-key", "secret", "a+session/token")

    address = S3Address.parse("s3://clips", {})
    connection = Connection(address, Credentials(address.region, find))
    link = await connection.sign("a/b.mp4", 60)
    assert link.startswith("https://clips.s3.us-east-1.amazonaws.com/a/b.mp4?")
    query = parse_qs(urlsplit(link).query)
    assert query["X-Amz-Security-Token"] == ["a+session/token"]
    assert query["X-Amz-Expires"] == ["60"]


async def test_keys_that_are_refused_are_replaced_where_there_are_others() -> None:
    found = [Keys("old", "s"), Keys("old", "s"), Keys("new", "s")]

    async def find() -> Keys:
        return found.pop(0)

    credentials = Credentials("eu-west-1", find)
    await credentials.ready()
    used = credentials.keys
    assert not await credentials.are_replaced(used)
    assert await credentials.are_replaced(used)
    assert credentials.signer.access_key_id == "new"
    assert await credentials.are_replaced(used)  # found by another in the meantime
    assert found == []


async def test_keys_stay_while_others_are_looked_for() -> None:
    looks: list[asyncio.Event] = []

    async def find() -> Keys:
        looks.append(asyncio.Event())
        if len(looks) > 1:
            await looks[-1].wait()
        return Keys("a-key", "s", expires_at=time.time() + MARGIN / 2)

    credentials = Credentials("eu-west-1", find)
    await credentials.ready()
    used = credentials.keys
    asking = asyncio.create_task(credentials.are_replaced(used))
    async with asyncio.timeout(5):
        while len(looks) < 2:
            await asyncio.sleep(0)
        await credentials.ready()  # nobody waits for the look of another
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert credentials.keys == used


@pytest.mark.parametrize("life", [-1.0, MARGIN / 2], ids=["over", "nearly over"])
async def test_a_service_of_keys_that_is_away_is_not_asked_for_every_request(life: float) -> None:
    looks = 0

    async def find() -> Keys:
        nonlocal looks
        looks += 1
        if looks > 1:
            raise StorageError("The service of keys does not answer.")
        return Keys("a-key", "s", expires_at=time.time() + life)

    credentials = Credentials("eu-west-1", find)
    await credentials.ready()
    errors = await asyncio.gather(*(credentials.ready() for _ in range(20)), return_exceptions=True)
    assert looks == 2
    assert [type(error) for error in errors] == [AwayError if life < 0 else type(None)] * 20
    assert len(set(map(id, errors))) == (20 if life < 0 else 1)  # each caller has an error of its own
