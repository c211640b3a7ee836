"""Draws a shot: a procedural place or a given picture, set in motion, as an H.264 file."""

from cutscene.providers.local.renderer.render import Moves, Shot, render

__all__ = ["Moves", "Shot", "render"]
