"""Stands in for the awscam module of an AWS DeepLens.

`getLastFrame`, `Model`, `doInference` and `parseResult` take and give what they do on a device. The
frames come from the file that AWSCAM_FRAMES names, `(N, H, W, 3)` uint8, over and over; the model
"finds" whatever is not black. On a device, awscam must be imported before cv2: CV2_CAME_FIRST
tells whether it was not.
"""

import os
import sys
from pathlib import Path

import numpy as np

CV2_CAME_FIRST = "cv2" in sys.modules
LABEL = str  # the documentation shows labels as text, the samples as numbers: set to int
_frames = None
_index = 0


def getLastFrame():  # noqa: N802
    """The newest frame as (True, frame), or (False, None) while there is none."""
    global _frames, _index
    if not Path(os.environ["AWSCAM_FRAMES"]).exists():
        _frames = None
        return False, None
    if _frames is None:
        _frames = np.load(os.environ["AWSCAM_FRAMES"])
    frame = _frames[_index % len(_frames)]
    _index += 1
    return True, frame.copy()


class Model:
    def __init__(self, path, config, runtime=0):
        if config != {"GPU": 1} or runtime != 0:
            raise ValueError("expected Model(path, {'GPU': 1}, runtime=0)")
        with Path(path).open("rb") as model:
            head = model.read(5)
        if head != b"<?xml":
            raise RuntimeError("Failed to load model")

    def doInference(self, frame):  # noqa: N802
        if frame.shape != (300, 300, 3) or frame.dtype != np.uint8:
            raise ValueError("the model's input is 300x300")
        rows = np.zeros((100, 7), np.float32)
        rows[:, 1] = -1
        ys, xs = np.nonzero(frame.max(axis=2) > 30)
        if len(xs):
            box = [xs.min() / 300, ys.min() / 300, (xs.max() + 1) / 300, (ys.max() + 1) / 300]
            rows[0] = [0, 1, 0.97, *box]
        return {"detection_out": rows.ravel()}

    def parseResult(self, kind, result):  # noqa: N802
        if kind != "ssd":
            raise ValueError("this model is an ssd")
        found = []
        for _, label, prob, xmin, ymin, xmax, ymax in result["detection_out"].reshape(-1, 7):
            box = {"xmin": xmin * 300, "ymin": ymin * 300, "xmax": xmax * 300, "ymax": ymax * 300}
            found.append(dict({"label": LABEL(int(label)), "prob": prob}, **box))
        return {"ssd": found}
