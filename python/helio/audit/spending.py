"""Money by time: what calls spent in each period, every digit of it.

Above: `analytics`. Below: `query`. Pure but for the connection that `Ask` stands for. Nearly all
calls spend one currency, in few digits: their sums are made by DuckDB from the text as it is. Only
others are taken apart as JSON, which costs four times as much.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal, localcontext
from typing import Any, Final

from helio.audit.times import Ask, period

# ruff: noqa: S608 - the statements are made of this module's own constants.

Spent = Mapping[str, Mapping[int, Decimal]]
"""Amounts by currency and by the period's beginning in seconds since 1970, oldest first."""

_DIGITS: Final = 60
"""More than any sum of amounts has."""
_SPENT: Final = "FROM audit WHERE spend IS NOT NULL AND outcome <> 'not_forwarded' AND {condition}"
_PLAIN: Final = r"""regexp_full_match(spend, '\{"[A-Z]{3}":"\d{1,19}(\.\d{1,9})?"\}')"""
"""One currency, and an amount that a sum in DuckDB keeps every digit of."""
_EXACT: Final = r"regexp_full_match(pair.value, '\d{1,19}(\.\d{1,9})?')"


def spent(ask: Ask, seconds: int) -> Spent:
    """What the calls of each period of so many seconds spent. Raises `IndexUnavailable`."""
    plain = ask(_plain(period(seconds)))
    others = any(currency is None for _, currency, _ in plain)
    taken = [each for each in plain if each[1] is not None]
    found: defaultdict[str, defaultdict[int, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    with localcontext(prec=_DIGITS):
        for at, currency, amount in [*taken, *(_taken_apart(ask, seconds) if others else ())]:
            found[currency][at] += Decimal(amount)
    return {name: dict(sorted(found[name].items())) for name in sorted(found)}


def spend_shown(spent_by: Spent, hour: int) -> dict[str, dict[str, Any]]:
    """`{currency: {total, per_hour: {hour: amount}}}` as decimal texts, hours in seconds since
    1970; `hour` is their length."""
    shown: dict[str, dict[str, Any]] = {}
    with localcontext(prec=_DIGITS):
        for currency, amounts in spent_by.items():
            hours = gathered(amounts, hour)
            total = sum(hours.values(), Decimal(0))
            texts = {at: decimal_text(each) for at, each in hours.items()}
            shown[currency] = {"total": decimal_text(total), "per_hour": texts}
    return shown


def gathered(amounts: Mapping[int, Decimal], seconds: int) -> dict[int, Decimal]:
    """The sums of longer periods."""
    sums: defaultdict[int, Decimal] = defaultdict(Decimal)
    with localcontext(prec=_DIGITS):
        for at, amount in amounts.items():
            sums[at - at % seconds] += amount
    return dict(sums)


def decimal_text(amount: Decimal) -> str:
    """Without zeros at its end, and never with an exponent."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _plain(moment: str) -> str:
    """`(period, currency, sum)`, with the currency None for what is not plain."""
    return f"""
SELECT moment, CASE WHEN plain THEN currency END,
       sum(CASE WHEN plain THEN amount::DECIMAL(38, 9) END)::VARCHAR
FROM (SELECT {moment} AS moment, {_PLAIN} AS plain, substr(spend, 3, 3) AS currency,
             substr(spend, 9, length(spend) - 10) AS amount {_SPENT})
GROUP BY ALL
"""


def _taken_apart(ask: Ask, seconds: int) -> Iterable[tuple[int, str, Decimal]]:
    """The same of what is not plain."""
    rows = ask(f"""
SELECT moment, currency,
       sum(CASE WHEN exact THEN try_cast(amount AS DECIMAL(38, 9)) END)::VARCHAR,
       list(amount) FILTER (NOT exact)
FROM (
    SELECT moment, pair.key AS currency, pair.value AS amount, {_EXACT} AS exact FROM (
        SELECT {period(seconds)} AS moment,
               unnest(map_entries(from_json(spend, '"MAP(VARCHAR, VARCHAR)"'))) AS pair
        {_SPENT} AND NOT {_PLAIN}
    )
) GROUP BY ALL
""")
    for at, currency, exact, others in rows:
        yield at, currency, sum(map(Decimal, others or ()), Decimal(exact or 0))
