"""Any server that speaks ``/v1/videos``: engines of one's own, and gateways."""

from cutscene.providers.openai_videos.adapter import OpenAIVideosProvider, open_provider

__all__ = ["OpenAIVideosProvider", "open_provider"]
