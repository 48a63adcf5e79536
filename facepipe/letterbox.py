"""Where a picture lies that was scaled into another size, its proportions kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from facepipe._arrays import as_boxes, as_picture_wh

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@attrs.frozen
class Letterbox:
    """How coordinates of a picture become those of its letterboxed copy.

    `Letterbox.fit` makes one, `facepipe.images.letterboxed` the copy itself.

    Attributes:
        wh: the picture's `(width, height)`.
        into_wh: the copy's `(width, height)`.
        scale: pixels of the copy to one of the picture, along x and y. The two differ by what
            rounding the scaled picture to whole pixels takes.
        offset: `(x, y)` of the scaled picture's upper left corner in the copy, in whole pixels.

    Example:
        >>> box = Letterbox.fit((1920, 1080), (300, 300))
        >>> box.scaled_wh, box.offset
        ((300, 169), (0, 65))
        >>> box.map([[0, 0, 1920, 1080]])
        array([[  0.,  65., 300., 234.]])
        >>> box.unmap([[0, 65, 150, 234]])
        array([[   0.,    0.,  960., 1080.]])
    """

    wh: tuple[int, int]
    into_wh: tuple[int, int]
    scale: tuple[float, float]
    offset: tuple[int, int]

    @classmethod
    def fit(cls, wh: tuple[int, int], into_wh: tuple[int, int]) -> Letterbox:
        """The largest scale, up or down, at which a picture fits into a size, and amid it.

        Args:
            wh: the picture's `(width, height)` in whole pixels.
            into_wh: the size's.

        Raises:
            ShapeError: if either is no picture's size.
        """
        width, height = as_picture_wh(wh)
        into_width, into_height = as_picture_wh(into_wh, "into_wh")
        ratio = min(into_width / width, into_height / height)
        # A picture far longer than wide keeps one pixel of its width.
        scaled = (max(1, round(width * ratio)), max(1, round(height * ratio)))
        return cls(
            wh=(width, height),
            into_wh=(into_width, into_height),
            scale=(scaled[0] / width, scaled[1] / height),
            offset=((into_width - scaled[0]) // 2, (into_height - scaled[1]) // 2),
        )

    @property
    def scaled_wh(self) -> tuple[int, int]:
        """`(width, height)` of the scaled picture within the copy."""
        return round(self.wh[0] * self.scale[0]), round(self.wh[1] * self.scale[1])

    def map(self, boxes: ArrayLike) -> NDArray[np.float64]:
        """Carry boxes from the picture to its copy.

        Args:
            boxes: `(N, 4)` in pixels of the picture.

        Returns:
            `(N, 4)` float64 in pixels of the copy.

        Raises:
            ShapeError: if `boxes` is not `(N, 4)`.
        """
        return as_boxes(boxes) * np.array(self.scale * 2) + np.array(self.offset * 2)  # type: ignore[no-any-return]

    def unmap(self, boxes: ArrayLike) -> NDArray[np.float64]:
        """Carry boxes from the copy back to the picture; the inverse of `map`.

        Args:
            boxes: `(N, 4)` in pixels of the copy; on the grey, they lie outside the picture.

        Returns:
            `(N, 4)` float64 in pixels of the picture.

        Raises:
            ShapeError: if `boxes` is not `(N, 4)`.
        """
        return (as_boxes(boxes) - np.array(self.offset * 2)) / np.array(self.scale * 2)  # type: ignore[no-any-return]
