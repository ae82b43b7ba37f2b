"""The server that the conformance suite is run against, direct and through Helio.

`python -m conformance.server` (with `tests` on the path) serves streamable HTTP, every revision, on
a free port of loopback and prints its URL.
"""

import asyncio
import signal
import socket
import sys
import warnings
from contextlib import suppress
from typing import Any

import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.subscriptions import ListenHandler
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CompleteRequestParams,
    GetPromptRequestParams,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    SetLevelRequestParams,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    UnsubscribeRequestParams,
)

from conformance.fixtures import (
    CHANGES,
    DEFINITIONS,
    IMAGE,
    RESOURCE_TEMPLATE,
    RESOURCES,
    TOOLS,
    Answer,
    Context,
    kept,
    result,
    text,
    unknown,
)
from conformance.rounds import input_required_prompt
from end_to_end.sdk_server import KeptEvents

LOOPBACK = "127.0.0.1"
NAME = "conformance-server"
RETRY_MILLISECONDS = 50


def _argument(name: str, description: str) -> Answer:
    return {"name": name, "description": description, "required": True}


PROMPTS: list[Answer] = [
    {"name": "test_simple_prompt", "description": "Without arguments"},
    {
        "name": "test_prompt_with_arguments",
        "description": "With two arguments",
        "arguments": [_argument("arg1", "First"), _argument("arg2", "Second")],
    },
    {
        "name": "test_prompt_with_embedded_resource",
        "description": "With a resource in it",
        "arguments": [_argument("resourceUri", "URI of the resource to embed")],
    },
    {"name": "test_prompt_with_image", "description": "With a picture in it"},
    {"name": "test_input_required_result_prompt", "description": "Asks the user"},
]


async def _list_tools(_context: Context, _params: PaginatedRequestParams) -> Answer:
    return kept(tools=DEFINITIONS)


async def _call_tool(context: Context, params: CallToolRequestParams) -> Answer:
    if params.name not in TOOLS:
        raise unknown("tool", params.name)
    return await TOOLS[params.name](context, params)


async def _list_prompts(_context: Context, _params: PaginatedRequestParams) -> Answer:
    return kept(prompts=PROMPTS)


async def _get_prompt(_context: Context, params: GetPromptRequestParams) -> Answer:
    arguments = params.arguments or {}
    match params.name:
        case "test_simple_prompt":
            contents = [text("This is a simple prompt for testing.")]
        case "test_prompt_with_arguments":
            first, second = arguments.get("arg1"), arguments.get("arg2")
            contents = [text(f"Prompt with arguments: arg1='{first}', arg2='{second}'")]
        case "test_prompt_with_embedded_resource":
            resource = {
                "uri": arguments.get("resourceUri"),
                "mimeType": "text/plain",
                "text": "Embedded resource content for testing.",
            }
            embedded: Answer = {"type": "resource", "resource": resource}
            contents = [embedded, text("Please process the embedded resource above.")]
        case "test_prompt_with_image":
            contents = [IMAGE, text("Please analyze the image above.")]
        case "test_input_required_result_prompt":
            return input_required_prompt(params)
        case name:
            raise unknown("prompt", name)
    return result(messages=[{"role": "user", "content": content} for content in contents])


async def _list_resources(_context: Context, _params: PaginatedRequestParams) -> Answer:
    resources = [
        {
            "uri": uri,
            "name": uri.rpartition("/")[2],
            "description": f"The resource {uri}",
            "mimeType": content["mimeType"],
        }
        for uri, content in RESOURCES.items()
    ]
    return kept(resources=resources)


async def _list_templates(_context: Context, _params: PaginatedRequestParams) -> Answer:
    template = {
        "uriTemplate": RESOURCE_TEMPLATE,
        "name": "template",
        "description": "Data by its id",
        "mimeType": "application/json",
    }
    return kept(resourceTemplates=[template])


async def _read_resource(_context: Context, params: ReadResourceRequestParams) -> Answer:
    uri = str(params.uri)
    before, _, after = RESOURCE_TEMPLATE.partition("{id}")
    if uri in RESOURCES:
        content = RESOURCES[uri]
    elif uri.startswith(before) and uri.endswith(after):
        key = uri.removeprefix(before).removesuffix(after)
        data = f'{{"id":"{key}","templateTest":true,"data":"Data for ID: {key}"}}'
        content = {"mimeType": "application/json", "text": data}
    else:
        raise MCPError(INVALID_PARAMS, "Resource not found", {"uri": uri})
    return kept(contents=[{"uri": uri, **content}])


async def _complete(_context: Context, params: CompleteRequestParams) -> Answer:
    values = [word for word in ("paris", "park", "test") if word.startswith(params.argument.value)]
    return result(completion={"values": values, "total": len(values), "hasMore": False})


async def _accept(_context: Context, _params: object) -> Answer:
    return {}


def build_server() -> Server[Any]:
    """The server with every fixture."""
    server: Server[Any] = Server(NAME, version="1")
    server.middleware.append(
        RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience=NAME)
    )
    server.add_request_handler("tools/list", PaginatedRequestParams, _list_tools)
    server.add_request_handler("tools/call", CallToolRequestParams, _call_tool)
    server.add_request_handler("prompts/list", PaginatedRequestParams, _list_prompts)
    server.add_request_handler("prompts/get", GetPromptRequestParams, _get_prompt)
    server.add_request_handler("resources/list", PaginatedRequestParams, _list_resources)
    server.add_request_handler("resources/templates/list", PaginatedRequestParams, _list_templates)
    server.add_request_handler("resources/read", ReadResourceRequestParams, _read_resource)
    server.add_request_handler("resources/subscribe", SubscribeRequestParams, _accept)
    server.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, _accept)
    server.add_request_handler("logging/setLevel", SetLevelRequestParams, _accept)
    server.add_request_handler("completion/complete", CompleteRequestParams, _complete)
    server.add_request_handler(
        "subscriptions/listen", SubscriptionsListenRequestParams, ListenHandler(CHANGES)
    )
    return server


async def serve() -> None:
    """Serves on a free port of loopback until SIGTERM."""
    # With its protocol named, asyncio sets TCP_NODELAY on what it accepts; else events wait 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((LOOPBACK, 0))
    application = build_server().streamable_http_app(
        host=LOOPBACK, event_store=KeptEvents(), retry_interval=RETRY_MILLISECONDS
    )
    # The other parser, httptools, leaves the white space after a header's value where it is.
    configuration = uvicorn.Config(
        application, http="h11", log_level="error", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(configuration)
    sys.stdout.write(f"http://{LOOPBACK}:{listener.getsockname()[1]}/mcp\n")
    sys.stdout.flush()
    await server.serve(sockets=[listener])


def main() -> None:
    """The command line."""
    # Sampling and logging are what the legacy revisions are about.
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        asyncio.run(serve())


if __name__ == "__main__":
    main()
