"""Samples as the spool and the uplinks know them: a picture, and its record beside it.

    feedback/<bucket>/<key>         the picture
    feedback/<bucket>/<key>         the same with the extension json: its record

A crop is known by its key alone, which begins otherwise.
"""

from __future__ import annotations

from facepipe.errors import KeyFormatError
from facepipe.samples import RECORD, parse_sample_key

FOLDER = "feedback/"

_CONTENT_TYPES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    RECORD: "application/json",
}


def sample_name(bucket: str, key: str) -> str:
    """The name of a sample's file.

    Example:
        >>> sample_name("samples", "hall/20261120T093005250Z-4f9c-7.jpg")
        'feedback/samples/hall/20261120T093005250Z-4f9c-7.jpg'
    """
    return f"{FOLDER}{bucket}/{key}"


def record_name(name: str) -> str:
    """The name of the record that belongs to a picture."""
    return f"{name.rpartition('.')[0]}.{RECORD}"


def is_sample(name: str) -> bool:
    """Whether a name, which is of facepipe's, is a sample's and no crop's."""
    return name.startswith(FOLDER)


def bucket_and_key(name: str) -> tuple[str, str]:
    """The bucket and the key of a sample's file, by its name."""
    bucket, _, key = name[len(FOLDER) :].partition("/")
    return bucket, key


def content_type(name: str) -> str:
    """The content type of a sample's file, by its name."""
    return _CONTENT_TYPES[name.rpartition(".")[2]]


def is_sample_name(name: str) -> bool:
    """Whether a file of any name is a sample's.

    Example:
        >>> is_sample_name("feedback/samples/hall/20261120T093005250Z-4f9c-7.json")
        True
        >>> is_sample_name("feedback/samples/notes.json")
        False
    """
    bucket, key = bucket_and_key(name)
    try:
        parse_sample_key(key)
    except KeyFormatError:
        return False
    return is_sample(name) and bool(bucket)
