"""Runway and ``/v1/videos`` over real HTTP: as strict as the vendors, as unreliable as asked.

    async with Emulator(Behaviour(seconds=0.2)) as emulator:
        ...  # point a client at emulator.url, with emulator.key

It speaks all three protocols on one port, renders real clips, and goes wrong where a prompt says so.
"""

from cutscene.emulator.behaviour import Behaviour
from cutscene.emulator.faults import Faults, Outage, read_faults
from cutscene.emulator.server import Emulator

__all__ = ["Behaviour", "Emulator", "Faults", "Outage", "read_faults"]
