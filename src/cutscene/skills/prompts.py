"""What models are told. Positively worded, and never about text: we draw that ourselves, sharp.

The caller's own words are never cut. Callers that bring a prompt of theirs get exactly that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cutscene.errors import InputValidationError
from cutscene.skills.colors import color_word
from cutscene.skills.forms import MAX_PROMPT

__all__ = ["intro_prompt", "outcome_prompt"]

_LIFE: Final = {
    None: "light shimmers, air drifts and small details move",
    "pan": "the view glides across it while light shimmers and air drifts",
    "zoom": "its depth opens up while light shimmers and air drifts",
    "rotate": "it turns around its centre while light shimmers and air drifts",
    "parallax": "near and far layers slide past each other while light shimmers",
    "subtle_movement": "light shimmers and the smallest details stir",
    "breathing": "it swells and settles like a breath while light shimmers",
}
_MANNERS: Final = ((0.35, "gently"), (0.7, "steadily"), (1.0, "boldly"))

_WIN: Final = {
    "energetic": "A win celebration full of energy: fireworks burst, streamers fly and sparks race about",
    "calm": "A quiet win celebration: soft golden light spreads and slow glittering sparkles float upward",
    "exciting": "An exciting win celebration: beams of light sweep, sparks fly and the glow keeps building",
    "celebratory": "A joyful win celebration: fireworks bloom, confetti rains down, golden sparkles glitter",
    "sympathetic": "A heartfelt win celebration: warm light spreads and gentle sparkles rise in shared joy",
    "encouraging": "An uplifting win celebration: light rises like a sunrise while sparkles climb proudly",
}
_LOSE: Final = {
    "energetic": "An encouraging consolation: clouds part in a lively breeze and fresh light rushes in",
    "calm": "A calm, comforting consolation: soft light, a wide quiet sky and slowly floating warm motes",
    "exciting": "An encouraging consolation: light gathers on the horizon and grows, full of promise",
    "celebratory": "A friendly, encouraging consolation: lanterns glow and sparkles honour a fine effort",
    "sympathetic": "A sympathetic, comforting consolation: clouds thin out and kind, warm light settles",
    "encouraging": "An encouraging consolation: the sun breaks through clouds, warm light grows, hope rises",
}
_STYLES: Final = {
    "modern": "Clean modern look, crisp light, smooth gradients.",
    "classic": "Classic elegant look, rich warm tones.",
    "playful": "Playful look, rounded shapes, bouncy movement.",
    "corporate": "Polished, restrained look, precise light.",
    "casual": "Relaxed, friendly everyday look.",
}


def intro_prompt(motion_type: str | None, intensity: float, *, seamless: bool) -> str:
    """What becomes of a still; how the camera moves is for the provider to say in its model's words."""
    manner = next(word for bound, word in _MANNERS if intensity <= bound)
    ending = ", ending exactly as it began." if seamless else "."
    life = f"The scene comes {manner} to life: {_LIFE[motion_type]}."
    return f"{life} Smooth motion in one continuous shot{ending}"


def outcome_prompt(
    *,
    won: bool,
    mood: str,
    style: str,
    colors: Sequence[str],
    on_picture: bool,
    setting: str | None,
    room_at: str | None,
) -> str:
    """``setting``: the caller's words about the background; ``room_at``: where our text will stand.

    Raises `InputValidationError`, with both lengths, where the whole is too long.
    """
    setting = setting and setting.strip(". ")
    parts = [
        f"{(_WIN if won else _LOSE)[mood]}.",
        "The given scene stays in place, the effects play in front of it." if on_picture else "",
        f"Setting: {setting}." if setting else "",
        _STYLES[style],
        _palette(colors),
        f"The {room_at} of the frame stays open and calm." if room_at else "",
        "One continuous shot.",
    ]
    prompt = " ".join(filter(None, parts))
    if len(prompt) > MAX_PROMPT and setting:
        ours = len(prompt) - len(setting)
        raise InputValidationError(
            f"The description of the background has {len(setting)} characters, "
            f"and the prompt {ours} besides: at most {MAX_PROMPT} are allowed together, "
            f"shorten it by {len(prompt) - MAX_PROMPT}."
        )
    return prompt


def _palette(colors: Sequence[str]) -> str:
    """The first colour leads, the others follow."""
    words = list(dict.fromkeys(map(color_word, colors)))
    if not words:
        return ""
    return (
        f"Colours of {' and '.join(words)}."
        if len(words) < 3
        else f"Colours of {words[0]}, {words[1]} and {words[2]}."
    )
