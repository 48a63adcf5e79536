"""What a fleet costs: laws of the bill, worked examples to the cent, price lists that are none."""

from __future__ import annotations

import copy
import json
import math
import pickle
import random
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe._best_shot import BestShot
from facepipe._prices import to_dollars
from facepipe.costs import (
    FRAME_MS,
    MODES,
    PRICES,
    Price,
    Workload,
    bill,
    parse_prices,
)
from facepipe.errors import CostsError

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENT = json.loads((ROOT / "facepipe_io/local/prices-us-east-1-2026-11.json").read_text("utf-8"))
LIST = parse_prices(DOCUMENT)

#: Lines that do not double with the cameras: batches get fuller, instances are whole, and what is
#: charted for all cameras is charted once.
BATCHED = {"sqs.requests", "lambda.runs", "cloudwatch.calls", "cloudwatch.logs"}
AFFINE = {"cloudwatch.metrics"}

MODES_DIFFER = {"sagemaker.instances", "sagemaker.data", "sagemaker.logs", "transfer.out"}

_RANGES = {
    "hours": (0, 24),
    "days": (0, 31),
    "people_per_hour": (0, 20_000),
    "seconds_in_view": (0, 3600),
    "resend_seconds": (0, 3600),
    "fps": (0, 60),
    "crop_bytes": (0, 1e6),
    "frame_bytes": (0, 1e7),
    "small_frame_bytes": (0, 1e6),
    "peak": (1, 20),
}
_OPTIONAL = {"crops_per_person": (0, 100), "crops_a_second": (0, 30), "moving": (0, 1)}


def figures(low, high):
    """A number in steps of 1/64, which floats have exactly and bills are quickly made of."""
    return st.integers(math.ceil(64 * low), math.floor(64 * high)).map(lambda number: number / 64)


_FIGURES = {
    **{name: figures(*ends) for name, ends in _RANGES.items()},
    **{name: st.none() | figures(*ends) for name, ends in _OPTIONAL.items()},
    "cameras": st.integers(0, 20_000),
    "mode": st.sampled_from(MODES),
}


def workloads(**fixed):
    """A workload within what a fleet may be."""
    return st.builds(Workload, **{**_FIGURES, **fixed})


_cents = st.decimals(0, 90, places=2)


@st.composite
def falling_prices(draw):
    """A price whose later tiers are cheaper."""
    ends = sorted(draw(st.sets(st.integers(1, 60), max_size=3)))
    count = len(ends) + 1
    each = sorted(draw(st.lists(_cents, min_size=count, max_size=count)), reverse=True)
    return Price(tuple(zip([*map(Decimal, ends), None], each)), "a page")


def lines(month, names=()):
    return {line.name: line for line in month.lines if not names or line.name in names}


UNIT = {"per": 1, "tiers": [{"price": 1}], "source": "a page"}
UNITS = parse_prices({**DOCUMENT, "calls_a_second": 50, "prices": dict.fromkeys(PRICES, UNIT)})

#: 100 cameras, 100 hours of each: 10,000 hours, or 36 million seconds, in which 180,000 people
#: come, half a person in view at once, and 360,000 crops are sent, one a second: two to a batch.
HUNDRED = Workload(
    cameras=100,
    hours=10.0,
    days=10.0,
    people_per_hour=18.0,
    seconds_in_view=100.0,
    crops_per_person=2.0,
    fps=10.0,
    moving=0.25,
    crop_bytes=10_000,
    small_frame_bytes=25_000,
    frame_bytes=100_000,
    mode="cloud",
    peak=4.0,
)


