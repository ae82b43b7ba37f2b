"""How questions are asked by periods of time: their SQL, and what times look like.

Above: `analytics`, `steps`, `spending`. Pure.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Ask = Callable[[str], list[tuple[Any, ...]]]
"""Gives the rows of a question about `audit`, in which `{condition}` stands for the filters'. All
that one of them is asked sees the same rows."""


def period(seconds: int) -> str:
    """The SQL of the beginning of a call's period, in seconds since 1970: the whole ones of UTC."""
    length = int(seconds)
    return f"epoch_us(timestamp) // {length * 1_000_000} * {length}"


def moment(seconds: int) -> str:
    """As an ISO 8601 text (UTC)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
