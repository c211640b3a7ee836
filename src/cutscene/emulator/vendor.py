"""The vendor behind both protocols: accepts, looks, deletes, and keeps account of it all."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from cutscene.emulator.account import Account
from cutscene.emulator.behaviour import Behaviour
from cutscene.emulator.footage import Footage
from cutscene.emulator.links import Links
from cutscene.emulator.refusals import CutOff, Reason, Refusal
from cutscene.emulator.task import Order, Task
from cutscene.emulator.troubles import Counts, Dice, Troubles
from cutscene.emulator.uploads import Uploads
from cutscene.emulator.works import Works

__all__ = ["Look", "Refused", "Vendor"]


@dataclass(frozen=True, slots=True)
class Refused:
    """A creation that came to nothing."""

    at: float
    """Seconds since 1970."""
    status: int | None
    """HTTP; None: cut off without an answer."""
    prompt: str | None
    """As sent, if it came that far."""
    error: str


@dataclass(frozen=True, slots=True)
class Look:
    """A task as one look sees it."""

    task: Task
    status: str
    """What it is called this time."""


class Vendor:
    """Made inside the event loop; whoever makes it closes it."""

    def __init__(self, behaviour: Behaviour, tell: Callable[[str], None]) -> None:
        self.behaviour = behaviour
        self.account = Account(behaviour.credits, behaviour.daily_cap)
        self.uploads = Uploads()
        self.links = Links(behaviour.link_life)
        self.tasks: dict[str, Task] = {}
        self.refused: list[Refused] = []
        self.most_in_flight = 0
        self._tell = tell
        self._footage = Footage(behaviour.footage)
        self._works = Works(self.account, self._footage, behaviour.concurrency)
        self._counts = Counts()
        self._dice = Dice(behaviour.rates, behaviour.seed)
        self._asked = 0

    async def close(self) -> None:
        await self._works.close()
        await self._footage.close()

    @property
    def in_flight(self) -> int:
        return self._works.in_flight

    async def create(self, order: Order) -> Task:
        """Returns when it is to be answered. Raises `Refusal` and `CutOff`."""
        self._asked += 1
        troubles = Troubles(self._counts, order.prompt, order.faults, self._dice.throw(), self._asked)
        _refuse(troubles)
        self.account.accept(order)
        task = self._accept(order, troubles)
        if troubles.due("drop_after_accept"):
            raise CutOff(accepted=True)
        await asyncio.sleep(troubles.faults.slow_accept)
        return task

    def look(self, task_id: str) -> Look:
        """Raises `Refusal` and `CutOff`."""
        task = self.find(task_id)
        task.looks += 1
        if task.troubles.due("poll_drop"):
            raise CutOff
        if task.troubles.due("poll_busy"):
            raise Refusal(Reason.BUSY)
        if status := task.troubles.outage("error"):
            raise Refusal(Reason.BROKEN, status=status)
        return Look(task, "PREPARING" if task.troubles.due("odd_status") else task.status)

    def delete(self, task_id: str) -> None:
        """Cancels what is not finished; nobody can look at it any more. Raises `Refusal`."""
        task = self.find(task_id)
        task.cancelled = task.deleted = True
        if not task.status.is_final:
            self._works.cancel(task)

    def find(self, task_id: str) -> Task:
        """Raises `Refusal`."""
        task = self.tasks.get(task_id)
        if task is None or task.deleted:
            raise Refusal(Reason.GONE)
        return task

    def link(self, task: Task, origin: str) -> str:
        """A fresh one to the clip, on the server at ``origin``."""
        task.links += 1
        expired = task.faults.expire and task.links == 1
        token = self.links.token(task.id, time.time(), expired=expired)
        return f"{origin}/emulator/footage/{task.id}.mp4?_jwt={token}"

    def note_refused(self, status: int | None, prompt: str | None, error: str) -> None:
        self.refused.append(Refused(time.time(), status, prompt, error))
        self._tell(f"refused {status or 'without an answer'}: {error}")

    def _accept(self, order: Order, troubles: Troubles) -> Task:
        slow = troubles.faults.slow
        task = Task(
            id=f"{order.id_prefix}{uuid.uuid4()}",
            order=order,
            troubles=troubles,
            doom=troubles.failure(),
            created_at=time.time(),
            seconds=self.behaviour.seconds if slow is None else slow,
            charged=order.estimated,
        )
        self.tasks[task.id] = task
        self._works.start(task)
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self._tell(f"accepted {order.model} {task.id}, {order.estimated} credits: {_short(order.prompt)}")
        return task


def _refuse(troubles: Troubles) -> None:
    faults = troubles.faults
    if troubles.due("busy"):
        raise Refusal(Reason.BUSY)
    if faults.daily:
        raise Refusal(Reason.DAILY_CAP)
    if faults.no_credits:
        raise Refusal(Reason.NO_CREDITS)
    if status := troubles.outage("create_error"):
        raise Refusal(Reason.BROKEN, status=status)
    if troubles.due("drop"):
        raise CutOff


def _short(prompt: str) -> str:
    """One line of printable characters."""
    line = "".join(character if character.isprintable() else " " for character in prompt)
    return line if len(line) <= 60 else f"{line[:57]}..."