def test_a_bill_worked_by_hand():
    """Of a second, a quarter has 10 frames, the rest one in three: 2.75 from each camera."""
    frames = 99_000_000
    health = 600_000
    logs = (360_000 * 476 + 180_000 * 650) / 1e9
    expected = [
        ("rekognition.images", "Rekognition", "faces scored", 360_000),
        ("s3.puts", "S3", "crops put", 360_000),
        ("s3.gets", "S3", "crops read", 360_000),
        ("s3.storage", "S3", "crops kept, GB", 3.6 * 36 / 730),
        ("sqs.polls", "SQS", "empty polls", 5 * 730 * 180),
        ("sqs.requests", "SQS", "news of crops", 900_000),
        ("lambda.runs", "Lambda", "runs", 180_000),
        ("lambda.compute", "Lambda", "GB-seconds", 45_000),
        ("dynamodb.writes", "DynamoDB", "records written", 720_000),
        ("dynamodb.storage", "DynamoDB", "records kept, GB", 0.36 * 0.72 * 720 / 730),
        ("cloudwatch.metrics", "CloudWatch", "metrics", (10 * 101 + 2 * 100) * 100 / 720),
        ("cloudwatch.calls", "CloudWatch", "PutMetricData", 2 * health + 180_000),
        ("cloudwatch.logs", "CloudWatch", "log lines, GB", logs),
        ("cloudwatch.alarms", "CloudWatch", "alarms", 104),
        ("cloudwatch.dashboards", "CloudWatch", "dashboard", 1),
        ("iot.messages", "IoT Core", "messages", health + 36e6 * (1 - math.exp(-0.5))),
        ("iot.connections", "IoT Core", "minutes online", 600_000),
        ("iot.rules", "IoT Core", "rules run", health),
        ("iot.actions", "IoT Core", "rules' actions", 2 * health),
        ("sagemaker.instances", "SageMaker", "instance hours", 27 * 730),
        ("sagemaker.data", "SageMaker", "frames, GB", frames * 25_300 / 1e9),
        ("sagemaker.logs", "SageMaker", "log lines, GB", frames * 2000 / 1e9),
        ("transfer.out", "SageMaker", "answers out, GB", frames * 300 / 1e9),
    ]
    month = bill(HUNDRED, UNITS)
    assert [(each.name, each.service, each.what) for each in month.lines] == [
        row[:3] for row in expected
    ]
    for line, (*_, quantity) in zip(month.lines, expected):
        assert line.quantity == pytest.approx(quantity, rel=1e-12), line.name
        assert float(line.dollars) == pytest.approx(quantity, abs=1e-6), line.name
    assert [line.name for line in month.lines if line.fixed is not False] == [
        "sqs.polls", "cloudwatch.alarms", "cloudwatch.dashboards", "sagemaker.instances"
    ]  # fmt: skip
    assert month.workload == HUNDRED
    assert (month.people, month.crops, month.frames) == (180_000, 360_000, frames)
    assert month.bytes_up == 3.6e9 + frames * 25_000
    assert (month.peak_calls, month.quota, month.quota_cameras) == (4, 50, 1250)
    assert (month.concurrency, month.instances) == (2, 27)


def test_an_endpoint_that_cuts_crops_takes_whole_frames_and_longer_for_each():
    month = bill(attrs.evolve(HUNDRED, mode="endpoint"), UNITS)
    assert month.bytes_up == 99e6 * 100_000
    assert month.instances == 33


def test_the_busiest_hour_has_no_more_frames_than_there_are():
    month = bill(attrs.evolve(HUNDRED, moving=0.5, peak=3.0), UNITS)
    assert month.instances == 27


@pytest.mark.parametrize(("crops_each", "runs"), [(18, 324_000), (20, 360_000), (40, 720_000)])
def test_a_batch_has_ten_crops_at_the_most(crops_each, runs):
    month = bill(attrs.evolve(HUNDRED, crops_per_person=float(crops_each)), UNITS)
    assert month.line("lambda.runs").quantity == runs


def test_a_metric_is_paid_for_a_month_at_the_most():
    month = bill(attrs.evolve(HUNDRED, hours=24.0, days=31.0), UNITS)
    assert month.line("cloudwatch.metrics").quantity == 1210
    month = bill(attrs.evolve(HUNDRED, crops_per_person=0.0), UNITS)
    assert month.line("cloudwatch.metrics").quantity == pytest.approx(200 * 100 / 720)


def test_lines_of_one_price_share_its_tiers():
    document = copy.deepcopy(DOCUMENT)
    million = [{"up_to": 1_000_000, "price": 1}, {"price": 0.5}]
    document["prices"]["sqs.requests"] = {**UNIT, "tiers": million}
    month = bill(HUNDRED, parse_prices(document))
    assert month.line("sqs.polls").dollars == 657_000
    assert month.line("sqs.requests").dollars == 343_000 + 557_000 // 2


def test_each_person_costs_their_share_to_the_millionth():
    month = bill(HUNDRED, UNITS)
    assert month.dollars_per_person == (month.total / 180_000).quantize(Decimal("0.000001"))


# Prices


def test_costs_are_exact_to_the_last_digit():
    quantity = 10**40 + 1
    assert Price(((None, Decimal(1)),), "a page").cost(Decimal(quantity)) == quantity


