"""What `import facepipe` offers, and what it costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import attr
import attrs
import numpy
import pytest

import facepipe

PUBLIC = [
    "AttributesError", "BestShot", "Bill", "CostsError", "CropKey", "Detections",
    "EMOTION_COLOURS", "EventError", "FaceEmotions", "FaceTracker", "FacepipeError",
    "FeedbackConfig", "FeedbackError", "FrameAttributes", "ImageError", "KeyFormatError",
    "LabelledImage", "LabelsError", "Letterbox", "ModelPointer", "ModelVersion", "MotionGate",
    "ParsedLabels", "PointerError", "PriceList", "ResponseError", "S3Object", "SampleKey",
    "ScoredCrop", "ShapeError", "Strategy", "Workload", "__version__", "as_bgr",
    "as_probabilities", "bill", "blurred", "box_area", "box_iou", "clip_boxes", "copy_groups",
    "crop_regions", "cut", "decode_image", "draw_faces", "emotion_colour", "emotion_shares",
    "emotion_word", "encode_jpeg", "encode_png", "entropy", "expand_boxes", "face_predictions",
    "filter_emotions", "fingerprint", "fit_within", "format_attributes", "format_key",
    "format_pointer", "image_wh", "iter_s3_objects", "keeps", "largest_face", "letterboxed",
    "manifest_line", "margin", "metric_data", "nms", "parse_attributes", "parse_coco",
    "parse_feedback", "parse_key", "parse_labels", "parse_manifest", "parse_pointer",
    "parse_prices", "parse_sample_key", "parse_voc", "parse_yolo", "parse_yolo_classes",
    "pointer_key", "prediction_message", "sample_key", "sample_record", "scale_boxes",
    "score_crop", "seen_object", "sharpness", "softmax", "split_event", "split_pictures",
    "thumbnail", "to_item", "top_k", "view_quality",
]  # fmt: skip


def modules_after(statement: str) -> set:
    """Names of the modules that a fresh interpreter holds after a statement."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_public_names_are_these():
    assert sorted(facepipe.__all__) == sorted(PUBLIC)
    assert dir(facepipe) == sorted(facepipe.__all__)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there(name):
    assert getattr(facepipe, name) is getattr(facepipe, name)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = facepipe.nothing


def test_importing_facepipe_imports_neither_numpy_nor_opencv():
    assert not {"numpy", "cv2"} & modules_after("import facepipe")


def test_what_the_cloud_function_needs_imports_neither_numpy_nor_opencv():
    names = "import facepipe.events, facepipe.keys, facepipe.emotions, facepipe.records"
    assert not {"numpy", "cv2", "boto3"} & modules_after(names)


def test_only_images_needs_opencv():
    names = "facepipe.boxes, facepipe.detections, facepipe.crops, facepipe.tracks"
    assert "cv2" not in modules_after(f"import {names}")
    assert "cv2" not in modules_after("from facepipe import image_wh")


def test_nothing_is_needed_but_attrs_and_numpy(tmp_path):
    for package in (attr, attrs, numpy, facepipe):
        home = Path(package.__file__).parent
        (tmp_path / home.name).symlink_to(home)
    libraries = Path(numpy.__file__).parent.with_name("numpy.libs")
    if libraries.exists():
        (tmp_path / libraries.name).symlink_to(libraries)
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import facepipe
for name in facepipe.__all__:
    try:
        getattr(facepipe, name)
    except ImportError as error:
        print(name, error)
"""
    python = [sys.executable, "-I", "-S", "-c", code]  # -S: none of what is installed
    lines = subprocess.run(python, capture_output=True, text=True, check=True).stdout.splitlines()
    images = sorted(name for name, home in facepipe._HOME.items() if home == "images")
    assert [line.split()[0] for line in lines] == images
    assert all("pip install 'facepipe[headless]'" in line for line in lines)


def test_every_lazy_name_is_declared_for_type_checkers_too():
    tree = ast.parse(Path(facepipe.__file__).read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    declared = {alias.asname for node in block.body for alias in node.names}
    assert declared == set(PUBLIC) - {"__version__"}
