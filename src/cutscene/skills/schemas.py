"""The contracts of skills as JSON Schema, generated from the models that validate them."""

from __future__ import annotations

import json
from typing import Any, Final

from cutscene.skills.skill import Skill

__all__ = ["schema_of"]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema_of(skill: Skill[Any, Any], *, output: bool = False) -> str:
    """Of what a skill takes, or of the `SkillResult` that it answers, as text."""
    if output:
        schema = skill.result.model_json_schema(mode="serialization")
        title = f"{skill.name}, result"
    else:
        schema, title = skill.input.model_json_schema(), f"{skill.name}, input"
    document = {"$schema": _DIALECT, **schema, "title": title}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