def test_nothing_costs_nothing():
    assert to_dollars([]) == 0


@given(falling_prices(), st.integers(0, 80))
def test_tiers_cost_what_paying_unit_by_unit_costs(price, quantity):
    total = Decimal(0)
    for unit in range(quantity):
        total += next(each for up_to, each in price.tiers if up_to is None or unit < up_to)
    assert price.cost(Decimal(quantity)) == total


@given(falling_prices(), _cents, _cents)
def test_tiers_are_concave_and_never_fall(price, one, other):
    half = price.cost((one + other) / 2)
    assert half >= (price.cost(one) + price.cost(other)) / 2
    assert price.cost(one + other) <= price.cost(one) + price.cost(other)
    assert price.cost(one + other) >= price.cost(one)


# From AWS's pricing pages, of whose own examples two are here: 2.5 million images
# (Rekognition); 100,000 devices that are online for 30 days and send 325 messages a day each, of
# which 200 run a rule of one action (IoT Core). Others are what terraform/ and docs/ say of prices.
@pytest.mark.parametrize(
    ("name", "quantity", "dollars"),
    [
        ("rekognition.images", 5 * 8 * 3600 * 30, "3656.00"),
        ("rekognition.images", 5 * 8 * 3600 * 30 / 10, "432.00"),
        ("rekognition.images", 1, "0.00"),
        ("rekognition.images", 1_000, "1.00"),
        ("rekognition.images", 1_000_000, "1000.00"),
        ("rekognition.images", 1_000_010, "1000.01"),
        ("rekognition.images", 2_500_000, "2200.00"),
        ("cloudwatch.metrics", 1, "0.30"),
        ("cloudwatch.metrics", 12, "3.60"),
        ("cloudwatch.metrics", 10_000, "3000.00"),
        ("cloudwatch.metrics", 10_001, "3000.10"),
        ("cloudwatch.calls", 1_000, "0.01"),
        ("cloudwatch.dashboards", 1, "3.00"),
        ("cloudwatch.alarms", 1, "0.10"),
        ("cloudwatch.logs", 1, "0.50"),
        ("s3.storage", 20, "0.46"),
        ("s3.puts", 1_000_000, "5.00"),
        ("dynamodb.writes", 1_000_000, "0.63"),
        ("dynamodb.writes", 2_000_000, "1.25"),
        ("iot.connections", 100_000 * 60 * 24 * 30, "345.60"),
        ("iot.messages", 100_000 * 325 * 30, "975.00"),
        ("iot.rules", 100_000 * 200 * 30, "90.00"),
        ("iot.actions", 100_000 * 200 * 30, "90.00"),
        ("sagemaker.instances", 730, "83.95"),
        ("sagemaker.data", 1_000, "16.00"),
    ],
)
def test_a_worked_example_comes_out_to_the_cent(name, quantity, dollars):
    cost = LIST.prices[name].cost(Decimal(quantity))
    assert str(cost.quantize(Decimal("0.01"), ROUND_HALF_UP)) == dollars


# The bill


def test_every_face_of_every_frame_costs_what_the_facts_say():
    """5 people at one face a second each, 8 hours a day; and one per person per 10 s."""
    crowd = Workload(cameras=1, people_per_hour=5, seconds_in_view=3600, crops_a_second=1.0)
    assert crowd.people_in_view == 5
    month = bill(crowd, LIST)
    assert (month.crops, month.line("rekognition.images").dollars) == (4_320_000, 3656)
    month = bill(attrs.evolve(crowd, crops_a_second=None, resend_seconds=10.0), LIST)
    assert month.crops == 432_000 + month.people  # the first is sent at once


def test_a_day_of_a_thousand_people():
    """1,000 people a day, each for half a minute: 4,000 crops a day."""
    hall = Workload(cameras=1, people_per_hour=125, seconds_in_view=30)
    month = bill(hall, LIST)
    assert month.crops == 120_000
    assert month.line("rekognition.images").dollars == 120
    all_day = bill(attrs.evolve(hall, hours=24.0), LIST)
    assert all_day.line("cloudwatch.metrics").dollars == Decimal("6.60")
    assert all_day.line("cloudwatch.alarms").dollars == Decimal("0.50")
    assert all_day.line("cloudwatch.dashboards").dollars == 3


