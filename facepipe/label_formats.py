"""Labels as files hold them: COCO, Pascal VOC, YOLO, and manifests of SageMaker Ground Truth.

Each reader takes a file's text and returns `ParsedLabels`: the labelled pictures, and a sentence
for each thing in the file that could not be taken. Only a text that is none of the kind at all is
an error.
"""

from __future__ import annotations

from facepipe._coco import parse_coco
from facepipe._label_text import ParsedLabels
from facepipe._manifest import manifest_line, parse_manifest
from facepipe._voc import parse_voc
from facepipe._yolo_labels import parse_yolo, parse_yolo_classes

__all__ = [
    "ParsedLabels",
    "manifest_line",
    "parse_coco",
    "parse_manifest",
    "parse_voc",
    "parse_yolo",
    "parse_yolo_classes",
]
