"""Ephemeral uploads: a placeholder first, then the file, then ``runway://`` for a day."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Final

__all__ = ["LARGEST", "SMALLEST", "Upload", "Uploads"]

SMALLEST: Final = 512
LARGEST: Final = 200 * 2**20
"""Bytes of a file."""
_LIFE: Final = 24 * 3600.0
_SCHEME: Final = "runway://"


@dataclass(slots=True)
class Upload:
    filename: str
    created_at: float
    """Seconds since 1970."""
    fields: dict[str, str]
    """What has to come back with the file."""
    data: bytes | None = field(default=None, repr=False)


class Uploads:
    """Held in memory."""

    def __init__(self) -> None:
        self._uploads: dict[str, Upload] = {}

    def announce(self, filename: str) -> tuple[str, Upload]:
        """A placeholder, and its id."""
        self._forget_expired()
        upload_id = secrets.token_hex(16)
        fields = {
            "key": f"ephemeral/{upload_id}/{filename}",
            "policy": secrets.token_urlsafe(24),
            "x-amz-signature": secrets.token_hex(32),
        }
        upload = self._uploads[upload_id] = Upload(filename, time.time(), fields)
        return upload_id, upload

    def get(self, upload_id: str) -> Upload | None:
        self._forget_expired()
        return self._uploads.get(upload_id)

    def read(self, uri: str) -> bytes | None:
        """The file behind a ``runway://`` address; None: there is none, or none any more."""
        upload = self.get(uri.removeprefix(_SCHEME))
        return upload.data if upload is not None else None

    @staticmethod
    def uri(upload_id: str) -> str:
        return f"{_SCHEME}{upload_id}"

    def _forget_expired(self) -> None:
        since = time.time() - _LIFE
        self._uploads = {name: upload for name, upload in self._uploads.items() if upload.created_at > since}
