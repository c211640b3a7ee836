"""Named job templates of a game platform: JSON in, a `SkillResult` out. They know the studio, no provider.

``await generate_outcome_video_win({"theme": {...}}, SkillContext(tenant_id="acme", studio=studio))``
"""

from __future__ import annotations

from typing import Any, Final

from cutscene.errors import InputValidationError
from cutscene.skills.contract import SkillContext, SkillResult
from cutscene.skills.intro import generate_intro_video_loop
from cutscene.skills.outcome import generate_outcome_video_lose, generate_outcome_video_win
from cutscene.skills.schemas import schema_of
from cutscene.skills.skill import Skill

__all__ = [
    "Skill",
    "SkillContext",
    "SkillResult",
    "generate_intro_video_loop",
    "generate_outcome_video_lose",
    "generate_outcome_video_win",
    "get",
    "names",
    "schema_of",
]

_SKILLS: Final[dict[str, Skill[Any, Any]]] = {
    skill.name: skill
    for skill in (generate_intro_video_loop, generate_outcome_video_win, generate_outcome_video_lose)
}


def names() -> tuple[str, ...]:
    return tuple(_SKILLS)


def get(name: str) -> Skill[Any, Any]:
    """Raises `InputValidationError` that lists what there is."""
    if name not in _SKILLS:
        raise InputValidationError(f"There is no skill {name!r}: choose one of {', '.join(_SKILLS)}.")
    return _SKILLS[name]
