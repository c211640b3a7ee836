"""The steps of a job: what happens when one breaks, or the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

import structlog

from cutscene.errors import CutsceneError, DatabaseAwayError, ProviderError

__all__ = ["step"]

P = ParamSpec("P")
T = TypeVar("T")

_log = structlog.get_logger()


async def step(work: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run, as long as it takes while the database is away. Only our own errors leave it.

    What was done stands in our rows, so that after a crash another run does only what is left.
    """
    while True:
        try:
            return await work(*args, **kwargs)
        except DatabaseAwayError as error:
            _log.warning("step_waits", step=work.__name__, reason=str(error))
            await asyncio.sleep(1)
        except CutsceneError:
            raise
        except Exception as error:
            _log.exception("step_broke", step=work.__name__)
            sentence = "Something unexpected broke; the log has the trace. Try: cutscene job retry."
            raise ProviderError(sentence).with_detail(f"INTERNAL {type(error).__name__}") from error