def test_an_endpoint_runs_all_the_time():
    month = bill(Workload(cameras=0, mode="cloud"), LIST)
    assert month.line("sagemaker.instances").dollars == Decimal("83.95")


@given(workloads())
def test_the_lines_are_all_there_is(workload):
    month = bill(workload, LIST)
    assert month.total == sum(line.dollars for line in month.lines)
    assert month.fixed == sum(line.dollars for line in month.lines if line.fixed)
    assert all(line.dollars >= 0 and line.quantity >= 0 for line in month.lines)
    assert len(lines(month)) == len(month.lines)
    assert all(month.line(name) is line for name, line in lines(month).items())


_GROWING = {**_RANGES, **_OPTIONAL, "cameras": (0, 30_000)}
del _GROWING["resend_seconds"]


@given(workloads(), st.tuples(*[st.integers(0, 64) for _ in _GROWING]))
def test_more_of_anything_never_costs_less(workload, steps):
    for step, (name, (low, high)) in zip(steps, _GROWING.items()):
        value = getattr(workload, name)
        value = low if value is None else value
        more = value + (high - value) * step / 64
        more = int(more) if name == "cameras" else more
        one = bill(attrs.evolve(workload, **{name: value}), LIST)
        other = bill(attrs.evolve(workload, **{name: more}), LIST)
        assert all(a.dollars <= b.dollars for a, b in zip(one.lines, other.lines)), name
        assert one.total <= other.total, name
        assert one.peak_calls <= other.peak_calls, name
        assert one.bytes_up <= other.bytes_up, name
        assert one.instances <= other.instances, name


@given(workloads())
def test_a_policy_twice_as_slow_never_costs_more(workload):
    slow = attrs.evolve(workload, resend_seconds=2 * workload.resend_seconds)
    assert bill(slow, LIST).total <= bill(workload, LIST).total
    assert bill(slow, LIST).peak_calls <= bill(workload, LIST).peak_calls


@given(workloads(), st.integers(2, 5))
def test_so_many_times_the_cameras_take_so_many_times_as_much(workload, times):
    one = lines(bill(workload, LIST))
    many = lines(bill(attrs.evolve(workload, cameras=times * workload.cameras), LIST))
    for name, line in one.items():
        if line.fixed or name in BATCHED:
            assert many[name].quantity <= times * line.quantity * (1 + 1e-12)
        elif name not in AFFINE:
            assert math.isclose(many[name].quantity, times * line.quantity, rel_tol=1e-12)
            flat = len(LIST.prices[name if name in PRICES else "cloudwatch.logs"].tiers) == 1
            if flat:
                off = abs(many[name].dollars - times * line.dollars)
                assert off <= Decimal("0.000001") * times


@given(workloads(), st.integers(1, 500))
def test_metrics_are_those_of_each_camera_and_of_all(workload, cameras):
    each, both, none = (
        bill(attrs.evolve(workload, cameras=number), LIST).line("cloudwatch.metrics").quantity
        for number in (cameras, 2 * cameras, 0)
    )
    assert none == 0
    of_all = 2 * each - both
    months = min(workload.hours * workload.days / 720, 1)
    assert any(math.isclose(of_all, n * months, rel_tol=1e-9, abs_tol=1e-9) for n in (0, 10))


@pytest.mark.parametrize("name", ["cameras", "hours", "days"])
@given(workload=workloads())
def test_where_no_camera_looks_only_what_is_fixed_is_paid(name, workload):
    month = bill(attrs.evolve(workload, **{name: 0}), LIST)
    assert month.total == month.fixed
    assert all(line.quantity == 0 for line in month.lines if not line.fixed)
    assert month.dollars_per_person is None
    assert {line.name for line in month.lines if line.fixed} == {
        "sqs.polls", "cloudwatch.alarms", "cloudwatch.dashboards", "sagemaker.instances"
    }  # fmt: skip


@given(workloads())
def test_the_modes_agree_on_what_is_common(workload):
    edge, cloud, endpoint = (bill(attrs.evolve(workload, mode=mode), LIST) for mode in MODES)
    for other in (cloud, endpoint):
        for name, line in lines(edge).items():
            if name in MODES_DIFFER:
                assert (line.quantity, line.dollars) == (0, 0)
            else:
                assert lines(other)[name] == line
        same = ("people", "crops", "peak_calls", "quota_cameras", "concurrency")
        assert all(getattr(other, name) == getattr(edge, name) for name in same)
    assert (edge.frames, edge.instances) == (0, 0)
    assert cloud.frames == endpoint.frames
    if workload.small_frame_bytes <= workload.frame_bytes:
        assert lines(cloud)["sagemaker.data"].dollars <= lines(endpoint)["sagemaker.data"].dollars


