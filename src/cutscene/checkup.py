"""What is configured, reachable and paused, for an operator. Nothing here costs anything."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from cutscene import budgets, limits, storage
from cutscene.database import Database, open_database
from cutscene.errors import CutsceneError
from cutscene.executors import worker_lives
from cutscene.providers import AccountState, Capabilities, Provider, Providers
from cutscene.settings import Settings

__all__ = ["Finding", "Verdict", "check_up"]

_PATIENCE: Final = 15.0
"""Seconds that a provider has to answer."""
_STORE_PATIENCE: Final = 5.0
_PROBE: Final = b"probe"
"""What is written, read and deleted to see whether the store is as it should be."""


class Verdict(StrEnum):
    OK = "ok"
    OFF = "off"
    """Not set up, and nobody asked for it."""
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    says: str


async def check_up(settings: Settings) -> AsyncIterator[Finding]:
    """Look at everything that a job needs, one after the other; raises nothing."""
    yield _home(settings)
    pauses: dict[str, limits.Pause] = {}
    async with AsyncExitStack() as stack:
        try:
            database = await stack.enter_async_context(_open(settings))
            pauses = {pause.provider: pause for pause in await database.read(limits.pauses)}
            yield Finding("database", Verdict.OK, _plain_url(settings))
            yield await _worker(database)
            for standing in await database.read(budgets.standings):
                for warning in standing.warnings:
                    yield Finding("budget", Verdict.WARNING, warning)
        except CutsceneError as error:
            yield Finding("database", Verdict.ERROR, str(error))
        yield await _storage(settings)
        async with Providers(settings) as providers:
            for name in providers.names:
                async for finding in _provider(settings, providers, name, pauses):
                    yield finding
            if settings.provider not in providers.names:
                known = ", ".join(providers.names)
                yield Finding(settings.provider, Verdict.ERROR, f"CUTSCENE_PROVIDER names none of {known}.")


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[Database]:
    database = await asyncio.to_thread(open_database, settings.database)
    try:
        yield database
    finally:
        await database.close()


def _home(settings: Settings) -> Finding:
    home = settings.home
    if home.is_dir() and os.access(home, os.W_OK | os.X_OK):
        return Finding("home", Verdict.OK, str(home))
    return Finding("home", Verdict.ERROR, f"{home} cannot be written: point CUTSCENE_HOME elsewhere.")


def _plain_url(settings: Settings) -> str:
    """Passwords may stand in the query, too."""
    return sa.make_url(settings.database).set(query={}).render_as_string(hide_password=True)


async def _worker(database: Database) -> Finding:
    if await worker_lives(database):
        return Finding("worker", Verdict.OK, "A worker is running.")
    return Finding("worker", Verdict.OFF, "No worker is running; commands that wait do the work themselves.")


async def _storage(settings: Settings) -> Finding:
    try:
        patience = min(settings.storage_patience, _STORE_PATIENCE)
        store = await asyncio.to_thread(storage.open_store, settings.storage, patience=patience)
        try:
            if not await _gives_back(store):
                return Finding("storage", Verdict.ERROR, "The store does not give back what it was given.")
        finally:
            await store.close()
    except CutsceneError as error:
        return Finding("storage", Verdict.ERROR, str(error))
    return Finding("storage", Verdict.OK, settings.storage)


async def _gives_back(store: storage.Store) -> bool:
    # Never under a key of before: what is there already would not be written.
    probe = f"doctor/doctor/source/probe-{secrets.token_hex(8)}.txt"
    await storage.put_bytes(store, probe, _PROBE, "text/plain")
    try:
        return await storage.read_bytes(store, probe) == _PROBE
    finally:
        await store.delete(probe)


async def _provider(
    settings: Settings, providers: Providers, name: str, pauses: Mapping[str, limits.Pause]
) -> AsyncIterator[Finding]:
    is_default = name == settings.provider
    try:
        provider = await providers.get("video", name)
    except CutsceneError as error:
        is_wanted = is_default or name == settings.fallback_provider
        yield Finding(name, Verdict.ERROR if is_wanted else Verdict.OFF, str(error))
        return
    able = provider.capabilities()
    for warning in able.warnings:
        yield Finding(name, Verdict.WARNING, warning)
    yield await _account(name, provider, able, is_default=is_default)
    if name in pauses:
        pause = pauses[name]
        yield Finding(name, Verdict.WARNING, f"Paused for another {pause.seconds:.0f} s: {pause.reason}")


async def _account(name: str, provider: Provider, able: Capabilities, *, is_default: bool) -> Finding:
    try:
        async with asyncio.timeout(_PATIENCE):
            account = await provider.account()
    except CutsceneError as error:
        return Finding(name, Verdict.ERROR, str(error))
    except TimeoutError:
        return Finding(name, Verdict.ERROR, f"{able.address} did not answer within {_PATIENCE:g} s.")
    return Finding(name, Verdict.OK, "; ".join(_standing(able, account, is_default=is_default)) + ".")


def _standing(able: Capabilities, account: AccountState, *, is_default: bool) -> list[str]:
    facts = [f"At {able.address}" + (", the default" if is_default else "")]
    if account.credits is not None:
        facts.append(f"{account.credits} credits left")
    at_once = account.concurrency or able.concurrency
    facts.append(f"{at_once} generation{'s' if at_once > 1 else ''} at once")
    return facts
