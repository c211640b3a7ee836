"""What a store says when it does not do what it was asked, as our errors.

Of its answers only the short code is repeated: the rest may quote keys and signatures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cutscene.errors import StorageError
from cutscene.storage.patience import AwayError

__all__ = ["ConditionError", "Refusal", "RefusedError"]

_CODE: Final = re.compile(r"<Code>\s*([A-Za-z0-9]{1,60})\s*</Code>")
_REGION: Final = re.compile(r"<Region>\s*([a-z0-9-]{1,40})\s*</Region>")

_BUSY_CODES: Final = {
    "InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown", "Throttling",
}  # fmt: skip
_OLD_KEYS: Final = {"ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"}
_DAMAGED: Final = {"BadDigest", "XAmzContentSHA256Mismatch"}
_WRONG_KEYS: Final = (
    "the key or its secret is wrong: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile"
)
_ADVICE: Final = {
    "NoSuchBucket": "there is no such bucket: create it, or correct CUTSCENE_STORAGE_URL",
    "InvalidBucketName": "that cannot name a bucket: correct CUTSCENE_STORAGE_URL",
    "InvalidAccessKeyId": _WRONG_KEYS,
    "SignatureDoesNotMatch": _WRONG_KEYS,
    "AccessDenied": "the keys may not do this: allow them to list the bucket and to get, put and delete",
    "RequestTimeTooSkewed": "the clock of this machine is wrong by minutes: set it, as by NTP",
    "InvalidStorageClass": "it does not have the storage class",
    "QuotaExceeded": "its quota is used up: free some space, or raise the quota",
    "EntityTooLarge": "the object is larger than it takes",
}
_BY_STATUS: Final = {
    401: "it refuses the keys: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile",
    403: "it refuses the keys, or they may not do this: check them, and what they are allowed",
    405: "it does not know this kind of request: check the endpoint in CUTSCENE_STORAGE_URL",
    507: "it has no space left: free some, then try again",
}


class ConditionError(AwayError):
    """Somebody else has published the key in the meantime."""


class RefusedError(StorageError):
    """The store does not do it, now or later."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no success."""

    status: int
    code: str
    """Empty where the store does not say."""
    region: str
    """The bucket's, where the store says so."""
    retry_after: float
    has_newer_keys: bool = False
    """The next try is made with other keys."""

    @classmethod
    def of(cls, status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
        text = body[:8192].decode("utf-8", "replace")
        code, region = _CODE.search(text), _REGION.search(text)
        after = headers.get("Retry-After", "")
        return cls(
            status,
            code[1] if code else "",
            headers.get("x-amz-bucket-region", "") or (region[1] if region else ""),
            min(float(after), 60.0) if after.isdecimal() and after.isascii() else 0.0,
        )

    @property
    def is_nothing_there(self) -> bool:
        """The key, and not the bucket, is missing; a page of some proxy proves nothing."""
        return self.status == 404 and self.code == "NoSuchKey"

    @property
    def has_old_keys(self) -> bool:
        return self.code in _OLD_KEYS

    def error(self, place: str) -> StorageError:
        """As one sentence that says what to do."""
        told = self._error(place)
        told.with_detail(f"{self.status} {self.code}".strip())
        return told

    def _error(self, place: str) -> StorageError:
        if (
            self.code == "PreconditionFailed"
            or self.status == 412
            or self.code.startswith("ConditionalRequest")
        ):
            return ConditionError(f"Something else was stored in {place} at the same moment: try again.")
        if self.code in _DAMAGED:
            return AwayError(f"The body arrived damaged in {place}, and was refused there: try again.")
        if (
            self.has_newer_keys
            or self.code in _BUSY_CODES
            or self.status in {408, 409, 429, 500, 502, 503, 504}
        ):
            away = AwayError(
                f"The store is busy or failing ({place} answers {self.status}): try again later."
            )
            away.retry_after = self.retry_after
            return away
        if self.region and (self.status in {301, 307} or self.code == "AuthorizationHeaderMalformed"):
            advice = f"it is in the region {self.region}: say region={self.region} in CUTSCENE_STORAGE_URL"
        elif 300 <= self.status < 400:
            advice = "it is in another region or at another endpoint: correct CUTSCENE_STORAGE_URL"
        elif self.has_old_keys:
            advice = "the keys have ended: get new ones"
        else:
            said = self.code or "nothing else"
            advice = _ADVICE.get(self.code) or _BY_STATUS.get(
                self.status, f"it answers {self.status} and says {said}: check the endpoint and the bucket"
            )
        return RefusedError(f"The store refuses ({place}): {advice}.")