@given(workloads())
def test_bytes_go_up_as_crops_from_the_device_and_as_frames_to_an_endpoint(workload):
    month = bill(workload, LIST)
    sent = 0 if workload.mode == "endpoint" else month.crops * workload.crop_bytes
    whole = {"edge": 0, "cloud": workload.small_frame_bytes, "endpoint": workload.frame_bytes}
    sent += month.frames * min(whole[workload.mode], workload.frame_bytes)
    assert math.isclose(month.bytes_up, sent, rel_tol=1e-9)


@given(workloads())
def test_the_quota_is_kept_by_as_many_cameras_as_it_says(workload):
    month = bill(workload, LIST)
    most = month.quota_cameras
    if most is None:
        assert month.peak_calls == 0
    elif most < 1_000_000:
        assert bill(attrs.evolve(workload, cameras=most), LIST).peak_calls <= month.quota
        assert bill(attrs.evolve(workload, cameras=most + 1), LIST).peak_calls >= month.quota


@given(workloads())
def test_each_person_costs_their_share(workload):
    month = bill(workload, LIST)
    if month.people:
        shared = float(month.dollars_per_person) * month.people
        assert shared == pytest.approx(float(month.total), rel=1e-9, abs=month.people * 1e-6)


@given(workloads(mode=st.just("cloud")))
def test_the_instances_keep_up_with_the_frames(workload):
    month = bill(workload, LIST)
    busiest = workload.cameras * workload.fps * min(workload.busy * workload.peak, 1)
    needed = busiest * FRAME_MS["cloud"] / 1000
    assert month.instances >= needed * (1 - 1e-9)
    assert month.instances == 1 or month.instances - 1 <= needed * (1 + 1e-9)


# The workload


@given(st.floats(0, 200), st.floats(0, 60), st.integers(2, 30))
def test_no_policy_sends_more_crops_than_are_counted(seconds, resend, fps):
    """The device's own chooser, over somebody who is in view all the time."""
    best = BestShot(resend_seconds=resend)
    frames = min(int(seconds * fps), 150)
    sent = 0
    for frame in range(frames + 1):
        sent += len(best.due(frame / fps))
        best.offer(1, random.Random(frame).random(), frame / fps, "view")
    sent += len(best.flush(frames / fps))
    assert sent <= Workload(seconds_in_view=frames / fps, resend_seconds=resend).crops_each


def test_how_often_somebody_is_in_view_agrees_with_a_simulation():
    """300 people in an hour, who come when they like and stay from 2 to 18 seconds."""
    dice = random.Random(7)
    watched = 0.0
    until, hours = 0.0, 60
    stays = sorted((dice.uniform(0, 3600 * hours), dice.uniform(2, 18)) for _ in range(300 * hours))
    for start, stay in stays:
        watched += max(0.0, start + stay - max(start, until))
        until = max(until, start + stay)
    share = Workload(people_per_hour=300, seconds_in_view=10).watched
    assert watched / (3600 * hours) == pytest.approx(share, abs=0.02)


@given(workloads())
def test_an_endpoint_is_sent_some_frames_of_a_still_scene_and_never_more_than_there_are(workload):
    sent = workload.frames_a_second
    if workload.mode == "edge":
        assert sent == 0
    else:
        assert min(1 / 3, workload.fps) - 1e-9 <= sent <= workload.fps


def test_an_endpoint_is_asked_while_somebody_is_in_view_and_a_while_longer():
    seen = Workload(mode="cloud", people_per_hour=1800.0, seconds_in_view=2.5, fps=10.0)
    assert seen.busy == pytest.approx(1 - math.exp(-2))
    assert float(seen.frames_a_second) == pytest.approx(10 * seen.busy + (1 - seen.busy) / 3)
    slow = attrs.evolve(seen, fps=0.25)
    assert slow.frames_a_second == Decimal("0.25")


def test_what_is_sent_of_a_frame():
    workloads = [Workload(mode=mode, frame_bytes=9.0) for mode in MODES]
    assert [workload.sent_frame_bytes for workload in workloads] == [0, 9, 9]
    assert Workload(mode="cloud", small_frame_bytes=4.0).sent_frame_bytes == 4


