"""Hypothesis strategies, valid by construction."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import attrs
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from facepipe.attributes import FrameAttributes
from facepipe.detections import Detections
from facepipe.emotions import FaceEmotions
from facepipe.keys import FACE_LABEL, CropKey, format_key
from facepipe.labels import LabelledImage
from facepipe.models import ModelPointer, ModelVersion
from facepipe.records import ScoredCrop
from facepipe.samples import SampleKey

REKOGNITION_TYPES = (
    "HAPPY", "SAD", "ANGRY", "CONFUSED", "DISGUSTED", "SURPRISED", "CALM", "FEAR", "UNKNOWN",
)  # fmt: skip


def rubbish_floats():
    """Any float64 at all: NaN, infinities, subnormals, zeros of both signs."""
    return st.floats(width=64) | st.sampled_from([0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf])


def frame_sizes(min_side=1, max_side=4096):
    """A frame's (width, height) in whole pixels."""
    side = st.integers(min_side, max_side)
    return st.tuples(side, side)


@st.composite
def boxes(draw, max_size=12, low=-5000.0, high=5000.0):
    """(N, 4) float64 boxes, none of them empty, anywhere around a frame."""
    count = draw(st.integers(0, max_size))
    coordinate = st.floats(low, high, allow_subnormal=False)
    start = draw(npst.arrays(np.float64, (count, 2), elements=coordinate))
    sides = st.floats(2.0**-10, high, allow_subnormal=False)
    return np.hstack([start, start + draw(npst.arrays(np.float64, (count, 2), elements=sides))])


@st.composite
def grid_boxes(draw, max_size=12, cells=6):
    """(N, 4) boxes on a small grid of whole numbers: full of ties, touches and equal boxes."""
    count = draw(st.integers(0, max_size))
    start = draw(npst.arrays(np.int64, (count, 2), elements=st.integers(0, cells)))
    sides = draw(npst.arrays(np.int64, (count, 2), elements=st.integers(1, cells)))
    return np.hstack([start, start + sides]).astype(np.float64)


@st.composite
def detections(draw, max_size=12, **limits):
    """Detections as a detector that works gives them."""
    found = draw(boxes(max_size=max_size, **limits))
    scores = draw(npst.arrays(np.float64, len(found), elements=st.floats(0.0, 1.0)))
    labels = draw(npst.arrays(np.int64, len(found), elements=st.integers(0, 90)))
    return Detections(found, scores, labels)


def camera_names():
    """What may name a camera: any text but slashes, control characters, and dots alone."""
    characters = st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="/\x7f")
    awkward = st.sampled_from([" ", "+", "%", "%2B", "a b", "..x", "ü", "日本", "😀", "*", "\\"])
    names = st.text(characters, min_size=1, max_size=128) | awkward
    return names.filter(lambda name: name not in (".", ".."))


#: Real time zones have summer times and odd histories, but are slow to draw.
OFFSETS = [timezone.utc, *(timezone(timedelta(minutes=m)) for m in (-840, -90, 1, 345, 840))]


def moments(zones=None):
    """Aware times at which every field of a UTC time exists."""
    zones = st.sampled_from(OFFSETS) if zones is None else zones
    return st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=zones)


@st.composite
def crop_keys(draw, cameras=None):
    """What the key of a crop says."""
    return CropKey(
        camera=draw(camera_names() if cameras is None else cameras),
        captured_at=draw(moments()),
        run=draw(st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=32)),
        track=draw(st.integers(0, 10**9)),
        shot=draw(st.integers(0, 10**9)),
        label=draw(st.just(FACE_LABEL) | object_labels()),
    )


def object_labels():
    """What a detector may call what it finds, if that is to be part of a crop's key."""
    awkward = st.sampled_from(["face", "cup", "soda bottle", "0", "-", "a-b", "x.jpg", ".", "ü"])
    characters = st.characters(blacklist_categories=["Cs", "Cc", "Cf", "Zl", "Zp"])
    names = st.text(characters, min_size=1, max_size=25)
    return awkward | names.filter(lambda name: "/" not in name)


def confidences():
    """0 to 100, integers among them, as Rekognition gives."""
    return st.floats(0, 100) | st.integers(0, 100)


def face_details():
    """One of DetectFaces' FaceDetails: unsorted emotions, known and unknown, some twice."""
    types = st.sampled_from(REKOGNITION_TYPES) | st.text(min_size=1, max_size=12)
    emotion = st.fixed_dictionaries({"Type": types, "Confidence": confidences()})
    side = st.floats(0, 1)
    return st.fixed_dictionaries(
        {
            "BoundingBox": st.fixed_dictionaries(
                {"Left": side, "Top": side, "Width": side, "Height": side}
            ),
            "Emotions": st.lists(emotion, max_size=10),
        }
    )


@st.composite
def scored_crops(draw):
    """A scored crop whose confidences have two decimals, as a record keeps them."""
    percent = st.integers(0, 10000).map(lambda value: value / 100)
    return ScoredCrop(
        key=draw(st.text(min_size=1, max_size=40)),
        camera=draw(camera_names()),
        captured_at=draw(moments()).astimezone(timezone.utc).replace(microsecond=0),
        face_count=draw(st.integers(1, 100)),
        emotions=FaceEmotions(
            draw(st.dictionaries(st.sampled_from(REKOGNITION_TYPES), percent, min_size=1))
        ),
    )


def frame_attributes():
    """What a device says of a frame; a camera's name of ASCII or short, so that it fits."""
    names = camera_names().filter(lambda name: len(name) <= 70 or name.isascii())
    return st.builds(FrameAttributes, names, moments(), stills=st.booleans(), last=st.booleans())


