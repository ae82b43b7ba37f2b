"""What a path is asked, behind its `?`: names that are known, once each, and numbers.

Above: `helio.operator.audit`, `ledger`, `approvals`. Below: `faults`. Pure. Filters of the audit
are read by `helio.audit.query`, where they are asked.
"""

from collections.abc import Mapping, Set

from multidict import MultiMapping

from helio.operator.faults import Refused

_MOST_DIGITS = 18


def once(query: MultiMapping[str]) -> dict[str, str]:
    """A query whose names stand there once each. Raises `Refused`."""
    for name in query:
        if len(query.getall(name)) > 1:
            raise Refused(400, f"{name}: is given more than once")
    return dict(query)


def known(query: Mapping[str, str], names: Set[str]) -> None:
    """Raises `Refused` for a name that is none of these."""
    if unknown := query.keys() - names:
        text = f"{min(unknown)}: is not a filter; there are {', '.join(sorted(names))}"
        raise Refused(400, text)


def number(query: Mapping[str, str], name: str, otherwise: int) -> int:
    """A whole number, not negative. Raises `Refused` for any other text."""
    text = query.get(name)
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise Refused(400, f"{name}: {text!r} is not a whole number")
    return int(text)
