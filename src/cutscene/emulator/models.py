"""The models there are, and the body that each takes at each endpoint: a table, as of SDK 5.24.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cutscene.emulator.conditions import draft_alone, mode_of_video, multi_shot, plain_draft, prores_profile
from cutscene.emulator.forms import Either, Form, Many, Pictures
from cutscene.emulator.rules import Address, Choice, Flag, Number, OneOf, Rule, Text, Whole
from cutscene.emulator.sizes import RATIOS

__all__ = ["FORMS", "MODELS"]

_SEED: Final = Whole(0, 2**32 - 1)
_FLAG: Final = Flag()
_MODERATION: Final = Form(optional={"publicFigureThreshold": Choice(("auto", "low"))})
_PRORES: Final = Choice(("422", "4444", "422 Proxy", "422 LT", "422 HQ", "4444 XQ"))
_FIRST: Final = Pictures(positions=("first",))
_FIRST_AND_LAST: Final = Pictures(positions=("first", "last"))

_GEN4_FORMATS: Final = Choice(
    (
        "mp4",
        "prores",
        "png_sequence",
        "hdr10",
        "hlg",
        "sdr_rec709_10bit",
        "hdr_pq_12bit_master",
        "hdr_prores",
        "hdr_png_sequence",
        "hdr_exr_sequence",
        "hdr_exr_acescg_sequence_1_3",
        "hdr_exr_acescg_sequence_2_0",
    )
)


def _gen45(ratios: tuple[str, ...], **more: Rule) -> Form:
    return Form(
        required={**more, "promptText": Text(1000), "ratio": Choice(ratios), "duration": Whole(2, 10)},
        optional={
            "contentModeration": _MODERATION,
            "outputFormat": _GEN4_FORMATS,
            "proresProfile": _PRORES,
            "seed": _SEED,
        },
        conditions=(prores_profile,),
    )


_GEN4_TURBO: Final = Form(
    required={"promptImage": _FIRST, "ratio": Choice(RATIOS["gen4_turbo"])},
    optional={
        "promptText": Text(1000),
        "duration": Whole(2, 10),
        "contentModeration": _MODERATION,
        "seed": _SEED,
    },
)

_WINDOW: Final = Form(required={"startSeconds": Whole(0, 30), "endSeconds": Whole(0, 30)})


def _keyframe(place: str, most: float) -> Form:
    return Form(
        required={place: Number(0, most), "uri": Address("image")},
        optional={"range": _WINDOW},
    )


_ALEPH2: Final = Form(
    required={"videoUri": Address("video")},
    optional={
        "promptText": Text(1000),
        "contentModeration": _MODERATION,
        "keyframes": Many(Either({"seconds": _keyframe("seconds", 30), "at": _keyframe("at", 1)}), most=5),
        "outputFormat": Choice(("mp4", "prores", "png_sequence", "sdr_rec709_10bit")),
        "proresProfile": _PRORES,
        "ratio": Text(),
        "seed": _SEED,
        "targetAspectRatio": Choice(("16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "21:9")),
    },
    conditions=(prores_profile,),
)


def _veo(*, pictures: bool) -> Form:
    ratio: dict[str, Rule] = {"ratio": Choice(RATIOS["veo3.1"])}
    prompt: dict[str, Rule] = {"promptText": Text(1000)}
    options: dict[str, Rule] = {
        "audio": _FLAG,
        "duration": OneOf((4, 6, 8)),
        "negativePrompt": Text(),
        "seed": _SEED,
    }
    if not pictures:
        return Form(required={**prompt, **ratio}, optional=options)
    images = Pictures(positions=("first", "last"), last_alone=False)
    return Form(required={"promptImage": images, **ratio}, optional={**prompt, **options})


def _kling(model: str, *, pictures: bool) -> Form:
    ratio: dict[str, Rule] = {"ratio": Choice(RATIOS[model])}
    segment = Form(required={"duration": Whole(1, 15), "prompt": Text(2500)})
    settings = Form(
        optional={
            "multiPrompt": Many(segment, most=15),
            "shotType": Choice(("intelligence", "customize")),
        }
    )
    options: dict[str, Rule] = {
        "audio": _FLAG,
        "cfgScale": Number(0, 1),
        "duration": Whole(3, 15),
        "promptText": Text(2500),
        "providerSettings": settings,
    }
    if not pictures:
        return Form(required=ratio, optional=options, conditions=(multi_shot,))
    return Form(
        required={"promptImage": _FIRST_AND_LAST}, optional={**options, **ratio}, conditions=(multi_shot,)
    )


def _references(kind: str, most: int) -> Many:
    address = Address("audio" if kind == "audio" else "video")
    return Many(Form(required={"type": Choice((kind,)), "uri": address}), most=most, least=0)


def _seedance2(*, prompted: bool = False, **required: Rule) -> Form:
    prompt: dict[str, Rule] = {"promptText": Text(3500)}
    optional: dict[str, Rule] = {
        "audio": _FLAG,
        "duration": Whole(4, 15, ("auto",)),
        "ratio": Choice(RATIOS["seedance2"]),
        "referenceAudio": _references("audio", 3),
        "seed": _SEED,
    }
    if "promptImage" not in required:
        optional |= {
            "references": Many(Form(required={"uri": Address("image")}), most=9, least=0),
            "referenceVideos": _references("video", 3),
        }
    if prompted:
        return Form(required={**prompt, **required}, optional=optional)
    return Form(required=required, optional={**prompt, **optional})


def _seedance25(**required: Rule) -> Form:
    optional: dict[str, Rule] = {
        "audio": _FLAG,
        "draft": _FLAG,
        "duration": Whole(4, 30, ("auto",)),
        "outputFormat": Choice(("mp4", "mov")),
        "promptText": Text(15000),
        "ratio": Choice(RATIOS["seedance2_5"]),
        "referenceAudio": _references("audio", 30),
        "seed": _SEED,
    }
    if "promptImage" not in required:
        optional |= {
            "references": Many(Form(required={"uri": Address("image")}), most=30, least=0),
            "referenceVideos": _references("video", 30),
        }
    if "promptVideo" in required:
        optional["mode"] = Choice(("reference", "extend", "edit"))
        return Form(required=required, optional=optional, conditions=(plain_draft, mode_of_video))
    if not required:
        optional["draftTaskId"] = Text()
        return Form(optional=optional, conditions=(plain_draft, draft_alone))
    return Form(required=required, optional=optional, conditions=(plain_draft,))


_SEEDANCE2_PICTURES: Final = Pictures(positions=("first", "last"), references=9)
_SEEDANCE25_PICTURES: Final = Pictures(positions=("first", "last"), references=30)

FORMS: Final[Mapping[str, Mapping[str, Form]]] = {
    "text_to_video": {
        "gen4.5": _gen45(RATIOS["gen4.5"][:2]),
        "kling3.0_pro": _kling("kling3.0_pro", pictures=False),
        "kling3.0_standard": _kling("kling3.0_standard", pictures=False),
        "seedance2": _seedance2(prompted=True),
        "seedance2_5": _seedance25(),
        "veo3.1": _veo(pictures=False),
        "veo3.1_fast": _veo(pictures=False),
    },
    "image_to_video": {
        "gen4.5": _gen45(RATIOS["gen4.5"], promptImage=_FIRST),
        "gen4_turbo": _GEN4_TURBO,
        "kling3.0_pro": _kling("kling3.0_pro", pictures=True),
        "kling3.0_standard": _kling("kling3.0_standard", pictures=True),
        "seedance2": _seedance2(promptImage=_SEEDANCE2_PICTURES),
        "seedance2_5": _seedance25(promptImage=_SEEDANCE25_PICTURES),
        "veo3.1": _veo(pictures=True),
        "veo3.1_fast": _veo(pictures=True),
    },
    "video_to_video": {
        "aleph2": _ALEPH2,
        "seedance2": _seedance2(promptVideo=Address("video")),
        "seedance2_5": _seedance25(promptVideo=Address("video")),
    },
}
"""By endpoint and model."""

MODELS: Final = tuple(sorted({model for forms in FORMS.values() for model in forms}))
