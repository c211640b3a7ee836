"""One clip, for scripts that know nothing of asyncio."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from cutscene.domain import Clip, VideoRequest
from cutscene.settings import Settings
from cutscene.studio import open_studio

__all__ = ["generate"]


def generate(
    prompt: str,
    *,
    tenant: str = "default",
    provider: str | None = None,
    output: str | Path | None = None,
    settings: Settings | None = None,
    **request: Any,
) -> Clip:
    """Make a clip, wait for it, and copy it to ``output`` if that is given.

    ``request`` are further fields of `VideoRequest`. Raises a `CutsceneError`.
    """

    async def make() -> Clip:
        async with open_studio(settings) as studio:
            job = await studio.submit(tenant, VideoRequest(prompt=prompt, **request), provider=provider)
            clip = await studio.wait(tenant, job.id)
            if output is not None:
                await studio.save(tenant, job.id, Path(output))
            return clip

    return asyncio.run(make())
