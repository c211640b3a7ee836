"""What a store holds, by tenant and kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from cutscene.domain import check_tenant
from cutscene.storage import Store

__all__ = ["KINDS", "Amount", "Contents", "count"]

KINDS: Final = ("video", "source", "segment")
"""Finished clips with their posters; what they were made from; footage that is paid for and not finished."""
_REPORT_EVERY: Final = 500


@dataclass(frozen=True, slots=True)
class Amount:
    objects: int = 0
    bytes: int = 0

    def plus(self, size: int) -> Amount:
        return Amount(self.objects + 1, self.bytes + size)


@dataclass(frozen=True, slots=True)
class Contents:
    """Of one tenant."""

    tenant: str
    total: Amount
    by_kind: dict[str, Amount] = field(default_factory=dict)
    """All `KINDS`."""


async def count(
    store: Store, *, tenant: str | None = None, on_progress: Callable[[int], None] | None = None
) -> Sequence[Contents]:
    """Of one tenant or of all, the largest first; ``on_progress`` is told how many objects were seen.

    Every object is listed: with a million of them that takes minutes. What is not ours is left out.
    """
    amounts: dict[str, dict[str, Amount]] = defaultdict(lambda: dict.fromkeys(KINDS, Amount()))
    seen = 0
    async with aclosing(store.listing(check_tenant(tenant) if tenant else "")) as listing:
        async for found in listing:
            parts = found.key.split("/")
            if len(parts) == 4 and parts[2] in KINDS:
                kinds = amounts[parts[0]]
                kinds[parts[2]] = kinds[parts[2]].plus(found.size)
            seen += 1
            if on_progress is not None and seen % _REPORT_EVERY == 0:
                on_progress(seen)
    all_contents = [Contents(name, _sum(kinds), kinds) for name, kinds in amounts.items()]
    return sorted(all_contents, key=lambda contents: (-contents.total.bytes, contents.tenant))


def _sum(kinds: dict[str, Amount]) -> Amount:
    return Amount(
        sum(amount.objects for amount in kinds.values()), sum(amount.bytes for amount in kinds.values())
    )
