"""From frames to the crops that are worth sending."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import attrs
import numpy as np

from facepipe.boxes import box_area, clip_boxes
from facepipe.classification import prediction_message
from facepipe.crops import crop_regions, cut
from facepipe.detections import Detections
from facepipe.images import encode_jpeg, sharpness, thumbnail
from facepipe.keys import FACE_LABEL, CropKey, format_key
from facepipe.motion import MotionGate
from facepipe.tracks import BestShot, FaceTracker, Shot, view_quality

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facepipe_io.edge.cameras import Frame
    from facepipe_io.edge.classifiers import Classifier
    from facepipe_io.edge.detectors.base import Detector

NOBODY = Detections.empty()
NO_TRACKS = np.empty(0, np.int64)


@attrs.frozen
class Crop:
    """A crop that is to be sent.

    Attributes:
        key: its name in S3.
        jpeg: the picture; empty where it is stored already.
        track: the person's number.
        shot: 0 for the person's first crop, 1 for the next, and so on.
        label: what it shows.
    """

    key: str
    jpeg: bytes = attrs.field(repr=False)
    track: int
    shot: int
    label: str = FACE_LABEL


@attrs.frozen(eq=False)
class Look:
    """What came of one frame.

    Attributes:
        detections: the faces and other things, clipped to the frame.
        tracks: `(N,)` int64, whose face each is.
        crops: what is to be sent now; mostly nothing.
        still: whether the detector was spared, since nobody was there and nothing has changed.
        labels: `(N,)` what each of them is; empty where nobody was asked.
        probabilities: `(N,)` of a classifier, for its labels; None where none looked.
        prediction: what to say of them, as of `facepipe.prediction_message`.
        lost: crops that an endpoint could not store, and has given up.
    """

    detections: Detections
    tracks: NDArray[np.int64]
    crops: list[Crop]
    still: bool = False
    labels: tuple[str, ...] = ()
    probabilities: NDArray[np.float64] | None = None
    prediction: list[dict[str, str]] | None = None
    lost: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """`(N,)` what each of them is; where nobody was asked, a face."""
        return self.labels or (FACE_LABEL,) * len(self.detections)

    @property
    def objects(self) -> int:
        """How many of them are no faces."""
        return sum(label != FACE_LABEL for label in self.labels)


class Picker:
    """Looks at one frame after the other, and decides what is worth sending."""

    @property
    def model(self) -> str:
        """The version in use of a published model; empty where there is none."""
        return ""

    @property
    def model_errors(self) -> int:
        """Times that a published model could not be fetched, or a version not be used."""
        return 0

    def look(self, frame: Frame) -> Look:
        """Look at the next frame."""
        raise NotImplementedError

    def flush(self, time: float) -> list[Crop]:  # noqa: ARG002
        """What is still to be sent, now that no more frames will come."""
        return []


class ClassifyPicker(Picker):
    """Says what each frame shows, and sends no crops.

    Args:
        classifier: names the frames.
        top_k: how many labels to name of each.
    """

    def __init__(self, classifier: Classifier, *, top_k: int = 1) -> None:
        self._classifier = classifier
        self._top_k = top_k

    def look(self, frame: Frame) -> Look:
        """Look at the next frame."""
        found = self._classifier.classify(frame.image)
        said = prediction_message(found, self._classifier.labels, self._top_k)
        return Look(NOBODY, NO_TRACKS, [], probabilities=found, prediction=said)


class CropPicker(Picker):
    """Finds faces, or other things, follows them, and picks which crop of whom to send, and when.

    The same frames give the same crops: nothing in here looks at a clock.

    Args:
        camera: the camera's name.
        run: tells this start of the process from others, as in `facepipe.CropKey`.
        detector: finds the faces.
        resend_seconds: one crop per person per this long.
        stills: whether each frame is a scene of its own.
        every_frame: whether the detector is to look at a scene that does not change, too.

    Raises:
        KeyFormatError: when the camera's name or the run cannot be part of a key.
    """

    def __init__(
        self,
        camera: str,
        run: str,
        detector: Detector,
        *,
        resend_seconds: float = 10.0,
        stills: bool = False,
        every_frame: bool = False,
    ) -> None:
        self._key = CropKey(camera, datetime.fromtimestamp(0, timezone.utc), run, 0, 0)
        self._detector = detector
        # Decided on, and made into crops. A look that fails leaves them to the next one.
        self._shots: list[Shot] = []
        self._ready: list[Crop] = []
        self._gate = None if stills or every_frame else MotionGate()
        if stills:  # nobody is in two of them, and everybody in one is meant
            self._tracker = FaceTracker(max_gap_seconds=0)
            self._best = BestShot(resend_seconds=resend_seconds, min_views=1)
        else:
            self._tracker = FaceTracker()
            self._best = BestShot(resend_seconds=resend_seconds)

    def look(self, frame: Frame) -> Look:
        """Look at the next frame."""
        image, time = frame.image, frame.time
        wh = (image.shape[1], image.shape[0])
        if self._is_still(image, time):
            self._shots += self._best.due(time)
            return Look(NOBODY, NO_TRACKS, self._crops(), still=True)
        try:
            found = self._detector.detect(image)
        except Exception:
            if self._gate is not None:
                self._gate.reset()
            raise
        self._shots += self._best.due(time)

        inside = box_area(clip_boxes(found.boxes, wh))
        visible = inside[inside > 0] / box_area(found.boxes)[inside > 0]
        faces = found[inside > 0].clipped(wh)
        tracks = self._tracker.update(faces, time, wh)
        labels = tuple(self._detector.label(number) for number in faces.labels.tolist())

        sides = np.sqrt(box_area(faces.boxes)).tolist()
        regions = tight = None
        for index, track in enumerate(tracks.tolist()):
            rest = (sides[index], float(faces.scores[index]), float(visible[index]))
            # What no sharpness could make the best need not be measured.
            quality, view = view_quality(math.inf, *rest), None
            if self._best.improves(track, quality):
                if regions is None or tight is None:
                    regions = crop_regions(faces, wh)
                    tight = crop_regions(faces, wh, margin=0, min_side=1, square=False)
                quality = view_quality(sharpness(cut(image, tight[index])), *rest)
                if self._best.improves(track, quality):  # a copy, so that the frame can be let go
                    view = (labels[index], cut(image, regions[index]).copy())
            self._best.offer(track, quality, time, view)
        return Look(faces, tracks, self._crops(), labels=labels)

    def _is_still(self, image: NDArray[np.uint8], time: float) -> bool:
        """Whether nobody is followed, and nothing has changed since the detector last looked."""
        if self._gate is None or len(self._tracker.active(time)):
            return False
        return not self._gate.is_due(thumbnail(image), time)

    def flush(self, time: float) -> list[Crop]:
        """What is still to be sent, now that no more frames will come."""
        self._shots += self._best.flush(time)
        return self._crops()

    def _crops(self) -> list[Crop]:
        while self._shots:
            shot = self._shots.pop(0)
            taken = datetime.fromtimestamp(shot.time, timezone.utc)
            label, view = shot.view
            key = attrs.evolve(
                self._key, captured_at=taken, track=shot.track, shot=shot.shot, label=label
            )
            crop = Crop(format_key(key), encode_jpeg(view), shot.track, shot.shot, label)
            self._ready.append(crop)
        crops, self._ready = self._ready, []
        return crops
