"""Records out of the cloud's table, which is DynamoDB's."""

from __future__ import annotations

import math
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Callable, Iterator, Mapping

from facepipe.errors import KeyFormatError
from facepipe.keys import parse_key
from facepipe.records import ScoredCrop, from_item
from facepipe.times import iso_millis
from facepipe_io.errors import StoreError
from facepipe_io.local.aws import aws_reason
from facepipe_io.local.gather import Gathered, nothing, records_of, run_of
from facepipe_io.local.selection import Selection

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

#: The table's index by camera and time.
INDEX = "by-camera"

# Rekognition's types are in capitals; anything else is another program's attribute.
_EMOTION = re.compile(r"[A-Z][A-Z0-9_]{0,63}\Z")
_EVER = datetime(1, 1, 1, tzinfo=timezone.utc)
_FOR_EVER = datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=timezone.utc)

_HINTS = {
    "AccessDeniedException": "it takes dynamodb:Scan on the table, or with --camera dynamodb:Query "
    f"on its index {INDEX}",
    "ResourceNotFoundException": "check its name, which `terraform output -raw table` tells, and "
    "the region, AWS_DEFAULT_REGION",
    "ValidationException": f"it must be a table of facepipe's, with the index {INDEX}",
}


def read_table(
    client: DynamoDBClient,
    table: str,
    selection: Selection,
    on_page: Callable[[int], None] | None = None,
) -> Gathered:
    """Everything in a table that a selection asks for.

    With cameras in the selection their records alone are read, by the index; else it is the whole
    table. Of a person the crop whose emotion is clearest is the one to show.

    Args:
        client: boto3's.
        table: its name.
        selection: which crops.
        on_page: called now and then with the number of records read so far.

    Raises:
        StoreError: if it cannot be read, or has nothing that is asked for.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    read = skipped = 0
    groups: dict[tuple[str, str], dict[str, ScoredCrop]] = {}
    try:
        for items in _pages(client, table, selection):
            for item in items:
                crop = crop_of_item(item)
                if crop is None:
                    skipped += 1
                elif selection.keeps(crop):
                    run_id = run_of(crop)
                    if not selection.runs or run_id in selection.runs:
                        # By key: a record that is written anew while pages are read comes twice.
                        groups.setdefault((run_id, crop.camera), {})[crop.key] = crop
            read += len(items)
            if on_page is not None:
                on_page(read)
    except (BotoCoreError, ClientError) as error:
        reason = aws_reason(error, _HINTS, "try again, or check the network and AWS_ENDPOINT_URL")
        raise StoreError(f"the table {table}", reason) from error
    if not groups:
        reason = nothing(selection, ())
        if skipped:
            reason += f"; of its records {skipped:,} are none that facepipe can read"
        raise StoreError(f"the table {table}", reason)
    records = [
        records_of(camera, run_id, crops.values(), clarity)
        for (run_id, camera), crops in groups.items()
    ]
    records.sort(key=lambda each: (each.crops[0].captured_at, each.camera, each.run_id))
    return Gathered(f"table {table}", tuple(records), skipped=skipped)


def crop_of_item(item: Mapping[str, Any]) -> ScoredCrop | None:
    """The crop that an item of the table is about.

    Args:
        item: in DynamoDB's own notation.

    Returns:
        None if it is no record of facepipe's, or one that does not fit together.

    Example:
        >>> stem = "faces/hall/2026/11/20/12/20261120T120000000Z-4f9c-7-0"
        >>> item = {"s3key": {"S": stem + ".jpg"}, "camera": {"S": "hall"},
        ...         "captured_at": {"S": "2026-11-20T12:00:00.000Z"}, "dominant": {"S": "CALM"},
        ...         "face_count": {"N": "1"}, "CALM": {"N": "81.5"}}
        >>> crop_of_item(item).emotions.dominant
        'CALM'
        >>> crop_of_item({**item, "CALM": {"N": "815"}}) is None
        True
    """
    try:
        crop = from_item(item)
        dominant = item["dominant"]["S"] if crop.is_face else ""
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return None
    texts = (crop.key, crop.camera, dominant if crop.is_face else crop.label)
    if not all(isinstance(text, str) and text for text in texts):
        return None
    try:
        key = parse_key(crop.key)
    except KeyFormatError:
        if not crop.is_face:  # an object is known by its key alone
            return None
    else:
        stated = (key.camera, key.captured_at, key.label)
        if stated != (crop.camera, crop.captured_at, crop.label):
            return None
    scores = crop.emotions.scores
    if crop.is_face and (dominant not in scores or crop.face_count < 1):
        return None
    good = (
        _EMOTION.match(name) and math.isfinite(value) and 0 <= value <= 100
        for name, value in scores.items()
    )
    return crop if all(good) else None


def clarity(crop: ScoredCrop) -> float:
    """How clear a crop's emotion is, 0 to 100: what its file's size is, the table does not say."""
    return max(crop.emotions.scores.values(), default=0.0)


def _pages(
    client: DynamoDBClient, table: str, selection: Selection
) -> Iterator[list[dict[str, Any]]]:
    # No projection: all of an item is needed, and an emotion may have any name.
    start = iso_millis(selection.since or _EVER)
    end = iso_millis(selection.until or _FOR_EVER)
    between = {":since": {"S": start}, ":until": {"S": end}}
    asked: dict[str, Any] = {"TableName": table}
    if not selection.cameras:
        if selection.since or selection.until:
            asked["FilterExpression"] = "captured_at BETWEEN :since AND :until"
            asked["ExpressionAttributeValues"] = between
        for page in client.get_paginator("scan").paginate(**asked):
            yield page["Items"]
        return
    asked["IndexName"] = INDEX
    asked["KeyConditionExpression"] = "camera = :camera AND captured_at BETWEEN :since AND :until"
    for camera in selection.cameras:
        asked["ExpressionAttributeValues"] = {":camera": {"S": camera}, **between}
        for page in client.get_paginator("query").paginate(**asked):
            yield page["Items"]
