"""What is drawn over a clip between its decoding and its encoding."""

from cutscene.media.overlay.compose import Overlays, check_overlays

__all__ = ["Overlays", "check_overlays"]
