"""A long answer on its way to somebody who reads over the network, piece by piece.

Above: `questions`. Below: aiohttp. Whoever reads slowly is waited for, so long as something moves.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Final

from aiohttp import web

from helio.errors import IndexUnavailable, Unanswered

logger = logging.getLogger(__name__)

_STALLED_SECONDS: Final = 60.0
"""How long a piece may take until the network has it."""


async def send(
    request: web.Request, headers: Mapping[str, str], pieces: AsyncIterator[bytes]
) -> web.StreamResponse:
    """Answers with all pieces. What fails on the way breaks the connection."""
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    if request.method == "HEAD":
        # Whoever asks for the head alone takes a body for the next answer.
        await response.write_eof()
        return response
    try:
        async for piece in pieces:
            async with asyncio.timeout(_STALLED_SECONDS):
                await response.write(piece)
    except ConnectionError:
        raise  # Whoever asked is gone.
    except (IndexUnavailable, Unanswered, TimeoutError) as error:
        logger.warning("%s broke off: %s", request.path, error or "nobody read it")
        _break_off(request)
    else:
        await response.write_eof()
    return response


def _break_off(request: web.Request) -> None:
    """Ends the connection in the middle of an answer: nobody may take a part for the whole."""
    if request.transport is not None:
        request.transport.abort()
