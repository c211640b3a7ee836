"""A dragon in the sky."""

from __future__ import annotations

from typing import Final

import numpy as np

from cutscene.providers.local.renderer.arrays import Points, fill, mix
from cutscene.providers.local.renderer.canvas import Canvas, aerial

# In dragon lengths, flying to the left: x to the right, y down.
BODY: Final[Points] = np.array(
    [
        (-0.50, -0.075), (-0.44, -0.105), (-0.40, -0.135), (-0.385, -0.105), (-0.34, -0.085), (-0.26, -0.03),
        (-0.16, -0.045), (0.00, -0.05), (0.12, -0.015), (0.26, 0.025), (0.40, 0.020), (0.52, -0.015),
        (0.60, -0.05), (0.585, -0.075), (0.66, -0.080), (0.635, -0.015), (0.61, -0.03), (0.53, 0.015),
        (0.40, 0.055), (0.25, 0.065), (0.12, 0.055), (0.09, 0.105), (0.05, 0.11), (0.06, 0.06),
        (-0.05, 0.065), (-0.10, 0.055), (-0.13, 0.100), (-0.17, 0.095), (-0.15, 0.045), (-0.24, 0.015),
        (-0.33, -0.045), (-0.40, -0.055), (-0.45, -0.055), (-0.49, -0.045),
    ]
)  # fmt: skip
NEAR_WING: Final[Points] = np.array(
    [
        (-0.14, -0.03), (-0.12, -0.22), (-0.02, -0.44), (0.02, -0.47), (0.10, -0.34), (0.24, -0.30),
        (0.23, -0.21), (0.34, -0.15), (0.27, -0.09), (0.30, -0.01), (0.18, -0.025), (0.10, 0.02),
    ]
)  # fmt: skip
FAR_WING: Final[Points] = np.array(
    [
        (-0.12, -0.03), (-0.22, -0.20), (-0.26, -0.40), (-0.25, -0.43), (-0.12, -0.34), (-0.02, -0.33),
        (-0.01, -0.23), (0.08, -0.18), (0.04, -0.10), (0.02, -0.03),
    ]
)  # fmt: skip


def fly_dragon(canvas: Canvas, size: float = 0.22) -> None:
    """A dragon of ``size`` units in the sky, on the other side than the light, facing it."""
    light_left = canvas.light[0] < canvas.width / 2
    reach = 0.66 * size * canvas.unit / canvas.width
    x = canvas.width * (max(0.16, reach + 0.06) if not light_left else min(0.84, 0.94 - reach))
    y = canvas.height * 0.27
    facing = 1 if light_left else -1
    scale = np.array([facing * size * canvas.unit, size * canvas.unit])
    for part, nearness in ((FAR_WING, 0.55), (BODY, 0.80), (NEAR_WING, 0.72)):
        mask = canvas.mask()
        fill(mask, part * scale + (x, y))
        tone = mix(aerial(canvas.paints, nearness), canvas.paints.sky, 0.10)
        canvas.lay(mask, tone, 0.5)