def test_crops_are_no_closer_together_than_they_are_chosen():
    always = Workload(seconds_in_view=7.0, resend_seconds=0.0)
    assert always.crops_each == 11
    assert attrs.evolve(always, resend_seconds=3.5).crops_each == 3


def test_the_defaults_are_what_was_measured_and_what_the_settings_are():
    assert attrs.asdict(Workload()) == {
        "cameras": 10,
        "hours": 8,
        "days": 30,
        "people_per_hour": 300,
        "seconds_in_view": 10,
        "resend_seconds": 10,
        "crops_per_person": None,
        "crops_a_second": None,
        "fps": 15,
        "moving": None,
        "crop_bytes": 13_400,
        "frame_bytes": 107_800,
        "small_frame_bytes": 25_200,
        "mode": "edge",
        "peak": 3,
        "max_concurrency": 5,
    }


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("cameras", 0, 1_000_000),
        ("hours", 0, 24),
        ("days", 0, 31),
        ("people_per_hour", 0, 1_000_000),
        ("seconds_in_view", 0, 86400),
        ("resend_seconds", 0, 1_000_000_000),
        ("crops_per_person", 0, 1_000_000),
        ("crops_a_second", 0, 1000),
        ("fps", 0, 1000),
        ("moving", 0, 1),
        ("crop_bytes", 0, 15_000_000),
        ("frame_bytes", 0, 100_000_000),
        ("small_frame_bytes", 0, 100_000_000),
        ("peak", 1, 1000),
        ("max_concurrency", 2, 1000),
    ],
)
def test_the_ends_of_a_range_belong_to_it_and_nothing_beyond(name, low, high):
    for end in (low, high):
        assert getattr(Workload(**{name: end}), name) == end
    for beyond in (low - 1, high + 1, str(low)):
        with pytest.raises(CostsError, match=f"^{name} must be"):
            Workload(**{name: beyond})


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("cameras", -1, "a whole number from 0 to 1,000,000, not -1"),
        ("cameras", 1.5, "a whole number from 0 to 1,000,000, not 1.5"),
        ("cameras", True, "a whole number from 0 to 1,000,000, not True"),
        ("hours", 25, "a number from 0 to 24, not 25"),
        ("hours", math.nan, "a number from 0 to 24, not nan"),
        ("days", None, "a number from 0 to 31, not None"),
        ("people_per_hour", math.inf, "a number from 0 to 1e+06, not inf"),
        ("seconds_in_view", "9", "a number from 0 to 86400, not 9"),
        ("moving", 1.1, "a number from 0 to 1, not 1.1"),
        ("peak", 0.5, "a number from 1 to 1000, not 0.5"),
        ("max_concurrency", 1, "a whole number from 2 to 1,000, not 1"),
        ("mode", "moon", "one of edge, cloud, endpoint, not moon"),
    ],
)
def test_a_workload_that_cannot_be_is_refused_in_one_sentence(name, value, reason):
    with pytest.raises(CostsError) as caught:
        Workload(**{name: value})
    assert str(caught.value) == f"{name} must be {reason}"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


# Price lists


def changed(path, value):
    """The shipped price list with one thing in it replaced, or left out where it is `...`."""
    document = copy.deepcopy(DOCUMENT)
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return document


def test_a_price_list_says_when_and_where_and_by_which_page():
    found = parse_prices(DOCUMENT)
    assert (found.date, found.region, found.currency) == ("2026-11", "us-east-1", "USD")
    assert (found.instance, found.calls_a_second) == ("ml.m5.large", 50)
    assert list(found.prices) == list(PRICES)
    pages = [price.source for price in found.prices.values()]
    assert all(page.startswith("https://aws.amazon.com/") for page in pages)
    assert "35 million" in found.prices["rekognition.images"].unconfirmed


def test_a_price_list_is_shown_without_its_prices():
    assert "prices=" not in repr(LIST)
    assert "region='us-east-1'" in repr(LIST)


def test_where_all_was_found_nothing_is_unconfirmed():
    assert parse_prices(DOCUMENT).prices["s3.puts"].unconfirmed == ""
    assert Price(((None, Decimal(1)),), "a page").unconfirmed == ""


