"""Where log lines go. Nothing is ever logged to standard output: scripts read that."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Final, TextIO

import structlog

from cutscene.errors import StorageError

__all__ = ["log_to_file", "log_to_stderr", "log_unless_configured", "redact"]


def log_to_file(path: Path) -> TextIO:
    """For commands that draw on the terminal; returns the open file. Raises `StorageError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a", encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"The folder {path.parent} cannot be written ({error.strerror}): "
            "point CUTSCENE_HOME at one that can."
        ) from error
    _configure(stream, structlog.processors.JSONRenderer(), logging.DEBUG)
    return stream


def log_to_stderr() -> None:
    """For workers and services, which have nothing else to say there."""
    renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    _configure(sys.stderr, renderer, logging.INFO)


_SECRETS: Final = re.compile(
    r"(?i)(https?://[^\s'\"?]+)\?[^\s'\"]+|(bearer\s+|key_|data:[^,\s]{0,100},)[\w.~+/=-]+"
)


def redact(text: str) -> str:
    """Signed links lose their query, keys their value, data URIs their data."""
    return _SECRETS.sub(lambda found: f"{found[1] or found[2]}...", text)


def _redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Wherever secrets turn up: in traces of others too."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = redact(value)
    return event


def log_unless_configured() -> None:
    """For programs that use the library and say nothing of logging: warnings, on standard error."""
    if not structlog.is_configured():
        _configure(sys.stderr, structlog.dev.ConsoleRenderer(colors=False), logging.WARNING)


def _configure(stream: TextIO, renderer: structlog.types.Processor, level: int) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
