"""From a camera to a chart of how a crowd feels: the pure library.

Arrays and values in, arrays and values out: no I/O, no clock, no threads. What `__all__` lists can
be taken from here; NumPy and OpenCV are imported when a name that needs them is first used.

Example:
    >>> import facepipe
    >>> found = facepipe.Detections([[100, 100, 200, 200]], scores=[0.9], labels=[1])
    >>> facepipe.crop_regions(found, (640, 480))
    array([[ 60,  60, 240, 240]])
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from facepipe._version import __version__

if TYPE_CHECKING:
    from facepipe._image_size import image_wh as image_wh
    from facepipe.attributes import FrameAttributes as FrameAttributes
    from facepipe.attributes import format_attributes as format_attributes
    from facepipe.attributes import parse_attributes as parse_attributes
    from facepipe.boxes import box_area as box_area
    from facepipe.boxes import box_iou as box_iou
    from facepipe.boxes import clip_boxes as clip_boxes
    from facepipe.boxes import expand_boxes as expand_boxes
    from facepipe.boxes import nms as nms
    from facepipe.boxes import scale_boxes as scale_boxes
    from facepipe.classification import as_probabilities as as_probabilities
    from facepipe.classification import parse_labels as parse_labels
    from facepipe.classification import prediction_message as prediction_message
    from facepipe.classification import softmax as softmax
    from facepipe.classification import top_k as top_k
    from facepipe.costs import Bill as Bill
    from facepipe.costs import PriceList as PriceList
    from facepipe.costs import Workload as Workload
    from facepipe.costs import bill as bill
    from facepipe.costs import parse_prices as parse_prices
    from facepipe.crops import crop_regions as crop_regions
    from facepipe.crops import cut as cut
    from facepipe.datasets import copy_groups as copy_groups
    from facepipe.datasets import fingerprint as fingerprint
    from facepipe.datasets import split_pictures as split_pictures
    from facepipe.detections import Detections as Detections
    from facepipe.emotions import FaceEmotions as FaceEmotions
    from facepipe.emotions import filter_emotions as filter_emotions
    from facepipe.emotions import largest_face as largest_face
    from facepipe.errors import AttributesError as AttributesError
    from facepipe.errors import CostsError as CostsError
    from facepipe.errors import EventError as EventError
    from facepipe.errors import FacepipeError as FacepipeError
    from facepipe.errors import FeedbackError as FeedbackError
    from facepipe.errors import ImageError as ImageError
    from facepipe.errors import KeyFormatError as KeyFormatError
    from facepipe.errors import LabelsError as LabelsError
    from facepipe.errors import PointerError as PointerError
    from facepipe.errors import ResponseError as ResponseError
    from facepipe.errors import ShapeError as ShapeError
    from facepipe.events import S3Object as S3Object
    from facepipe.events import iter_s3_objects as iter_s3_objects
    from facepipe.events import split_event as split_event
    from facepipe.images import as_bgr as as_bgr
    from facepipe.images import blurred as blurred
    from facepipe.images import decode_image as decode_image
    from facepipe.images import draw_faces as draw_faces
    from facepipe.images import encode_jpeg as encode_jpeg
    from facepipe.images import encode_png as encode_png
    from facepipe.images import fit_within as fit_within
    from facepipe.images import letterboxed as letterboxed
    from facepipe.images import sharpness as sharpness
    from facepipe.images import thumbnail as thumbnail
    from facepipe.keys import CropKey as CropKey
    from facepipe.keys import format_key as format_key
    from facepipe.keys import parse_key as parse_key
    from facepipe.label_formats import ParsedLabels as ParsedLabels
    from facepipe.label_formats import manifest_line as manifest_line
    from facepipe.label_formats import parse_coco as parse_coco
    from facepipe.label_formats import parse_manifest as parse_manifest
    from facepipe.label_formats import parse_voc as parse_voc
    from facepipe.label_formats import parse_yolo as parse_yolo
    from facepipe.label_formats import parse_yolo_classes as parse_yolo_classes
    from facepipe.labels import LabelledImage as LabelledImage
    from facepipe.letterbox import Letterbox as Letterbox
    from facepipe.models import ModelPointer as ModelPointer
    from facepipe.models import ModelVersion as ModelVersion
    from facepipe.models import format_pointer as format_pointer
    from facepipe.models import parse_pointer as parse_pointer
    from facepipe.models import pointer_key as pointer_key
    from facepipe.moods import EMOTION_COLOURS as EMOTION_COLOURS
    from facepipe.moods import emotion_colour as emotion_colour
    from facepipe.moods import emotion_shares as emotion_shares
    from facepipe.moods import emotion_word as emotion_word
    from facepipe.motion import MotionGate as MotionGate
    from facepipe.records import ScoredCrop as ScoredCrop
    from facepipe.records import metric_data as metric_data
    from facepipe.records import score_crop as score_crop
    from facepipe.records import seen_object as seen_object
    from facepipe.records import to_item as to_item
    from facepipe.samples import SampleKey as SampleKey
    from facepipe.samples import parse_sample_key as parse_sample_key
    from facepipe.samples import sample_key as sample_key
    from facepipe.samples import sample_record as sample_record
    from facepipe.sampling import FeedbackConfig as FeedbackConfig
    from facepipe.sampling import Strategy as Strategy
    from facepipe.sampling import entropy as entropy
    from facepipe.sampling import face_predictions as face_predictions
    from facepipe.sampling import keeps as keeps
    from facepipe.sampling import margin as margin
    from facepipe.sampling import parse_feedback as parse_feedback
    from facepipe.tracks import BestShot as BestShot
    from facepipe.tracks import FaceTracker as FaceTracker
    from facepipe.tracks import view_quality as view_quality

# Where each name is defined. It is imported when it is first asked for (PEP 562).
_HOME = {
    "AttributesError": "errors",
    "BestShot": "tracks",
    "Bill": "costs",
    "CostsError": "errors",
    "CropKey": "keys",
    "Detections": "detections",
    "EMOTION_COLOURS": "moods",
    "EventError": "errors",
    "FaceEmotions": "emotions",
    "FaceTracker": "tracks",
    "FacepipeError": "errors",
    "FeedbackConfig": "sampling",
    "FeedbackError": "errors",
    "FrameAttributes": "attributes",
    "ImageError": "errors",
    "KeyFormatError": "errors",
    "LabelledImage": "labels",
    "LabelsError": "errors",
    "Letterbox": "letterbox",
    "ModelPointer": "models",
    "ModelVersion": "models",
    "MotionGate": "motion",
    "ParsedLabels": "label_formats",
    "PointerError": "errors",
    "PriceList": "costs",
    "ResponseError": "errors",
    "S3Object": "events",
    "SampleKey": "samples",
    "ScoredCrop": "records",
    "ShapeError": "errors",
    "Strategy": "sampling",
    "Workload": "costs",
    "as_bgr": "images",
    "as_probabilities": "classification",
    "bill": "costs",
    "blurred": "images",
    "box_area": "boxes",
    "box_iou": "boxes",
    "clip_boxes": "boxes",
    "copy_groups": "datasets",
    "crop_regions": "crops",
    "cut": "crops",
    "decode_image": "images",
    "draw_faces": "images",
    "emotion_colour": "moods",
    "emotion_shares": "moods",
    "emotion_word": "moods",
    "encode_jpeg": "images",
    "encode_png": "images",
    "entropy": "sampling",
    "expand_boxes": "boxes",
    "face_predictions": "sampling",
    "filter_emotions": "emotions",
    "fingerprint": "datasets",
    "fit_within": "images",
    "format_attributes": "attributes",
    "format_key": "keys",
    "format_pointer": "models",
    "image_wh": "_image_size",
    "iter_s3_objects": "events",
    "keeps": "sampling",
    "largest_face": "emotions",
    "letterboxed": "images",
    "manifest_line": "label_formats",
    "margin": "sampling",
    "metric_data": "records",
    "nms": "boxes",
    "parse_attributes": "attributes",
    "parse_coco": "label_formats",
    "parse_feedback": "sampling",
    "parse_key": "keys",
    "parse_labels": "classification",
    "parse_manifest": "label_formats",
    "parse_pointer": "models",
    "parse_prices": "costs",
    "parse_sample_key": "samples",
    "parse_voc": "label_formats",
    "parse_yolo": "label_formats",
    "parse_yolo_classes": "label_formats",
    "pointer_key": "models",
    "prediction_message": "classification",
    "sample_key": "samples",
    "sample_record": "samples",
    "scale_boxes": "boxes",
    "score_crop": "records",
    "seen_object": "records",
    "sharpness": "images",
    "softmax": "classification",
    "split_event": "events",
    "split_pictures": "datasets",
    "thumbnail": "images",
    "to_item": "records",
    "top_k": "classification",
    "view_quality": "tracks",
}

__all__ = ["__version__", *sorted(_HOME)]


# To a type checker, any misspelt name would be there.
if not TYPE_CHECKING:  # pragma: no branch

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module 'facepipe' has no attribute {name!r}")
        value = getattr(import_module(f"facepipe.{_HOME[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return list(__all__)
