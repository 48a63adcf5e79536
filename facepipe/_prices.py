"""Price lists: what each unit of a service costs, in tiers."""

from __future__ import annotations

import re
from decimal import Context, Decimal, localcontext
from typing import Any, ContextManager, Iterable, Mapping

import attrs

from facepipe.errors import CostsError

#: What a price list has to have, and what each is the price of.
PRICES: Mapping[str, str] = {
    "rekognition.images": "images that DetectFaces is asked about",
    "s3.puts": "objects put",
    "s3.gets": "objects read",
    "s3.storage": "GB kept for a month",
    "sqs.requests": "requests of any kind",
    "lambda.runs": "runs of a function",
    "lambda.compute": "GB-seconds on arm64",
    "dynamodb.writes": "write request units",
    "dynamodb.storage": "GB kept for a month",
    "cloudwatch.metrics": "metrics, each for a month",
    "cloudwatch.calls": "PutMetricData calls",
    "cloudwatch.alarms": "alarms, each for a month",
    "cloudwatch.dashboards": "dashboards, each for a month",
    "cloudwatch.logs": "GB of log lines taken",
    "iot.messages": "messages of up to 5 KB",
    "iot.connections": "minutes of a device's connection",
    "iot.rules": "messages that a rule is run for",
    "iot.actions": "actions of rules",
    "sagemaker.instances": "hours of the endpoint's instance",
    "sagemaker.data": "GB that an endpoint takes or gives",
    "transfer.out": "GB sent from AWS to the internet",
}

_TOP = ("date", "region", "currency", "instance", "calls_a_second", "prices")
_PRICE = ("per", "tiers", "source")
_TIER = ("up_to", "price")
_DATE = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])\Z")
_MILLIONTH = Decimal("0.000001")
_LEAST = Decimal("1E-12")  # so that what a price is multiplied by and divided by leaves it exact


def exactly() -> ContextManager[Context]:
    """A context in which products of a workload's figures and prices are exact."""
    return localcontext(Context(prec=80))


def exact(number: float) -> Decimal:
    """A number as it is written: 0.1 is a tenth."""
    return Decimal(str(number))


def to_dollars(amounts: Iterable[Decimal]) -> Decimal:
    """The sum of amounts of money, to the millionth, so that sums of sums are exact.

    Example:
        >>> to_dollars([Decimal("0.0000006"), Decimal(2)])
        Decimal('2.000001')
    """
    with exactly():
        return sum(amounts, Decimal(0)).quantize(_MILLIONTH)


@attrs.frozen
class Price:
    """What a service costs.

    Attributes:
        tiers: how much of it a month has each price, as `(up to, dollars a unit)`. The tiers rise;
            the last one has no end, which is None.
        source: the page that says so.
        unconfirmed: what of it was not found on that page; empty where all was.

    Example:
        >>> price = Price(((Decimal(10), Decimal(1)), (None, Decimal("0.5"))), "a page")
        >>> price.cost(Decimal(14))
        Decimal('12.0')
    """

    tiers: tuple[tuple[Decimal | None, Decimal], ...]
    source: str
    unconfirmed: str = ""

    def cost(self, quantity: Decimal) -> Decimal:
        """Dollars for so many units in one month, 0 or more."""
        total, start = Decimal(0), Decimal(0)
        with exactly():
            for up_to, each in self.tiers:
                end = quantity if up_to is None else min(quantity, up_to)
                total += max(end - start, Decimal(0)) * each
                start = end
        return total


@attrs.frozen
class PriceList:
    """What AWS costs in a region, and how much of it there is.

    Attributes:
        date: the month in which the prices held, such as `2026-11`.
        region: AWS's name of the region.
        currency: of all prices.
        instance: the endpoint's instance type, which `sagemaker.instances` is the price of.
        calls_a_second: Rekognition's quota of DetectFaces in the region.
        prices: by the names of `PRICES`, all of them.
    """

    date: str
    region: str
    currency: str
    instance: str
    calls_a_second: float
    prices: Mapping[str, Price] = attrs.field(repr=False)


