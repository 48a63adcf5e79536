"""Writers of the formats that facepipe reads, for round trips."""

from __future__ import annotations

from xml.sax.saxutils import escape


def classes_of(images):
    """The classes of some pictures, each once."""
    return sorted({label for image in images for label in image.labels})


def to_coco(images):
    """A document for `json.dumps`."""
    classes = classes_of(images)
    return {
        "images": [
            {"id": number, "file_name": image.name, "width": image.wh[0], "height": image.wh[1]}
            for number, image in enumerate(images)
        ],
        "annotations": [
            {
                "id": 1,
                "image_id": number,
                "category_id": classes.index(label) + 1,
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "iscrowd": 0,
            }
            for number, image in enumerate(images)
            for (x0, y0, x1, y1), label in zip(image.boxes.tolist(), image.labels)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(classes, 1)],
    }


def to_voc(image):
    """Of boxes of whole pixels."""
    objects = "".join(
        f"<object><name>{escape(label)}</name><pose>Left</pose><bndbox><xmin>{x0 + 1}</xmin>"
        f"<ymin>{y0 + 1}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>\n"
        for (x0, y0, x1, y1), label in zip(image.boxes.astype(int).tolist(), image.labels)
    )
    size = f"<size><width>{image.wh[0]}</width><height>{image.wh[1]}</height></size>"
    name = f"<filename>{escape(image.name)}</filename>"
    return f'<?xml version="1.0"?>\n<annotation>{name}{size}{objects}</annotation>\n'


def to_yolo(image, classes):
    """With more digits than trainers' tools write, so that boxes come back to a thousandth."""
    lines = []
    for (x0, y0, x1, y1), label in zip(image.boxes.tolist(), image.labels):
        numbers = ((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0)
        shares = [n / image.wh[i % 2] for i, n in enumerate(numbers)]
        lines.append(" ".join([str(classes.index(label)), *(f"{share:.8f}" for share in shares)]))
    return "\n".join(lines)
