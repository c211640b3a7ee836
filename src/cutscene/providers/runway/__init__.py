"""Runway: the first remote provider, over its live API or the documented Gen-3 flow."""

from cutscene.providers.runway.adapter import RunwayProvider, open_provider

__all__ = ["RunwayProvider", "open_provider"]
