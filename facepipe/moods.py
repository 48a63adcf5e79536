"""How a crowd feels over time, and how that is shown: curves, words and colours."""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Mapping, Sequence

import numpy as np

from facepipe._arrays import as_vector

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

#: Chosen to stand apart from one another, on white and on black.
EMOTION_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "HAPPY": "#d69200",
        "CALM": "#2a9d8f",
        "SAD": "#4c7fd9",
        "ANGRY": "#d64a3f",
        "SURPRISED": "#c75ab4",
        "FEAR": "#8467d7",
        "DISGUSTED": "#7b9a2c",
        "CONFUSED": "#b0713a",
    }
)
_OTHER_COLOUR = "#868c96"

_WORDS = {"FEAR": "afraid", "UNKNOWN": "unclear"}  # for others the type itself, in small letters

_CHUNK = 4096  # crops weighed at once, so that memory does not grow with their number


def emotion_colour(emotion: str) -> str:
    """The colour of an emotion, the same everywhere; grey for one that nobody has heard of.

    Example:
        >>> emotion_colour("CALM"), emotion_colour("AMUSED")
        ('#2a9d8f', '#868c96')
    """
    return EMOTION_COLOURS.get(emotion, _OTHER_COLOUR)


def emotion_word(emotion: str) -> str:
    """How a person says an emotion's name.

    Example:
        >>> emotion_word("HAPPY"), emotion_word("FEAR")
        ('happy', 'afraid')
    """
    return _WORDS.get(emotion, emotion.lower())


def emotion_shares(
    seconds: ArrayLike,
    scores: Sequence[Mapping[str, float]],
    moments: ArrayLike,
    width: float,
) -> dict[str, NDArray[np.float64]]:
    """How the share of each emotion goes, smoothed over time.

    Around each moment the crops count by how near they are: by a Gaussian whose standard deviation
    is `width`, cut off at three times that.

    Args:
        seconds: `(N,)`, when each crop was taken.
        scores: N mappings of emotion to confidence, 0 to 100.
        moments: `(M,)`, when to tell the shares.
        width: seconds, greater than 0.

    Returns:
        Emotion to its share at each moment, `(M,)` float64, 0 to 100 of all at that moment; NaN
        where no crop is near. The emotion of the highest confidences comes first.

    Raises:
        ShapeError: if `seconds` has not one number for each of `scores`, or `moments` is no vector.
        ValueError: if `width` is not greater than 0.

    Example:
        >>> shares = emotion_shares([0, 1], [{"CALM": 90}, {"CALM": 10, "SAD": 20}], [0, 9], 1.0)
        >>> {emotion: values.round(1).tolist() for emotion, values in shares.items()}
        {'CALM': [88.8, nan], 'SAD': [11.2, nan]}
    """
    if not width > 0:
        raise ValueError(f"width must be greater than 0, not {width!r}")
    seconds = as_vector(seconds, len(scores), "seconds")
    moments = as_vector(moments, None, "moments")
    totals: Counter[str] = Counter()
    for emotions in scores:
        totals.update(emotions)
    types = sorted(totals, key=lambda emotion: (-totals[emotion], emotion))
    summed = np.zeros((len(moments), len(types)))
    for start in range(0, len(scores), _CHUNK):
        chunk = scores[start : start + _CHUNK]
        offsets = (moments[:, None] - seconds[None, start : start + _CHUNK]) / width  # (M, chunk)
        weights = np.where(np.abs(offsets) <= 3.0, np.exp(-0.5 * offsets**2), 0.0)
        summed += weights @ np.array([[emotions.get(t, 0.0) for t in types] for emotions in chunk])
    total = summed.sum(axis=1)
    total[total <= 0.0] = np.nan
    return {emotion: 100.0 * summed[:, index] / total for index, emotion in enumerate(types)}
