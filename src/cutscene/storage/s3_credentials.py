"""Keys for S3: from the environment, a profile, the container or the instance; renewed before they end.

The signing and the shape of credentials are the S3 client's own. Its readers of profiles and metadata are
not used: they know no session tokens, no containers, and only the first version of the metadata service.
"""

from __future__ import annotations

import asyncio
import configparser
import json
import math
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
import structlog
from aiohttp_s3_client.credentials import AbstractCredentials, StaticCredentials
from aws_request_signer import AwsRequestSigner
from yarl import URL

from cutscene.errors import StorageError
from cutscene.storage.patience import AwayError

__all__ = ["Credentials", "Keys", "find_keys"]

MARGIN: Final = 300.0
"""Seconds before their end at which keys are renewed; the services hand out new ones by then."""
FAILURE_HOLDS: Final = 3.0
"""Seconds for which nobody looks again where no keys were found: requests queue behind every look."""
_METADATA: Final = "http://169.254.169.254"
_CONTAINER: Final = "http://169.254.170.2"
_CONTAINER_HOSTS: Final = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23", "127.0.0.1", "::1", "localhost"}
_TIMEOUT: Final = aiohttp.ClientTimeout(total=5, sock_connect=1)
"""Who runs elsewhere should not wait long for a service that only clouds have."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Keys:
    """What requests are signed with."""

    access_key: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    """Seconds since 1970; None: they do not end by themselves."""


class Credentials(AbstractCredentials):
    """Keys that are looked up when they are first needed, and again before they end.

    ``find`` brings them; it raises `StorageError`. After that it is left alone for ``failure_holds`` seconds.
    """

    def __init__(
        self, region: str, find: Callable[[], Awaitable[Keys]], *, failure_holds: float = FAILURE_HOLDS
    ) -> None:
        self._region = region
        self._find = find
        self._keys: Keys | None = None
        self._signer: AwsRequestSigner | None = None
        self._lock = asyncio.Lock()
        self._failure = ""
        self._failure_holds = failure_holds
        self._failure_holds_until = -math.inf

    def __bool__(self) -> bool:
        return True

    @property
    def signer(self) -> AwsRequestSigner:
        assert self._signer is not None, "call `ready` first"
        return self._signer

    @property
    def keys(self) -> Keys | None:
        """What `signer` signs with."""
        return self._keys

    @property
    def token(self) -> str | None:
        """Of the session that the keys belong to."""
        return self._keys.token if self._keys else None

    async def ready(self) -> None:
        """Have keys that are good for a while; raises `StorageError`."""
        if self._is_fresh(MARGIN) or (self._lock.locked() and self._is_fresh(0.0)):
            return  # while somebody renews them, they do
        async with self._lock:
            if not self._is_fresh(MARGIN) and not await self._renew():
                self._check_not_over()

    async def are_replaced(self, used: Keys | None) -> bool:
        """The store takes the keys ``used`` no longer: whether there are others by now."""
        async with self._lock:
            if self._keys == used:
                await self._renew()
            return self._keys != used

    async def _renew(self) -> bool:
        """Whether keys were found; where not, nobody looks again for a while."""
        if time.monotonic() < self._failure_holds_until:
            return False
        try:
            keys = await self._find()
        except StorageError as error:
            self._failure, self._failure_holds_until = str(error), time.monotonic() + self._failure_holds
            if self._keys is not None:
                _log.warning("keys_not_renewed", reason=self._failure)
            return False
        static = StaticCredentials(keys.access_key, keys.secret, keys.token, self._region)
        self._keys, self._signer = keys, static.signer
        return True

    def _check_not_over(self) -> None:
        """Keys that could not be renewed are good to their end; raises `StorageError` after it."""
        if self._keys is None:
            raise StorageError(self._failure)
        if not self._is_fresh(0.0):  # where there have been some, there will be again
            raise AwayError(f"The keys for S3 have ended. {self._failure}")

    def _is_fresh(self, margin: float) -> bool:
        if self._keys is None:
            return False
        return self._keys.expires_at is None or self._keys.expires_at - time.time() > margin


async def find_keys(environment: Mapping[str, str]) -> Keys:
    """Of the first place that has some; raises `StorageError` where none has, or one is broken."""
    keys = _from_environment(environment) or await asyncio.to_thread(_from_profile, environment)
    if keys is not None:
        return keys
    async with aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=False) as session:
        return await _from_container(session, environment) or await _from_instance(session, environment)


def _from_environment(environment: Mapping[str, str]) -> Keys | None:
    access_key, secret = (environment.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    if bool(access_key) != bool(secret):
        raise StorageError("Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither.")
    if not access_key or not secret:
        return None
    return Keys(access_key, secret, environment.get("AWS_SESSION_TOKEN") or None)


def _from_profile(environment: Mapping[str, str]) -> Keys | None:
    """Of the shared credentials file, else of the shared config file."""
    profile = environment.get("AWS_PROFILE") or "default"
    folder = Path(environment.get("HOME") or "~").expanduser() / ".aws"
    credentials = environment.get("AWS_SHARED_CREDENTIALS_FILE") or folder / "credentials"
    config = environment.get("AWS_CONFIG_FILE") or folder / "config"
    named = profile if profile == "default" else f"profile {profile}"
    for path, name in ((Path(credentials), profile), (Path(config), named)):
        section = _section(path.expanduser(), name)
        access_key, secret = section.get("aws_access_key_id"), section.get("aws_secret_access_key")
        if access_key and secret:
            return Keys(access_key, secret, section.get("aws_session_token") or None)
    if environment.get("AWS_PROFILE"):
        raise StorageError(
            f"The profile {profile[:80]!r} (AWS_PROFILE) has no keys: add aws_access_key_id and "
            "aws_secret_access_key to it in the shared credentials file."
        )
    return None


def _section(path: Path, name: str) -> Mapping[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    if not os.path.isfile(path):  # noqa: PTH113 -- as false where a folder may not be entered
        return {}
    try:
        parser.read_string(path.read_text("utf-8"))
    except (configparser.Error, OSError, UnicodeDecodeError):
        raise StorageError(
            f"The file {path} cannot be read: it should be as the AWS tools write it."
        ) from None
    return parser[name] if parser.has_section(name) else {}


async def _from_container(session: aiohttp.ClientSession, environment: Mapping[str, str]) -> Keys | None:
    """Of the service that a container platform offers to what runs on it."""
    relative = environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    full = environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if not (relative or full):
        return None
    headers = {}
    token = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
    if token_file := environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
        try:
            token = await asyncio.to_thread(Path(token_file).read_text)
        except OSError:
            raise StorageError("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE cannot be read.") from None
    if token.strip():
        headers["Authorization"] = token.strip()
    url = URL(_CONTAINER + relative if relative else str(full))
    if url.scheme != "https" and url.host not in _CONTAINER_HOSTS:
        raise StorageError("AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or lead to this machine.")
    return _keys_of(await _ask(session, "GET", url, headers))


async def _from_instance(session: aiohttp.ClientSession, environment: Mapping[str, str]) -> Keys:
    """Of the role that a cloud gave to this machine."""
    if environment.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        raise _no_keys()
    base = URL(environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or _METADATA) / "latest"
    try:
        asked = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
        headers = {"X-aws-ec2-metadata-token": await _ask(session, "PUT", base / "api/token", asked)}
        roles = base / "meta-data/iam/security-credentials"
        role = (await _ask(session, "GET", URL(f"{roles}/"), headers)).split("\n")[0].strip()
        return _keys_of(await _ask(session, "GET", roles / role, headers))
    except _NoServiceError:
        raise _no_keys() from None


class _NoServiceError(StorageError):
    """Nobody answers where a service of keys would be."""


def _no_keys() -> StorageError:
    return StorageError(
        "There are no keys for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give "
        "this machine a role."
    )


async def _ask(session: aiohttp.ClientSession, method: str, url: URL, headers: Mapping[str, str]) -> str:
    try:
        async with session.request(method, url, headers=headers, allow_redirects=False) as response:
            text = await response.text()
    except (aiohttp.ClientError, TimeoutError, OSError, UnicodeDecodeError):
        raise _NoServiceError(f"The service of keys at {url.host} does not answer.") from None
    if response.status != 200:
        raise _NoServiceError(f"The service of keys at {url.host} answers {response.status}.")
    return text


def _keys_of(answer: str) -> Keys:
    try:
        found: dict[str, Any] = json.loads(answer)
        ends = found.get("Expiration")
        return Keys(
            found["AccessKeyId"],
            found["SecretAccessKey"],
            found.get("Token"),
            datetime.fromisoformat(ends).timestamp() if ends else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StorageError("The service of keys answers with something that holds no keys.") from None
