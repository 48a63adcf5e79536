"""The edge loop of the workshop that facepipe comes from, restated, for comparison.

For each face of each frame it makes a client of S3, encodes two JPEGs, sends three messages, and
puts the crop under a name that tells the second. It follows nobody, so that each person is sent as
often as there are frames, and all but the last frame's crops of a second are overwritten.

Where there is a choice, the loop is given the better part:

- A face at the edge of the frame ended the original for good. Here it is cut off at the edge.
- Both JPEGs are of the crop, none of the whole frame.
- Names tell the time of the frame and the face's place in it, as if the loop kept up with the
  camera; by the clock of a slow device more of them would be the same.
- A new client is told where S3 is and who asks, and so searches for neither.
- A message does not wait for an answer.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Callable, Iterable

from facepipe.images import encode_jpeg

if TYPE_CHECKING:
    from facepipe_io.edge.bus import Bus
    from facepipe_io.edge.cameras import Frame
    from facepipe_io.edge.detectors.base import Detector

PADDING = 25  # pixels around a face


def run(
    camera: str,
    frames: Iterable[Frame],
    detector: Detector,
    make_client: Callable[[], Any],
    bus: Bus,
) -> int:
    """Look at every frame, and put each face that is seen; how many there were."""
    topic = bus.infer_topic(camera)
    faces = 0
    for frame in frames:
        image = frame.image
        height, width = image.shape[:2]
        taken = datetime.fromtimestamp(frame.time, timezone.utc)
        for number, box in enumerate(detector.detect(image).boxes.round().astype(int).tolist()):
            faces += 1
            x0, y0 = (max(0, side - PADDING) for side in box[:2])
            x1, y1 = min(width, box[2] + PADDING), min(height, box[3] + PADDING)
            crop = image[y0:y1, x0:x1]
            bus.publish(topic, {"box": box})
            encode_jpeg(crop)
            jpeg = encode_jpeg(crop)
            key = f"faces/{taken:%m_%d/%H_%M/%S}_{number}.jpg"
            bus.publish(topic, {"put": key})
            answer = make_client().put_object(Bucket="crops", Key=key, Body=jpeg)
            bus.publish(topic, {"status": answer["ResponseMetadata"]["HTTPStatusCode"]})
    return faces
