"""Receipts that may come after what they are for.

Above: `helio.upstream.conversation`. Below: asyncio. A server of HTTP+SSE answers a `POST` with its
receipt and the request on the event stream; some give the receipt last, when all is done.
"""

import asyncio
from collections.abc import Awaitable, Coroutine


async def taken_or_begun(
    sending: Coroutine[None, None, None], begun: Coroutine[None, None, None]
) -> Awaitable[None] | None:
    """Waits until `sending` has its receipt, or `begun` shows that the request was taken all the
    same: then the receipt that is still to come, else None. Raises what `sending` does.
    """
    receipt, beginning = asyncio.create_task(sending), asyncio.create_task(begun)
    try:
        await asyncio.wait({receipt, beginning}, return_when=asyncio.FIRST_COMPLETED)
        if beginning.done():
            return receipt
        receipt.result()
    except BaseException:
        receipt.cancel()
        raise
    finally:
        beginning.cancel()
    return None


async def taken(receipt: Awaitable[None]) -> None:
    """Waits for a receipt. Raises what sending did."""
    await receipt
