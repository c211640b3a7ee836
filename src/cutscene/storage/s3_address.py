"""Where a bucket is: ``s3://bucket/prefix?endpoint=https://...&region=...&style=path&public=https://...``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from yarl import URL

from cutscene.errors import InputValidationError
from cutscene.storage.keys import check_key

__all__ = ["S3Address", "check_prefix", "refuse_url", "split_bucket_url"]

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION: Final = re.compile(r"[a-z0-9-]{1,40}")
_ENDPOINT: Final = re.compile(r"https?://[A-Za-z0-9.\-_\[\]:]+(/[A-Za-z0-9._-]+)*/?")
_OPTIONS: Final = ("endpoint", "region", "style", "public")


@dataclass(frozen=True, slots=True)
class S3Address:
    """A bucket, and the prefix that all keys in it have."""

    bucket: str
    prefix: str
    """Empty, or ending in a slash."""
    region: str
    base: URL
    """Of the bucket itself."""
    public: URL
    """The same as others see it: what links begin with."""

    @classmethod
    def parse(cls, url: str, environment: Mapping[str, str]) -> S3Address:
        """Of a ``CUTSCENE_STORAGE_URL``; raises `InputValidationError`, which repeats none of it."""
        bucket, prefix, options = split_bucket_url(url, _OPTIONS)
        region = options.get("region") or environment.get("AWS_REGION") or ""
        region = region or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
        if not _REGION.fullmatch(region):
            raise refuse_url("its region is no name such as eu-central-1")
        endpoint = options.get("endpoint") or f"https://s3.{region}.amazonaws.com"
        # The certificates of AWS do not cover buckets with dots in their names.
        default = "path" if "endpoint" in options or "." in bucket else "virtual"
        style = options.get("style", default)
        base, public = (_base(url, bucket, style) for url in (endpoint, options.get("public", endpoint)))
        return cls(bucket, prefix, region, base, public)

    @property
    def place(self) -> str:
        """For messages."""
        return f"the bucket {self.bucket!r} at {self.base.origin()}"

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{self.prefix}{key}"


def _base(endpoint: str, bucket: str, style: str) -> URL:
    wrong = refuse_url("its endpoint, or public, is no address such as https://s3.example.com")
    if not _ENDPOINT.fullmatch(endpoint):
        raise wrong
    try:
        address = URL(endpoint.rstrip("/"))
        match style:
            case "path":
                return address / bucket
            case "virtual":
                return address.with_host(f"{bucket}.{address.host}")
            case _:
                raise refuse_url("its style is neither 'path' nor 'virtual'")
    except ValueError:
        raise wrong from None


def split_bucket_url(url: str, allowed: tuple[str, ...]) -> tuple[str, str, dict[str, str]]:
    """Bucket, prefix and options; raises `InputValidationError`."""
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True) if parts.query else []
        has_password = parts.username is not None or parts.password is not None
    except ValueError:
        raise refuse_url("it is not a URL") from None
    if has_password:
        raise refuse_url(
            "keys do not belong into it: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what your cloud "
            "has in their place"
        )
    options = dict(pairs)
    if parts.fragment or len(options) != len(pairs) or not set(options) <= set(allowed):
        known = ", ".join(allowed) or "none"
        raise refuse_url(f"it has options that are unknown or repeated (known are {known})")
    if not _BUCKET.fullmatch(parts.netloc):
        raise refuse_url("it names no bucket: 3 to 63 lower-case letters, digits, '.' and '-'")
    return parts.netloc, check_prefix(parts.path), options


def check_prefix(path: str) -> str:
    """Empty, or as a key, with a slash behind; raises `InputValidationError`."""
    prefix = path.strip("/")
    if not prefix:
        return ""
    try:
        check_key(prefix)
    except InputValidationError:
        raise refuse_url("its prefix may have letters, digits, '.', '_', '-' and '/' only") from None
    if len(prefix) > 200:
        raise refuse_url("its prefix is longer than 200 characters")
    return f"{prefix}/"


def refuse_url(reason: str) -> InputValidationError:
    return InputValidationError(f"CUTSCENE_STORAGE_URL cannot be used, since {reason}.")
