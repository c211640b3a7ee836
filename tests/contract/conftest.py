from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def still() -> bytes:
    """A small landscape of two gradients, as PNG."""
    y, x = np.mgrid[0:300, 0:400]
    sky = np.dstack([x / 400 * 90 + 60, y / 300 * 120 + 60, 200 - y / 300 * 120])
    sky[y > 180 + 20 * np.sin(x / 40)] = (40, 60, 30)
    buffer = BytesIO()
    Image.fromarray(sky.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()
