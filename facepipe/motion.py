"""Whether a scene has changed, so that a detector need not look at the same picture again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _gap(one: float, other: float) -> float:
    """Seconds between two times; a clock that steps back counts like one that goes on."""
    return abs(one - other)


@attrs.define(eq=False)
class MotionGate:
    """Decides which frames of a still scene are worth looking at.

    A frame is compared with the last one that was looked at, not with the one before it, so that
    what changes slowly adds up. It is looked at when it differs anywhere, for `linger_seconds`
    after it last did, in case the detector missed who came, and every `idle_seconds` in any case.

    Attributes:
        threshold: by how much a pixel of the small picture must change, 0 to 255. It is the mean of
            some 50 of the frame's, so that a sensor's noise moves it by a few.
        linger_seconds: how long to go on looking after the last change.
        idle_seconds: how often to look at a scene that does not change.

    Example:
        >>> gate = MotionGate(linger_seconds=0.5)
        >>> hall = np.full((54, 96, 3), 90, np.uint8)
        >>> visited = hall.copy()
        >>> visited[20:30, 40:46] = 130
        >>> gate.is_due(hall, 0.0), gate.is_due(hall, 0.6), gate.is_due(visited, 0.7)
        (True, False, True)
    """

    threshold: float = attrs.field(default=8.0, validator=attrs.validators.ge(0))
    linger_seconds: float = attrs.field(default=1.0, validator=attrs.validators.ge(0))
    idle_seconds: float = attrs.field(default=3.0, validator=attrs.validators.ge(0))
    _seen: NDArray[np.int16] | None = attrs.field(init=False, default=None)
    _looked_at: float = attrs.field(init=False, default=0.0)
    _changed_at: float = attrs.field(init=False, default=0.0)

    def is_due(self, small: NDArray[Any], time: float) -> bool:
        """Whether to look at a frame; it then counts as looked at.

        Args:
            small: the frame scaled down, uint8, of whatever shape, as of
                `facepipe.images.thumbnail`.
            time: when the frame was taken, in seconds.
        """
        pixels = small.astype(np.int16)
        if self._differs(pixels):
            self._changed_at = time
        elif (
            _gap(time, self._changed_at) >= self.linger_seconds
            and _gap(time, self._looked_at) < self.idle_seconds
        ):
            return False
        self._seen, self._looked_at = pixels, time
        return True

    def reset(self) -> None:
        """Forget the last frame, which could not be looked at: the next one is due."""
        self._seen = None

    def _differs(self, pixels: NDArray[np.int16]) -> bool:
        if self._seen is None or self._seen.shape != pixels.shape:
            return True
        return bool(np.abs(pixels - self._seen).max(initial=0) > self.threshold)
