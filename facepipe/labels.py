"""Labelled pictures: where in a picture things are, and what each of them is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from facepipe._arrays import as_boxes, as_picture_wh
from facepipe.errors import ShapeError
from facepipe.letterbox import Letterbox

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# What would break a list of one a line, or has no UTF-8 (lone surrogates).
_NO_NAME = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def name_problem(name: object) -> str | None:
    """What keeps a text from being the name of a class or a file, to follow "a name"; None if fit.

    Example:
        >>> name_problem("soda bottle"), name_problem(" ")
        (None, 'is not blank')
    """
    if not isinstance(name, str):
        return "is text"
    if not name.strip():
        return "is not blank"
    if _NO_NAME.search(name):
        return "has no control character and no half of a character"
    return None


def _own_boxes(boxes: ArrayLike) -> NDArray[np.float64]:
    own = as_boxes(boxes).copy()
    own.flags.writeable = False
    return own


def _own_wh(wh: tuple[int, int] | None) -> tuple[int, int] | None:
    return None if wh is None else as_picture_wh(wh)


def _own_labels(labels: Any) -> tuple[str, ...]:
    if isinstance(labels, str):
        raise ShapeError("labels", "one name for each box", repr(labels)[:80])
    return tuple(labels)


@attrs.frozen
class LabelledImage:
    """A picture's labels.

    A box may be anywhere, and empty too: whether it makes sense is for `facepipe.datasets` to say.

    Attributes:
        name: the picture's file as the labels name it; empty where they do not.
        wh: the picture's `(width, height)`, or None where the labels do not say.
        boxes: `(N, 4)` float64, `x0, y0, x1, y1` in pixels of the picture, half-open, read-only.
        labels: the name of each box's class.

    Raises:
        ShapeError: if they do not fit each other, a name cannot be one, or a box has a NaN or an
            infinity.

    Example:
        >>> image = LabelledImage("a.jpg", (640, 480), [[10, 20, 30, 60]], ("bottle",))
        >>> image.letterboxed((320, 320)).boxes
        array([[ 5., 50., 15., 70.]])
    """

    name: str
    wh: tuple[int, int] | None = attrs.field(converter=_own_wh)
    boxes: NDArray[np.float64] = attrs.field(
        converter=_own_boxes, eq=attrs.cmp_using(eq=np.array_equal)
    )
    labels: tuple[str, ...] = attrs.field(converter=_own_labels)

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    def __attrs_post_init__(self) -> None:
        if self.name != "":
            _check_name("name", self.name)
        for label in self.labels:
            _check_name("labels", label)
            if label != label.strip():
                raise ShapeError("labels", "without blanks around them", repr(label)[:80])
        if len(self.labels) != len(self.boxes):
            expected = f"{len(self.boxes)}, one for each box"
            raise ShapeError("labels", expected, f"{len(self.labels)}")
        if not np.isfinite(self.boxes).all():
            raise ShapeError("boxes", "finite numbers", "NaN or infinity")

    def __reduce__(self) -> Any:
        # Through the constructor: arrays come out of a pickle writeable.
        return LabelledImage, (self.name, self.wh, self.boxes, self.labels)

    def letterboxed(self, into_wh: tuple[int, int]) -> LabelledImage:
        """The labels of the picture that `facepipe.images.letterboxed` makes of this one.

        Args:
            into_wh: that picture's `(width, height)`.

        Raises:
            ShapeError: if either picture has no size.
        """
        if self.wh is None:
            raise ShapeError("wh", "known of a picture that is letterboxed", "None")
        boxes = Letterbox.fit(self.wh, into_wh).map(self.boxes)
        return attrs.evolve(self, wh=into_wh, boxes=boxes)


def _check_name(argument: str, name: object) -> None:
    problem = name_problem(name)
    if problem is not None:
        raise ShapeError(argument, f"of names; a name {problem}", repr(name)[:80])