@pytest.mark.parametrize("number", [1e-12, 0.5, 1, 10**18 - 1])
def test_a_price_may_be_for_any_number_of_units(number):
    price = parse_prices(changed(["prices", "s3.puts", "per"], number)).prices["s3.puts"]
    assert price.cost(Decimal(str(number))) == LIST.prices["s3.puts"].cost(Decimal(1000))


def test_a_quota_and_the_end_of_a_tier_may_be_less_than_one():
    assert parse_prices(changed(["calls_a_second"], 0.5)).calls_a_second == 0.5
    tiers = [{"up_to": 0.25, "price": 8}, {"price": 4}]
    price = parse_prices(changed(["prices", "s3.gets"], {**UNIT, "tiers": tiers}))
    assert price.prices["s3.gets"].cost(Decimal(1)) == 5


def test_prices_are_as_they_are_written():
    assert LIST.prices["lambda.compute"].tiers == ((None, Decimal("0.0000133334")),)
    assert LIST.prices["sqs.requests"].tiers == ((None, Decimal("0.0000004")),)


def test_a_free_tier_may_be_the_first():
    free = [{"up_to": 10, "price": 0}, {"price": 0.3}]
    price = parse_prices(changed(["prices", "cloudwatch.metrics", "tiers"], free))
    assert price.prices["cloudwatch.metrics"].cost(Decimal(11)) == Decimal("0.3")


_TIERS = ["prices", "rekognition.images", "tiers"]


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (["date"], "November", "the price list's `date` must be a month such as 2026-11, not 'No"),
        (["date"], ..., "the price list lacks `date`"),
        (["region"], "", "the price list's `region` must be a text of one line"),
        (["currency"], "US\nD", "the price list's `currency` must be a text of one line"),
        (["calls_a_second"], 0, "`calls_a_second` must be a number greater than 0, not 0"),
        (["prices"], [], "`prices` must be an object with names and values"),
        (["prices", "s3.puts"], ..., "`prices` lacks `s3.puts`"),
        (["prices", "s3.moon"], {}, "`prices` has 's3.moon', which means nothing here"),
        (["prices", "s3.puts", "each"], 1, "the price s3.puts has 'each', which means nothing"),
        (["prices", "s3.puts", "source"], ..., "the price s3.puts lacks `source`"),
        (["prices", "s3.puts", "unconfirmed"], 7, "price s3.puts's `unconfirmed` must be a text"),
        (["prices", "s3.puts", "source"], " ", "price s3.puts's `source` must be a text of one li"),
        (["prices", "s3.puts", "per"], True, "`per` must be a number greater than 0, not True"),
        (["prices", "s3.puts", "per"], 10**18, "`per` must be a number greater than 0, not 10000"),
        (
            ["prices", "s3.puts", "per"],
            5e-324,
            "`per` must be no less than 1E-12, not 5e-324",
        ),
        (_TIERS, [], "the price rekognition.images's `tiers` must be a list of at least one tier"),
        (_TIERS, {}, "must be a list of at least one tier"),
        (
            [*_TIERS, 2, "price"],
            "1",
            "tier 3 of the price rekognition.images: `price` must be a nu",
        ),
        ([*_TIERS, 0, "price"], -1, "`price` must be a number of 0 or more, not -1"),
        ([*_TIERS, 0, "price"], math.nan, "`price` must be a number of 0 or more, not nan"),
        ([*_TIERS, 0, "up_to"], ..., "tier 1 of the price rekognition.images lacks `up_to`"),
        ([*_TIERS, 1, "up_to"], 10**6, "`up_to` must be a number greater than 1e+06, not 1000000"),
        ([*_TIERS, 2, "up_to"], 10**9, "has 'up_to', which means nothing here"),
    ],
)
def test_what_is_no_price_list_is_refused_in_one_sentence(path, value, reason):
    with pytest.raises(CostsError) as caught:
        parse_prices(changed(path, value))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
_places = st.sampled_from(
    [["prices"], ["date"], ["instance"], ["prices", "s3.puts"], _TIERS, [*_TIERS, 0]]
    + [["prices", "s3.puts", name] for name in ("per", "tiers", "source")]
    + [[*_TIERS, 0, name] for name in ("up_to", "price")]
)


@given(_places, _json)
def test_whatever_is_in_a_price_list_it_is_read_or_refused(path, value):
    try:
        prices = parse_prices(changed(path, value))
    except CostsError as error:
        assert "\n" not in str(error)
    else:
        assert bill(Workload(), prices).total >= 0