def parse_prices(document: Any) -> PriceList:
    """Read a price list.

    Args:
        document: what its JSON holds: `date`, `region`, `currency`, `instance`, `calls_a_second`
            and `prices`, which has each of `PRICES` with `per` (how many units the prices are
            for), `tiers` (each with `up_to`, in units a month, but for the last, and `price`),
            `source` and, where something of it is not certain, `unconfirmed`. Nothing else may be
            in it but `note`, at the top.

    Raises:
        CostsError: if it is no such thing.

    Example:
        >>> each = {"per": 1000, "tiers": [{"price": 0.01}], "source": "a page"}
        >>> prices = parse_prices({
        ...     "date": "2026-11", "region": "us-east-1", "currency": "USD",
        ...     "instance": "ml.m5.large", "calls_a_second": 50,
        ...     "prices": dict.fromkeys(PRICES, each),
        ... })
        >>> prices.prices["cloudwatch.calls"].cost(Decimal(4000))
        Decimal('0.04000')
    """
    top = _fields(document, "the price list", _TOP, ("note",))
    date, quota = _text(top, "date", "the price list"), top["calls_a_second"]
    if not _DATE.match(date):
        raise CostsError(f"the price list's `date` must be a month such as 2026-11, not {date!r}")
    found = _fields(top["prices"], "`prices`", tuple(PRICES))
    return PriceList(
        date=date,
        region=_text(top, "region", "the price list"),
        currency=_text(top, "currency", "the price list"),
        instance=_text(top, "instance", "the price list"),
        calls_a_second=float(_number(quota, "the price list's `calls_a_second`", above=0)),
        prices={name: _price(found[name], name) for name in PRICES},
    )


def _price(document: Any, name: str) -> Price:
    what = f"the price {name}"
    fields = _fields(document, what, _PRICE, ("unconfirmed",))
    per = _number(fields["per"], f"{what}'s `per`", above=0)
    tiers: list[tuple[Decimal | None, Decimal]] = []
    if not (isinstance(fields["tiers"], list) and fields["tiers"]):
        raise CostsError(f"{what}'s `tiers` must be a list of at least one tier")
    last, start = len(fields["tiers"]) - 1, Decimal(0)
    for number, each in enumerate(fields["tiers"]):
        which = f"tier {number + 1} of {what}"
        tier = _fields(each, which, _TIER if number < last else _TIER[1:])
        up_to = None
        if number < last:
            up_to = start = _number(tier["up_to"], f"{which}: `up_to`", above=start)
        with exactly():
            tiers.append((up_to, _number(tier["price"], f"{which}: `price`") / per))
    unconfirmed = _text(fields, "unconfirmed", what) if "unconfirmed" in fields else ""
    return Price(tuple(tiers), _text(fields, "source", what), unconfirmed)


def _fields(
    document: Any, what: str, needed: tuple[str, ...], allowed: tuple[str, ...] = ()
) -> Mapping[str, Any]:
    """A mapping that has exactly these names."""
    if not isinstance(document, Mapping):
        raise CostsError(f"{what} must be an object with names and values")
    missing = [name for name in needed if name not in document]
    if missing:
        raise CostsError(f"{what} lacks `{missing[0]}`")
    unknown = [name for name in document if name not in needed + allowed]
    if unknown:
        raise CostsError(f"{what} has {str(unknown[0])[:80]!r}, which means nothing here")
    return document


def _text(fields: Mapping[str, Any], name: str, what: str) -> str:
    value = fields[name]
    if not (isinstance(value, str) and value.strip() and value.isprintable()):
        raise CostsError(f"{what}'s `{name}` must be a text of one line")
    return value


def _number(value: Any, what: str, above: Decimal | int | None = None) -> Decimal:
    """A number that is 0 or more, or greater than another, as it is written: 0.1 is a tenth."""
    if type(value) in (int, float) and abs(value) < 10**18:  # NaN is less than nothing
        number = exact(value)
        if 0 < number < _LEAST:
            raise CostsError(f"{what} must be no less than {_LEAST}, not {str(value)[:40]}")
        if number >= 0 and (above is None or number > above):
            return number
    wanted = "of 0 or more" if above is None else f"greater than {float(above):g}"
    raise CostsError(f"{what} must be a number {wanted}, not {str(value)[:40]}")
