"""Which of a provider's models serves a request, and why one does not."""

from __future__ import annotations

from cutscene.domain import VideoRequest
from cutscene.errors import InputValidationError
from cutscene.providers import Capabilities, Model

__all__ = ["choose_model"]


def choose_model(capabilities: Capabilities, request: VideoRequest, provider: str) -> Model:
    """The model asked for, or the first for what the request starts from; raises `InputValidationError`.

    Never one further down because of a length or a size: it may cost ten times as much.
    """
    candidates = [m for m in capabilities.models if request.model in (None, m.id)]
    if not candidates:
        known = ", ".join(model.id for model in capabilities.models)
        raise InputValidationError(
            f"Provider {provider!r} has no model {request.model!r}: choose one of {known}."
        )
    model = next((m for m in candidates if _unfit_source(m, request) is None), candidates[0])
    if reason := _misfit(model, request):
        raise InputValidationError(reason)
    return model


def _misfit(model: Model, request: VideoRequest) -> str | None:
    if reason := _unfit_source(model, request) or _unfit_length(model, request):
        return reason
    if request.motion is not None and not model.motion:
        return f"Model {model.id!r} takes no camera motion: leave it out."
    if request.aspect not in model.sizes:
        return f"Model {model.id!r} makes no {request.aspect} clips: choose one of {', '.join(model.sizes)}."
    if len(request.prompt) > model.max_prompt_chars:
        return (
            f"The prompt has {len(request.prompt)} characters, "
            f"at most {model.max_prompt_chars} are allowed: shorten it."
        )
    return None


def _unfit_length(model: Model, request: VideoRequest) -> str | None:
    shortest, longest = model.durations[0], model.longest
    if request.video is None or request.extend:
        # What is longer is made in several pieces, each from the last picture of the one before.
        if request.duration > longest and not model.image:
            return f"Model {model.id!r} makes at most {longest:g} seconds, not {request.duration:g}."
        return None
    if request.duration > longest:
        return f"Model {model.id!r} makes at most {longest:g} seconds, not {request.duration:g}."
    if request.duration < shortest:
        return f"Model {model.id!r} takes clips of {shortest:g} seconds or more."
    return None


def _unfit_source(model: Model, request: VideoRequest) -> str | None:
    if request.extend:
        goes_on = model.extends or model.image
        return None if goes_on else f"Model {model.id!r} does not go on with a clip: choose one that does."
    if request.video is not None:
        return None if model.video else f"Model {model.id!r} takes no clip: leave it out."
    if request.image is None:
        return (
            None if model.text else f"Model {model.id!r} needs a picture or a clip to start from: give one."
        )
    if not model.image:
        return f"Model {model.id!r} takes no picture: leave it out."
    if request.last_image is not None and not model.last_image:
        return f"Model {model.id!r} takes no last picture: leave it out."
    return None
