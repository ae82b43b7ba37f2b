"""The yardstick: a proxy that only passes bytes, as plain aiohttp has it.

    python -m helio.bench.passthrough URL

Above: `helio.bench.proxy` starts it and reads its port. Below: `aiohttp` on `uvloop`. It decides
nothing and records nothing: what Helio needs beyond this is the price of governing, what it needs
less is what a path of its own gains.
"""

import sys

import aiohttp
import uvloop
from aiohttp import web

from helio.bench.processes import LOOPBACK
from helio.bench.serving import announce, end_of_input

REQUEST_HEADERS = ("content-type", "accept", "mcp-session-id", "mcp-protocol-version")
ANSWER_HEADERS = ("content-type", "mcp-session-id")


async def serve(url: str) -> None:
    """Passes every POST on to `url` until the end of stdin."""
    connector = aiohttp.TCPConnector(limit=256)
    timeout = aiohttp.ClientTimeout(total=None, sock_read=30)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def pass_on(request: web.Request) -> web.Response:
            body = await request.read()
            kept = {
                name: request.headers[name] for name in REQUEST_HEADERS if name in request.headers
            }
            async with session.post(url, data=body, headers=kept) as answer:
                content = await answer.read()
                headers = {
                    name: answer.headers[name] for name in ANSWER_HEADERS if name in answer.headers
                }
                return web.Response(body=content, status=answer.status, headers=headers)

        application = web.Application()
        application.router.add_post("/mcp", pass_on)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, 0).start()
        announce(runner.addresses[0][1])
        await end_of_input()
        await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