@st.composite
def class_probabilities(draw, max_size=12):
    """(N,) float64 shares of at least one class; they sum to 1."""
    weights = draw(st.lists(st.integers(0, 100), min_size=1, max_size=max_size))
    weights[draw(st.integers(0, len(weights) - 1))] += 1
    return np.array(weights, np.float64) / sum(weights)


@st.composite
def distributions(draw, max_size=8):
    """Probabilities of one outcome or more, which sum up to 1 as far as floats do."""
    weights = draw(st.lists(st.floats(0, 1), min_size=1, max_size=max_size).filter(any))
    return [weight / sum(weights) for weight in weights]


def sampling_strategies():
    """The connector's strategies but the random one: a name and a threshold."""
    unit = st.floats(0, 1)
    return st.one_of(
        st.tuples(st.sampled_from(["LEAST_CONFIDENCE", "MARGIN"]), unit),
        st.tuples(st.just("ENTROPY"), st.floats(0, 4)),
    )


def sample_prefixes():
    """What the keys of samples may begin with."""
    names = st.text("ab.+% ü😀", min_size=1, max_size=8).filter(lambda name: name.strip("."))
    return st.lists(names | st.sampled_from(["...", "facesheet"]), max_size=4).map("/".join)


@st.composite
def sample_keys(draw):
    """What the key of a sample says."""
    crop = draw(crop_keys(cameras=camera_names().filter(lambda name: name != "faces")))
    return SampleKey(
        prefix=draw(sample_prefixes()),
        camera=crop.camera,
        captured_at=crop.captured_at,
        run=crop.run,
        number=crop.track,
        extension=draw(st.sampled_from(["jpg", "jpeg", "png", "json"])),
    )


@st.composite
def feedback_bodies(draw):
    """One configuration of the connector's, as Python reads it, with all or few of its keys."""
    types = draw(st.sampled_from(["image/jpeg", "image/png", "image/jpeg,image/png"]))
    body = {
        "s3-bucket-name": draw(st.text("abcz09-.", min_size=3, max_size=63)),
        "content-type": types,
    }
    prefix = draw(sample_prefixes())
    if prefix:
        body["s3-prefix"] = prefix + draw(st.sampled_from(["", "/"]))
    if draw(st.booleans()):
        fits = {"image/jpeg": ["jpg", "jpeg"], "image/png": ["png"]}.get(types, ["png", "png,jpg"])
        body["file-ext"] = draw(st.sampled_from(fits))
    strategy = draw(st.none() | sampling_strategies() | st.floats(0, 1))
    if isinstance(strategy, float):
        body["sampling-strategy"] = {"strategy-name": "RANDOM_SAMPLING", "rate": strategy}
    elif strategy is not None:
        name, threshold = strategy
        body["sampling-strategy"] = {"strategy-name": name, "threshold": threshold}
    return body


def feedback_maps():
    """The connector's `FeedbackConfigurationMap`, as Python reads it."""
    ids = st.from_regex(r"\A[a-zA-Z0-9][a-zA-Z0-9-]{1,62}\Z")
    return st.dictionaries(ids, feedback_bodies(), min_size=1, max_size=4)


def class_names():
    """What may name a class: text without control characters, no blank at its ends."""
    characters = st.characters(blacklist_categories=["Cs", "Cc", "Cn", "Zl", "Zp"])
    awkward = st.sampled_from(["soda bottle", "a, b", "<a & b>", "it's", "#1", "日本", "😀", "-"])
    names = st.text(characters, min_size=1, max_size=12).map(str.strip).filter(bool)
    return names | awkward


@st.composite
def labelled_images(draw, max_size=4, max_side=2000):
    """A picture of known size and its labels, of few classes: each box whole pixels inside it."""
    wh = draw(frame_sizes(max_side=max_side))
    classes = draw(st.lists(class_names(), min_size=1, max_size=3))
    found = []
    for _ in range(draw(st.integers(0, max_size))):
        x0, y0 = (draw(st.integers(0, side - 1)) for side in wh)
        found.append((x0, y0, draw(st.integers(x0 + 1, wh[0])), draw(st.integers(y0 + 1, wh[1]))))
    labels = [draw(st.sampled_from(classes)) for _ in found]
    return LabelledImage(draw(class_names()), wh, found, labels)


@st.composite
def object_crops(draw):
    """What is kept of an object's crop."""
    label = draw(object_labels().filter(lambda label: label != FACE_LABEL))
    key = attrs.evolve(draw(crop_keys()), label=label)
    nothing = FaceEmotions({})
    return ScoredCrop(format_key(key), key.camera, key.captured_at, 0, nothing, label=label)


def model_names():
    """What a published model may be called."""
    return st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")


@st.composite
def model_versions(draw, names=None):
    """One archive of a published model; often one of few."""
    digits = st.sampled_from(["0", "a", "f"]).map(lambda digit: 64 * digit)
    return ModelVersion(
        name=draw(model_names() if names is None else names),
        sha256=draw(digits | st.binary(min_size=32, max_size=32).map(bytes.hex)),
        size=draw(st.integers(1, 2**30)),
        detector=draw(st.sampled_from(["onnx", "ssd", "yunet"])),
    )


@st.composite
def model_pointers(draw):
    """What the pointer of a published model says."""
    version = draw(model_versions())
    previous = draw(st.none() | model_versions(names=st.just(version.name)))
    if previous is not None and previous.sha256 == version.sha256:
        previous = None
    published_at = draw(st.datetimes(timezones=st.just(timezone.utc)))
    return ModelPointer(version, published_at, previous)
