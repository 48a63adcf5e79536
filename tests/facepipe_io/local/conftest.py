"""What several tests of the desk look at: pictures of two people, and a table in the cloud."""

from __future__ import annotations

import pytest

pytest.importorskip("plotly", reason="local: the extra facepipe[local] is not installed")


@pytest.fixture(scope="session")
def two_portraits(portraits, tmp_path_factory):
    """A folder of two images: a quick source."""
    import cv2

    folder = tmp_path_factory.mktemp("Two Portraits")
    for name, image in portraits.items():
        cv2.imwrite(str(folder / f"{name}.png"), image)
    return folder


@pytest.fixture(scope="module")
def aws():
    """Clients of DynamoDB and S3, with a table that has facepipe's records and others."""
    import boto3
    from moto import mock_aws

    from tests.facepipe_io.local.table_data import BUCKET, ITEMS, TABLE

    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name, value in (
            ("AWS_ACCESS_KEY_ID", "k"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
        ):
            patch.setenv(name, value)
        client = boto3.client("dynamodb")
        texts = [
            {"AttributeName": n, "AttributeType": "S"} for n in ("s3key", "camera", "captured_at")
        ]
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=texts,
            KeySchema=[{"AttributeName": "s3key", "KeyType": "HASH"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-camera",
                    "KeySchema": [
                        {"AttributeName": "camera", "KeyType": "HASH"},
                        {"AttributeName": "captured_at", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        for item in ITEMS:
            client.put_item(TableName=TABLE, Item=item)
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        yield client, s3
