"""One small document by GET: keys, and what says who gives out tokens.

Above: `helio.transport`. Below: the client (`helio.upstream.http`). Nothing of an agent and none of
the operator's headers go with it, and a redirect is an answer like any other, so that nobody can
lead Helio elsewhere.
"""

import asyncio
from typing import Final

from helio.errors import UpstreamFailed
from helio.upstream.http import HttpUpstream

MAX_BYTES: Final = 256 * 1024
SECONDS: Final = 5.0


async def fetch(url: str) -> tuple[int, bytes]:
    """Status and body of what the URL gives: at most `MAX_BYTES`, within `SECONDS` in all.

    Raises `UpstreamFailed`, and `ValueError` for a URL that cannot be asked.
    """
    client = HttpUpstream(
        url, headers={}, connect_timeout=SECONDS, request_timeout=SECONDS, max_connections=1
    )
    try:
        async with asyncio.timeout(SECONDS):
            accepted = [(b"accept", b"application/json, application/jwk-set+json;q=0.9")]
            answer = await client.send("GET", accepted, None, timeout=SECONDS)
            return answer.status, await answer.read(MAX_BYTES)
    except TimeoutError:
        detail = f"no whole answer within {SECONDS} s"
        raise UpstreamFailed("timeout", sent=True, detail=detail) from None
    finally:
        await client.aclose()
