"""What a classifier says of a picture: shares of classes, the best of them, and a message of it."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Sequence

import numpy as np

from facepipe._arrays import as_floats, as_vector
from facepipe.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# Half precision keeps three digits; shares rounded to it still sum to 1 within this.
_SUM_TOLERANCE = 1e-2


def softmax(logits: ArrayLike) -> NDArray[np.float64]:
    """Turn logits into probabilities, however large they are.

    Args:
        logits: `(N,)`, or `(M, N)`: M rows of N classes.

    Returns:
        float64 of the same shape; each row is 0 to 1 and sums to 1. A NaN stays one, and the rest
        of its row sums to 1.

    Raises:
        ShapeError: for any other shape, or what are no numbers.

    Example:
        >>> softmax([1000.0, 1000.0, 0.0])
        array([0.5, 0.5, 0. ])
    """
    expected = "an array of shape (N,) or (M, N)"
    array = as_floats(logits, "logits", expected)
    if array.ndim not in (1, 2):
        raise ShapeError("logits", expected, f"one of shape {array.shape}")
    largest = np.finfo(np.float64).max
    array = np.clip(array, -largest, largest)  # an infinite one is as large as can be
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        top = np.fmax.reduce(array, axis=-1, keepdims=True, initial=-largest)
        shares = np.exp(array - top)
        return np.asarray(shares / np.nansum(shares, axis=-1, keepdims=True))


def as_probabilities(output: ArrayLike) -> NDArray[np.float64]:
    """Read what a classifier answers: probabilities are left as they are, logits get a softmax.

    Args:
        output: `(N,)`. It counts as probabilities when none is negative and they sum to 1, within
            the hundredth that half precision may cost.

    Returns:
        `(N,)` float64.

    Raises:
        ShapeError: for any other shape, or what are no numbers.

    Example:
        >>> as_probabilities([0.25, 0.75]), as_probabilities([2.0, 2.0])
        (array([0.25, 0.75]), array([0.5, 0.5]))
    """
    with np.errstate(over="ignore", invalid="ignore"):
        array: NDArray[np.float64] = as_vector(output, None, "output")
        if (array >= 0).all() and abs(array.sum() - 1.0) <= _SUM_TOLERANCE:
            return array
    return softmax(array)


def top_k(probabilities: ArrayLike, k: int) -> NDArray[np.int64]:
    """The most probable classes.

    Args:
        probabilities: `(N,)`; a NaN is never chosen.
        k: how many, at least 1.

    Returns:
        `(min(k, N),)` int64 indices, best first; of equal ones the lower index. Fewer where there
        are NaN.

    Raises:
        ShapeError: for any other shape, or such a `k`.

    Example:
        >>> top_k([0.2, 0.4, 0.4], 2)
        array([1, 2])
    """
    array = as_vector(probabilities, None, "probabilities")
    try:
        count = operator.index(k)
    except TypeError:
        count = 0
    if count < 1:
        raise ShapeError("k", "a whole number of at least 1", repr(k))
    order = np.argsort(-array, kind="stable")[:count]  # NaN are sorted last
    return np.asarray(order[~np.isnan(array[order])], np.int64)


def prediction_message(
    probabilities: ArrayLike, labels: Sequence[str], k: int
) -> list[dict[str, str]]:
    """What is published of a picture, in the form of AWS' Greengrass inference accelerator.

    Args:
        probabilities: `(N,)`, 0 to 1.
        labels: one for each of them.
        k: how many classes to tell of, at least 1.

    Returns:
        Best first, as `top_k` chooses. `confidence` is text: the shortest that gives the same
        float32 again, which is what the accelerator's `str()` of MXNet's output was. (It is
        `accelerators/machine_learning_inference` in awslabs/aws-iot-greengrass-accelerators.)

    Raises:
        ShapeError: when there is not one label for each probability, or for such a `k`.

    Example:
        >>> labels = ["n02823428 beer bottle", "n03983396 pop bottle, soda bottle"]
        >>> prediction_message([0.05, 0.21719395], labels, k=1)
        [{'confidence': '0.21719395', 'prediction': 'n03983396 pop bottle, soda bottle'}]
    """
    array = as_vector(probabilities, None, "probabilities")
    if len(labels) != len(array):
        raise ShapeError("labels", f"{len(array)}, one for each probability", f"{len(labels)}")
    return [
        {"confidence": str(np.float32(array[index])), "prediction": labels[index]}
        for index in top_k(array, k).tolist()
    ]


def parse_labels(text: str) -> tuple[str, ...]:
    r"""Read a file of labels: one a line, in the order of the classifier's output.

    Blanks at the end of a line, blank lines at the end and a byte order mark at the start are no
    part of a label.

    Raises:
        ShapeError: when there is none, or a line between others is blank: were it skipped, all that
            follow would name the wrong class.

    Example:
        >>> parse_labels("tench, Tinca tinca\ngoldfish\n\n")
        ('tench, Tinca tinca', 'goldfish')
    """
    lines = [line.rstrip() for line in text.lstrip("\ufeff").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise ShapeError("labels", "one a line", "none at all")
    if "" in lines:
        raise ShapeError("labels", "one a line", f"a blank line {lines.index('') + 1}")
    return tuple(lines)
