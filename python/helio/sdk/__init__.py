"""The client of Helio's SDK port: evidence and context for the session of an agent.

Above: programs around agents. Below: Python's standard library, and nothing else of Helio, so that
importing it is cheap. `asyncio` is loaded only by whoever asks for the asynchronous twins.

    with HelioContext() as ctx:
        ctx.mark_evidence("orders.lookup", "order_data", result)
"""

from typing import TYPE_CHECKING, Any

from helio.sdk.client import EvidenceMark, HelioClient
from helio.sdk.context import SESSION_HEADER, HelioContext
from helio.sdk.errors import (
    EvidenceMissing,
    HelioError,
    HelioUnreachable,
    RequestRefused,
    TokenRefused,
    TooManyRequests,
)

if TYPE_CHECKING:
    from helio.sdk.asynchronous import AsyncHelioClient, AsyncHelioContext

__all__ = [
    "SESSION_HEADER",
    "AsyncHelioClient",
    "AsyncHelioContext",
    "EvidenceMark",
    "EvidenceMissing",
    "HelioClient",
    "HelioContext",
    "HelioError",
    "HelioUnreachable",
    "RequestRefused",
    "TokenRefused",
    "TooManyRequests",
]


def __getattr__(name: str) -> Any:
    if name not in ("AsyncHelioClient", "AsyncHelioContext"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from helio.sdk import asynchronous  # noqa: PLC0415 - asyncio is the larger part of the import

    return getattr(asynchronous, name)
