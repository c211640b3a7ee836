"""The embedded default provider: real H.264, rendered on this machine, without key or network."""

from cutscene.providers.local.adapter import LocalProvider, open_provider

__all__ = ["LocalProvider", "open_provider"]
