"""The closed forms of `benchmarks.fleet`, and the simulation beside them."""

from __future__ import annotations

import math
import re

import attrs
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.fleet import tables
from benchmarks.fleet.crowd import EVENING, Crops, Fault, crops, steady
from benchmarks.fleet.limits import (
    MOST_AT_ONCE,
    PLANNED,
    SPOOL_MB,
    Stack,
    crops_a_second,
    dead_letters,
    dead_letters_after,
    erlang_c,
    limits,
    outage,
    plan,
    spool_seconds,
    waiting_seconds,
)
from benchmarks.fleet.simulation import RESERVE_SECONDS, Run, scaled, simulate
from facepipe.costs import Workload
from facepipe_io.cloud.scorer import RESERVE_MS
from facepipe_io.edge.settings import DeviceSettings
from tests.conftest import ROOT

_rates = st.floats(0.01, 1000)
_stacks = st.builds(
    Stack,
    max_concurrency=st.integers(2, MOST_AT_ONCE),
    calls_a_second=st.floats(1, 10_000),
    seconds_a_crop=st.floats(0.05, 5),
)
_workloads = st.builds(
    Workload,
    cameras=st.integers(1, 100_000),
    people_per_hour=st.floats(1, 10_000),
    seconds_in_view=st.floats(0, 600),
)
_faults = st.none() | st.builds(
    Fault,
    st.sampled_from(["network", "rekognition", "scorer"]),
    start=st.floats(0, 100),
    seconds=st.floats(0, 100),
    share=st.floats(0, 1),
)
#: A stack of which everything happens within minutes.
SMALL = Stack(max_concurrency=3, calls_a_second=4, timeout_seconds=20, visibility_seconds=30)


def flow(rate: float, seconds: float, rng: np.random.Generator) -> Crops:
    """Crops as a Poisson process."""
    times = np.sort(seconds * rng.random(rng.poisson(rate * seconds)))
    return Crops(times, times)


@given(_stacks)
def test_capacity_is_what_the_narrower_of_two_lets_through(stack):
    assert stack.capacity <= stack.calls_a_second
    assert stack.capacity * stack.seconds_a_crop <= stack.max_concurrency * (1 + 1e-12)
    assert stack.capacity in (stack.calls_a_second, stack.copies_rate)


@given(st.integers(1, 200), st.floats(0.01, 0.99))
def test_erlang_c_is_a_probability_that_falls_with_servers_and_rises_with_load(servers, busy):
    load = servers * busy
    waits = erlang_c(servers, load)
    assert 0 <= waits <= 1
    assert erlang_c(servers + 1, load) <= waits
    assert erlang_c(servers, load * 0.9) <= waits


@given(st.integers(1, 12), st.floats(0.05, 0.95))
def test_erlang_c_is_the_sum_that_defines_it(servers, busy):
    load = servers * busy
    last = load**servers / math.factorial(servers) / (1 - busy)
    each = sum(load**n / math.factorial(n) for n in range(servers))
    assert erlang_c(servers, load) == pytest.approx(last / (each + last), rel=1e-9)


@given(_rates, st.integers(1, 100))
def test_at_saturation_the_wait_has_no_end(rate, servers):
    assert waiting_seconds(rate, servers, servers / rate * 1.0001) == math.inf


@given(_rates, _rates, st.floats(1, 1e5))
@example(5.0, 10.0, 600.0)
def test_while_a_backlog_drains_all_that_came_is_scored(rate, capacity, seconds):
    found = outage(rate, capacity, seconds)
    if rate >= capacity:
        assert found.drain_seconds == math.inf
    else:
        came = rate * (seconds + found.drain_seconds)
        assert capacity * found.drain_seconds == pytest.approx(came, rel=1e-6)


@given(_stacks, _rates, st.floats(0, 1e5))
def test_dead_letters_begin_after_the_last_but_one_try_and_are_never_more_than_came(
    stack, rate, seconds
):
    dead = dead_letters(rate, stack, seconds)
    assert (dead == 0) == (seconds <= dead_letters_after(stack))
    assert dead <= rate * seconds


@given(_workloads, _stacks)
def test_a_planned_fleet_is_below_every_limit_that_can_be_set(workload, stack):
    found = plan(workload, stack)
    each = found.stack(stack)
    assert 2 <= found.max_concurrency <= MOST_AT_ONCE
    assert found.stacks * each.capacity * PLANNED >= found.rate * (1 - 1e-9)
    assert found.stacks == 1 or (found.stacks - 1) * MOST_AT_ONCE < found.stacks * (
        found.max_concurrency
    )
    assert [each.cameras for each in limits(workload, stack)] == sorted(
        each.cameras for each in limits(workload, stack)
    )


