"""Pictures side by side, to be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

import numpy as np

from facepipe.images import encode_jpeg

if TYPE_CHECKING:
    from facepipe.images import Image

_GAP = 8  # pixels
_PAPER = 245


def contact_sheet(tiles: Sequence[Image], columns: int) -> bytes:
    """Put pictures side by side, row by row.

    Args:
        tiles: at least one, `(S, S, 3)` uint8 each.
        columns: how many are in a row.

    Returns:
        A JPEG.
    """
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    side = len(tiles[0])
    pitch = side + _GAP
    sheet = np.full((rows * pitch + _GAP, columns * pitch + _GAP, 3), _PAPER, np.uint8)
    for index, tile in enumerate(tiles):
        top, left = (_GAP + pitch * at for at in divmod(index, columns))
        sheet[top : top + side, left : left + side] = tile
    return encode_jpeg(sheet)
