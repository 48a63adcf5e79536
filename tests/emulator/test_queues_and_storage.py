from __future__ import annotations

import json

from tests.emulator.helpers import document, gap, make_queue, queue_attributes, refusal
from tests.emulator.settings import ACCOUNT

BUCKET = "deeplens-crops"
NOTIFY = {
    "Principal": {"Service": "s3.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": f"arn:aws:sqs:us-east-1:{ACCOUNT}:crops",
    "Condition": {
        "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{BUCKET}"},
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
    },
}


@gap
def test_who_may_use_a_dead_letter_queue_is_kept(aws):
    allow = {"redrivePermission": "byQueue", "sourceQueueArns": ["arn:aws:sqs:us-east-1:1:q"]}
    url, _ = make_queue(aws, "dead", RedriveAllowPolicy=allow)
    assert json.loads(queue_attributes(aws, url)["RedriveAllowPolicy"]) == allow


@gap
def test_a_policy_outlives_a_change_of_something_else(aws):
    url, _ = make_queue(aws, "crops", Policy=document(NOTIFY))
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "60"})
    assert json.loads(queue_attributes(aws, url)["Policy"]) == json.loads(document(NOTIFY))


def test_a_policy_can_be_taken_away(aws):
    url, _ = make_queue(aws, "crops", Policy=document(NOTIFY))
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert "Policy" not in queue_attributes(aws, url)


@gap
def test_what_is_read_is_written_as_it_was(aws):
    _, dead = make_queue(aws, "dead")
    text = f'{{"deadLetterTargetArn":"{dead}","maxReceiveCount":5}}'
    url, _ = make_queue(aws, "crops", RedrivePolicy=text)
    assert queue_attributes(aws, url)["RedrivePolicy"] == text


def make_bucket(aws, policy):
    aws.client("s3").create_bucket(Bucket=BUCKET)
    return make_queue(aws, "crops", **({"Policy": policy} if policy else {}))


def notify(aws, arn):
    aws.client("s3").put_bucket_notification_configuration(
        Bucket=BUCKET,
        NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]
        },
    )


def bodies(aws, url):
    answer = aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


@gap
def test_a_notification_needs_the_leave_of_the_queue(aws):
    other = {**NOTIFY, "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::other"}}}
    url, arn = make_bucket(aws, document(other))
    assert refusal(notify, aws, arn) == "InvalidArgument"
    found = aws.client("s3").get_bucket_notification_configuration(Bucket=BUCKET)
    assert "QueueConfigurations" not in found
    assert bodies(aws, url) == []


@gap
def test_a_notification_whose_leave_is_withdrawn_stops(aws):
    url, arn = make_bucket(aws, document(NOTIFY))
    notify(aws, arn)
    assert [body["Event"] for body in bodies(aws, url)] == ["s3:TestEvent"]
    s3 = aws.client("s3")
    s3.put_object(Bucket=BUCKET, Key="faces/a b.jpg", Body=b"1")
    (body,) = bodies(aws, url)
    assert body["Records"][0]["s3"]["object"]["key"] == "faces%2Fa+b.jpg"
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    s3.put_object(Bucket=BUCKET, Key="faces/b.jpg", Body=b"1")
    assert bodies(aws, url) == []


@gap
def test_topics_are_asked_too(aws):
    s3, sns = aws.client("s3"), aws.client("sns")
    s3.create_bucket(Bucket=BUCKET)
    topic = sns.create_topic(
        Name="crops",
        Attributes={
            "Policy": document(
                {
                    "Principal": {"Service": "s3.amazonaws.com"},
                    "Action": "sns:Publish",
                    "Resource": f"arn:aws:sns:us-east-1:{ACCOUNT}:crops",
                }
            )
        },
    )["TopicArn"]
    events = ["s3:ObjectCreated:*"]
    configuration = {"TopicConfigurations": [{"TopicArn": topic, "Events": events}]}
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=configuration)
    refuse = document({"Principal": "*", "Action": "sns:*", "Resource": "*", "Effect": "Deny"})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=refuse)
    code = refusal(
        s3.put_bucket_notification_configuration,
        Bucket=BUCKET,
        NotificationConfiguration=configuration,
    )
    assert code == "InvalidArgument"
