"""Pictures that are unlike each other, and labels for them."""

from __future__ import annotations

import json

import cv2
import numpy as np


def noise(numbers, label="can"):
    """A patchwork for each number, with one box."""
    return {f"{number}.png": (patchwork(number), [(10, 10, 70, 60, label)]) for number in numbers}


def patchwork(number):
    patches = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(patches, (160, 120), interpolation=cv2.INTER_NEAREST)


def mixed():
    """Twenty-two pictures of several formats: a can in each, and a bottle in every other."""
    suffixes = (".png", ".jpg", ".webp", ".bmp")
    things = {}
    for number in range(22):
        boxes = [(10, 10, 70, 60, "can")]
        boxes += [(80, 20, 120, 110, "soda bottle")] if number % 2 else []
        things[f"{number}{suffixes[number % 4]}"] = (patchwork(number), boxes)
    return things


def write_pictures(folder, things=None):
    """Write pictures, or the bytes of some, and COCO's labels beside them."""
    things = mixed() if things is None else things
    folder.mkdir(exist_ok=True)
    sizes = {}
    for name, (picture, _) in things.items():
        if isinstance(picture, bytes):
            (folder / name).write_bytes(picture)
            picture = cv2.imread(str(folder / name))
        else:
            cv2.imwrite(str(folder / name), picture)
        sizes[name] = picture.shape[1], picture.shape[0]
    document = coco({name: boxes for name, (_, boxes) in things.items()}, sizes)
    (folder / "labels.json").write_text(json.dumps(document))
    return folder


def coco(boxes, sizes):
    """COCO's document for boxes by picture."""
    labels = sorted({box[4] for those in boxes.values() for box in those})
    return {
        "images": [
            {"id": number, "file_name": name, "width": sizes[name][0], "height": sizes[name][1]}
            for number, name in enumerate(boxes)
        ],
        "annotations": [
            {"image_id": number, "category_id": 1 + labels.index(label),
             "bbox": [x0, y0, x1 - x0, y1 - y0]}
            for number, those in enumerate(boxes.values())
            for x0, y0, x1, y1, label in those
        ],
        "categories": [{"id": 1 + at, "name": label} for at, label in enumerate(labels)],
    }  # fmt: skip