@given(st.integers(1, 5000), st.integers(1, 20))
def test_made_smaller_a_fleet_is_as_busy(cameras, by):
    workload = Workload(cameras=cameras * by)
    less, stack = scaled(workload, Stack(), by)
    assert crops_a_second(less) / stack.capacity == pytest.approx(
        crops_a_second(workload) / Stack().capacity
    )


@given(st.integers(0, 2**32), st.floats(0.1, 12), _faults)
@example(0, 12.0, Fault("rekognition", 0.0, 100.0))
@example(0, 1.0, Fault("scorer", 10.0, 100.0))
def test_every_crop_is_scored_or_waits_or_is_put_aside(seed, rate, fault):
    rng = np.random.default_rng(seed)
    run = simulate(flow(rate, 150, rng), SMALL, 200.0, rng, fault=fault)
    assert np.array_equal(run.scored.astype(int) + run.dead + run.waiting, run.came.astype(int))
    assert (run.waits >= 0).all()
    # A second's calls may come at once, and each copy may have one in hand.
    assert run.scored.sum() <= SMALL.calls_a_second * (run.horizon + 1) + 1
    assert run.receives <= SMALL.receives * len(run.finished)
    assert run.backlog(np.array([run.horizon]))[0] == run.waiting.sum()


@given(st.integers(0, 2**32), st.floats(0, 1), st.floats(0.01, 1))
def test_a_spool_keeps_the_newest_and_all_that_were_not_dropped_come(seed, share, spool_mb):
    workload = Workload(cameras=3, people_per_hour=600)
    fault = Fault("network", 100.0, 300.0, share)
    every = crops(workload, steady(600, 3), np.random.default_rng(seed))
    some = crops(workload, steady(600, 3), np.random.default_rng(seed), fault, spool_mb)
    assert len(some.captured) + some.dropped == len(every.captured)
    assert (np.diff(some.queued) >= 0).all()
    assert (some.queued > some.captured).all()
    dropped = np.setdiff1d(every.captured, some.captured)
    assert all(fault.is_on(time) for time in dropped)
    room = spool_mb * 1e6 // workload.crop_bytes
    assert not len(dropped) or len(dropped) + room >= 1


def test_the_same_seed_gives_the_same_run():
    runs = [tables.busiest(Workload(), Stack(), 300.0, seed=7) for _ in range(2)]
    assert np.array_equal(runs[0].finished, runs[1].finished, equal_nan=True)
    assert not np.array_equal(
        runs[0].crops.queued, tables.busiest(Workload(), Stack(), 300.0, 8).crops.queued
    )


@pytest.mark.parametrize("busy", [0.5, 0.8])
def test_waiting_is_as_long_as_erlang_says(busy):
    """Within four standard errors, of the means of 12 runs."""
    stack = Stack(max_concurrency=5, calls_a_second=math.inf, batch_size=1, window_seconds=0)
    rate = busy * stack.capacity
    waits = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        run = simulate(flow(rate, 300, rng), stack, 400.0, rng, variation=1.0)
        waits.append(run.waits.mean() - stack.seconds_a_crop)
    error = np.std(waits, ddof=1) / math.sqrt(len(waits))
    assert abs(np.mean(waits) - waiting_seconds(rate, 5, stack.seconds_a_crop)) < 4 * error


def test_above_capacity_the_backlog_grows_by_the_difference_and_the_cap_is_used_up():
    run = tables.busiest(Workload(cameras=100), Stack(), 400.0, seed=1)
    assert run.throughput(100, 400) == pytest.approx(10, rel=0.02)
    grown = np.diff(run.backlog(np.array([100.0, 400.0])))[0] / 300
    assert grown == pytest.approx(40, rel=0.05)


def test_a_copy_too_many_for_the_quota_scores_no_more_than_the_quota():
    stack = Stack(max_concurrency=20, calls_a_second=10)
    run = tables.busiest(Workload(cameras=30), stack, 300.0, seed=1)
    assert run.throughput(100, 300) == pytest.approx(10, rel=0.03)
    assert run.throttled > 0


def test_made_smaller_a_saturated_fleet_has_the_same_backlog_for_each_camera():
    stack = Stack(max_concurrency=40, calls_a_second=math.inf)
    whole = tables.busiest(Workload(cameras=240), stack, 300.0, seed=1)
    less = tables.busiest(*scaled(Workload(cameras=240), stack, 8), 300.0, seed=1)
    backlogs = [run.backlog(np.array([300.0]))[0] for run in (whole, less)]
    assert backlogs[1] * 8 == pytest.approx(backlogs[0], rel=0.1)


