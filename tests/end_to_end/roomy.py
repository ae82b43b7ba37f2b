"""An MCP server for crowds, as a process: sessions, standing streams, answers of any size.

It prints its URL; its argument is the port to serve on. It knows only sessions that it opened.
`big` answers with as many characters as it is asked for, as JSON or, with `"stream": true`, as an
event stream; `hang` never answers. `GET` stands until either side ends it. `GET /count` tells how
many sessions are open, and how many streams stand.
"""

import asyncio
import json
import secrets
import sys
from typing import Any, Final

from aiohttp import web

SESSIONS: Final = web.AppKey("sessions", set[str])
STANDING: Final = web.AppKey("standing", set[object])
TOOLS: Final = ("big", "echo", "hang")


def result_of(message: Any) -> Any:
    """What a request is answered with, but for a call."""
    match message["method"]:
        case "initialize":
            return {
                "protocolVersion": message["params"]["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "roomy", "version": "1"},
            }
        case "tools/list":
            return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]}
    return {}


async def called(message: Any) -> Any:
    """The result of a call."""
    arguments = message["params"].get("arguments") or {}
    match message["params"]["name"]:
        case "big":
            text = "x" * arguments["size"]
        case "hang":
            await asyncio.Event().wait()
            text = ""
        case _:
            text = str(arguments.get("text"))
    return {"content": [{"type": "text", "text": text}]}


async def post(request: web.Request) -> web.StreamResponse:
    """One message."""
    message = json.loads(await request.read())
    session = request.headers.get("mcp-session-id")
    if session is not None and session not in request.app[SESSIONS]:
        return web.Response(status=404)
    if "id" not in message or "method" not in message:
        return web.Response(status=202)
    headers = {}
    if message["method"] == "initialize":
        session = secrets.token_hex(16)
        request.app[SESSIONS].add(session)
        headers["mcp-session-id"] = session
    is_call = message["method"] == "tools/call"
    result = await called(message) if is_call else result_of(message)
    answer = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result})
    if not is_call or not (message["params"].get("arguments") or {}).get("stream"):
        return web.Response(text=answer, content_type="application/json", headers=headers)
    response = web.StreamResponse(headers={**headers, "content-type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"event: message\ndata: " + answer.encode() + b"\n\n")
    return response


async def stand(request: web.Request) -> web.StreamResponse:
    """A standing stream."""
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    standing = request.app[STANDING]
    standing.add(response)
    try:
        await asyncio.Event().wait()
    finally:
        standing.discard(response)
    return response


async def end(request: web.Request) -> web.StreamResponse:
    """The end of a session."""
    request.app[SESSIONS].discard(request.headers.get("mcp-session-id", ""))
    return web.Response(status=204)


async def count(request: web.Request) -> web.StreamResponse:
    """How many there are."""
    return web.json_response(
        {"sessions": len(request.app[SESSIONS]), "standing": len(request.app[STANDING])}
    )


async def serve(port: int) -> None:
    """Serves until the process is ended."""
    app = web.Application(client_max_size=64 << 20)
    app[SESSIONS], app[STANDING] = set(), set()
    app.router.add_post("/mcp", post)
    app.router.add_get("/mcp", stand, allow_head=False)
    app.router.add_delete("/mcp", end)
    app.router.add_get("/count", count)
    runner = web.AppRunner(app, handler_cancellation=True, keepalive_timeout=30)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/mcp", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]) if sys.argv[1:] else 0))
