"""Links that carry their own permission: bound to a task, and to a time."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Final

__all__ = ["Links"]

_TOKEN: Final = re.compile(r"(\d{1,20})\.([0-9a-f]{64})")


class Links:
    """Tokens of one emulator; those of another are worth nothing here."""

    def __init__(self, life: float) -> None:
        self._life = life
        self._secret = secrets.token_bytes(32)

    def token(self, task_id: str, now: float, *, expired: bool = False) -> str:
        """``now`` is seconds since 1970."""
        expiry = str(int((now - 1 if expired else now + self._life) * 1e6))
        return f"{expiry}.{self._signature(task_id, expiry)}"

    def admits(self, task_id: str, token: str, now: float) -> bool:
        parts = _TOKEN.fullmatch(token)
        if parts is None or not hmac.compare_digest(parts[2], self._signature(task_id, parts[1])):
            return False
        return now * 1e6 < int(parts[1])

    def _signature(self, task_id: str, expiry: str) -> str:
        return hmac.new(self._secret, f"{task_id}.{expiry}".encode(), hashlib.sha256).hexdigest()