@pytest.mark.parametrize(("what", "share"), tables.FAULTS.values(), ids=list(tables.FAULTS))
def test_an_outage_costs_what_the_closed_form_says(what, share):
    workload, stack = Workload(cameras=10), Stack()
    rate = crops_a_second(workload)
    form = outage(rate * share, stack.capacity - rate * (1 - share), 600.0)
    seen = tables.simulated_outage(workload, stack, what, share, seed=3, seconds=600.0)
    assert seen.backlog == pytest.approx(form.backlog, rel=0.15)
    assert seen.drain_seconds == pytest.approx(form.drain_seconds, rel=0.15)
    # A message that failed comes back after its time, and a camera looks every half minute.
    assert 590 <= seen.oldest_seconds <= 600 + stack.visibility_seconds
    assert seen.run.crops.dropped == 0
    assert not seen.run.dead.any()


def test_a_deploy_that_stays_bad_for_too_long_makes_dead_letters():
    long = dead_letters_after(Stack()) + 300
    seen = tables.simulated_outage(Workload(cameras=4), Stack(), "scorer", 1.0, 3, long)
    most = dead_letters(crops_a_second(Workload(cameras=4)), Stack(), long)
    assert most / 2 < seen.run.dead.sum() <= most * 1.1


def test_the_evening_has_the_mean_and_the_peak_of_the_bill():
    seconds = sum(each for _, each, _ in EVENING)
    assert seconds == Workload().hours * 3600
    assert sum(each * factor for _, each, factor in EVENING) == pytest.approx(seconds)
    assert max(factor for *_, factor in EVENING) == Workload().peak
    assert all(factor > 0 for *_, factor in EVENING)


def test_people_send_as_many_crops_as_the_bill_counts():
    workload = Workload(cameras=50)
    found = crops(workload, steady(3600, 1), np.random.default_rng(1))
    expected = crops_a_second(workload, busiest=False) * 3600
    assert len(found.captured) == pytest.approx(expected, rel=0.03)


def test_the_numbers_are_terraforms_and_the_settings():
    terraform = ROOT / "terraform"
    scorer = (terraform / "modules/scorer/main.tf").read_text("utf-8")
    queue = (terraform / "modules/queue/main.tf").read_text("utf-8")
    alarms = (terraform / "modules/dashboard/alarms.tf").read_text("utf-8")
    variables = (terraform / "variables-limits.tf").read_text("utf-8")

    def number(text: str, name: str) -> float:
        return float(re.search(rf"\b{name}\s*=\s*([\d.]+)", text)[1])

    stack = Stack()
    assert stack.timeout_seconds == number(scorer, "timeout_seconds")
    assert stack.window_seconds == number(scorer, "batch_window_seconds")
    assert stack.batch_size == number(scorer, "batch_size")
    assert stack.visibility_seconds == 6 * stack.timeout_seconds + stack.window_seconds
    assert stack.receives == number(queue, "maxReceiveCount")
    assert stack.retention_seconds == number(queue, "message_retention_seconds") * 86400
    age = alarms[alarms.index("queue-age") :]
    assert stack.alarm_seconds == number(age, "threshold")
    most = variables[variables.index('variable "max_concurrency"') :]
    assert stack.max_concurrency == number(most, "default") == Workload().max_concurrency
    assert number(most.replace("<=", "="), "max_concurrency") == MOST_AT_ONCE
    assert attrs.fields(DeviceSettings).spool_mb.default == SPOOL_MB
    assert RESERVE_SECONDS * 1000 == RESERVE_MS


def test_a_camera_offline_for_longer_than_its_spool_lasts_drops_crops():
    workload = Workload(cameras=1)
    spool_mb = 2.0
    lasts = spool_seconds(workload, spool_mb)
    for seconds, drops in ((0.7 * lasts, False), (1.5 * lasts, True)):
        found = crops(
            workload,
            steady(2 * lasts, workload.peak),
            np.random.default_rng(1),
            Fault("network", 0.0, seconds),
            spool_mb,
        )
        assert (found.dropped > 0) == drops


def test_the_documented_tables_are_what_the_command_prints():
    text = (ROOT / "docs" / "scaling.md").read_text("utf-8")
    for table in (tables.thresholds_table, tables.limits_table, tables.plan_table):
        assert table(Workload(), Stack()) in text


def test_of_no_crops_nothing_becomes():
    rng = np.random.default_rng(0)
    run: Run = simulate(Crops(np.empty(0), np.empty(0)), Stack(), 100.0, rng)
    assert run.runs == run.receives == 0
    assert run.oldest_seconds(np.array([50.0])).tolist() == [0.0]
