"""Records of crops in DynamoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from facepipe.records import ScoredCrop, from_item, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@attrs.frozen
class RecordTable:
    """The table of records, hash key `s3key`.

    Attributes:
        client: boto3's DynamoDB client.
        table: the table's name.
    """

    client: DynamoDBClient
    table: str

    def put(self, scored: ScoredCrop, expires_at: int) -> None:
        """Keep a record; one of the same crop is replaced.

        Args:
            scored: an object's crop, or a face's with at least one emotion.
            expires_at: epoch seconds after which DynamoDB deletes it.

        Raises:
            ClientError, BotoCoreError: when DynamoDB did not take it.
        """
        self.client.put_item(TableName=self.table, Item=to_item(scored, expires_at))

    def get(self, key: str) -> ScoredCrop | None:
        """The record of a crop; None when there is none, or none that facepipe made.

        Raises:
            ClientError, BotoCoreError: when DynamoDB did not answer.
        """
        response = self.client.get_item(
            TableName=self.table, Key={"s3key": {"S": key}}, ConsistentRead=True
        )
        item = response.get("Item")
        try:
            return from_item(item) if item else None  # type: ignore[arg-type]
        except (KeyError, ValueError):  # an older program's record: scored anew and replaced
            return None
