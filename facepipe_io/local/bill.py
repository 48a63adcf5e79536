"""What a bill is made of and what it says: the price list's file, a run's workload, advice."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Mapping, Sequence

import attrs

from facepipe.costs import (
    FRAME_MS,
    MODES,
    Bill,
    PriceList,
    Workload,
    bill,
    parse_prices,
)
from facepipe.errors import CostsError
from facepipe_io.errors import StoreError
from facepipe_io.local.store import Run, Store

#: The price list that is used unless another one is named.
PRICES_FILE = Path(__file__).with_name("prices-us-east-1-2026-11.json")

#: How the modes are named to people.
MODE_WORDS = {
    "edge": "edge",
    "cloud": "cloud, crops on the device",
    "endpoint": "cloud, crops at the endpoint",
}

#: The most that may be set ("Configuring maximum concurrency", AWS Lambda Developer Guide).
MOST_AT_ONCE = 1000

# A copy of the function makes at most so many calls a second (Terraform's max_concurrency).
_CALLS_A_COPY = 5


def read_prices(path: Path = PRICES_FILE) -> PriceList:
    """Read a price list.

    Raises:
        StoreError: if the file is none.
    """
    try:
        return parse_prices(json.loads(path.read_text("utf-8")))
    except OSError as error:
        reason = f"{error.strerror or error}; --prices wants a copy of {PRICES_FILE}"
        raise StoreError(str(path), reason) from error
    except (ValueError, RecursionError) as error:
        reason = error.reason if isinstance(error, CostsError) else "it is no JSON"
        raise StoreError(
            str(path), f"{reason}; copy {PRICES_FILE} and change the prices in it"
        ) from error


def run_workload(folder: Path) -> tuple[Run, dict[str, Any]]:
    """What a real run says of a workload: the run begun last, and values for `Workload`.

    Args:
        folder: the run's.

    Raises:
        StoreError: if there is no such run, or too little is known of it.
    """
    with Store(folder) as store:
        runs = store.runs()
        records = store.records(runs[0].run) if runs else []
    path = str(store.path)
    if not runs:
        raise StoreError(path, f"it has no run yet; first: facepipe run SOURCE --out {folder}")
    run = runs[0]
    if not run.finished:
        raise StoreError(path, f"its run {run.run} has no figures; let one come to its end")
    if run.of_objects:
        raise StoreError(path, f"its run {run.run} looked for objects, which are not scored")
    if run.recorded_seconds <= 0:
        raise StoreError(path, f"its run {run.run} is of pictures that have no times; use a video")
    fps = (run.frames - 1) / run.recorded_seconds
    found: dict[str, Any] = {
        "fps": fps,
        "people_per_hour": run.people / run.recorded_seconds * 3600,
        "resend_seconds": run.resend_seconds,
    }
    if run.people:
        found["seconds_in_view"] = run.faces / run.people / fps
        objects = sum(not record.is_face for record in records)
        found["crops_per_person"] = (run.crops - objects) / run.people
    if run.crops:
        found["crop_bytes"] = run.bytes_sent / run.crops
    if run.frame_bytes:
        found["frame_bytes"] = run.frame_bytes
    return run, found


def with_changes(found: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """What a run says, with what was said otherwise.

    With another policy, or people who stay longer, the crops after each person's first one change
    in proportion.

    Example:
        >>> found = {"seconds_in_view": 8.0, "resend_seconds": 10.0, "crops_per_person": 1.5}
        >>> with_changes(found, {"resend_seconds": 20.0})["crops_per_person"]
        1.25
    """
    values = {**found, **changes}
    if "crops_per_person" in found:
        more = max(0.0, found["crops_per_person"] - 1)
        if values["seconds_in_view"] != found["seconds_in_view"]:
            more *= values["seconds_in_view"] / found["seconds_in_view"]
        if values["resend_seconds"] != found["resend_seconds"]:
            # No crops are closer together than BestShot's window is long.
            more *= max(found["resend_seconds"], 0.7) / max(values["resend_seconds"], 0.7)
        values["crops_per_person"] = min(found["crops_per_person"], 1.0) + more
    return values


def as_json(bills: Sequence[Bill], prices: PriceList) -> dict[str, Any]:
    """Bills of one fleet, as plain values."""
    workload = attrs.asdict(bills[0].workload)
    del workload["mode"]
    return {
        "workload": workload,
        "prices": attrs.asdict(prices, filter=lambda field, _: field.name != "prices"),
        "modes": {each.workload.mode: _bill_json(each) for each in bills},
        "advice": advice(bills, prices),
    }


def _bill_json(each: Bill) -> dict[str, Any]:
    figures = attrs.asdict(each, recurse=False, filter=lambda field, _: field.name != "workload")
    person = each.dollars_per_person
    return {
        "dollars": float(each.total),
        "fixed_dollars": float(each.fixed),
        "dollars_per_person": None if person is None else float(person),
        **figures,
        "lines": [{**attrs.asdict(line), "dollars": float(line.dollars)} for line in each.lines],
    }


def advice(bills: Sequence[Bill], prices: PriceList) -> list[str]:
    """What is too much for a limit and what to do, one sentence or two each; often nothing.

    Args:
        bills: of one fleet, in different modes.
        prices: that they were made with.
    """
    one, said = bills[0], []
    w = one.workload
    if one.peak_calls > one.quota:
        said.append(
            f"The busiest hour asks Rekognition {one.peak_calls:,.1f} times a second, and its "
            f"quota in {prices.region} is {one.quota:g}: have it raised (Service Quotas), spread "
            "the cameras over several regions, or raise FACEPIPE_RESEND_SECONDS, which is "
            f"{w.resend_seconds:g} here."
        )
    if one.concurrency > w.max_concurrency:
        needed = min(math.ceil(one.concurrency), MOST_AT_ONCE)
        quota = needed * _CALLS_A_COPY
        before = "" if quota <= one.quota else f", with a quota of {quota:,} calls a second"
        said.append(
            f"In the busiest hour {one.concurrency:,.1f} crops have to be scored at once, and "
            f"max_concurrency is {w.max_concurrency}: the rest waits in the queue. Set it to "
            f"{needed:,}{before}."
        )
    for instances in sorted({each.instances for each in bills if each.instances > 1}):
        modes = [each.workload.mode for each in bills if each.instances == instances]
        frames = min(1000 // FRAME_MS[mode] for mode in modes)
        said.append(
            f"The mode {' or '.join(modes)} needs {instances:,} instances of {prices.instance}, "
            f"each of which looks at some {frames} frames a second, and a stack has one: make "
            "several stacks, take a larger instance_type, or lower FACEPIPE_MAX_FPS, which is "
            f"{w.fps:.3g} here."
        )
    return said


def bills_of(workload: Workload, prices: PriceList, mode: str | None = None) -> list[Bill]:
    """The bill of a fleet in each mode, or in one."""
    modes = MODES if mode is None else (mode,)
    return [bill(attrs.evolve(workload, mode=each), prices) for each in modes]
