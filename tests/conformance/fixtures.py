"""The tools, prompts and resources that the conformance suite's scenarios ask a server for.

Names and texts are the suite's own. Answers are written as they stand on the wire, so that what the
suite sees is what stands here.
"""

import asyncio
import base64
import struct
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, PromptsListChanged, ToolsListChanged
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CallToolRequestParams,
    CreateMessageResult,
    ElicitResult,
    SamplingMessage,
    TextContent,
)

Context = ServerRequestContext[Any, Any]
Answer = dict[str, Any]
Tool = Callable[[Context, CallToolRequestParams], Awaitable[Answer]]

NOTHING: Answer = {"type": "object", "properties": {}}
PAUSE = 0.05
"""Seconds between the messages of a tool, where the suite wants some."""

CHANGES = InMemorySubscriptionBus()
"""Where tools announce changed lists."""

DEFINITIONS: list[Answer] = []
"""What `tools/list` answers."""
TOOLS: dict[str, Tool] = {}


def tool(name: str, description: str, schema: Answer = NOTHING) -> Callable[[Tool], Tool]:
    """Adds a tool to `DEFINITIONS` and `TOOLS`."""

    def add(run: Tool) -> Tool:
        DEFINITIONS.append({"name": name, "description": description, "inputSchema": schema})
        TOOLS[name] = run
        return run

    return add


def takes(**properties: str) -> Answer:
    """The schema of an object whose properties are required strings."""
    return {
        "type": "object",
        "properties": {
            name: {"type": "string", "description": description}
            for name, description in properties.items()
        },
        "required": list(properties),
    }


def text(value: str) -> Answer:
    """A text as content."""
    return {"type": "text", "text": value}


def result(**members: Any) -> Answer:
    """A result that is no question. The library leaves out what an older revision does not know."""
    return {"resultType": "complete", **members}


def kept(**members: Any) -> Answer:
    """A result that a client may keep for a second."""
    return result(ttlMs=1000, cacheScope="public", **members)


def said(*content: Answer) -> Answer:
    """A tool's result."""
    return result(content=list(content))


def _red_pixel() -> str:
    def chunk(kind: bytes, data: bytes) -> bytes:
        sum_of_it = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + sum_of_it

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
    picture = b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")
    return base64.b64encode(picture).decode()


def _silence() -> str:
    samples = bytes(16)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    data = b"WAVE" + form + struct.pack("<4sI", b"data", len(samples)) + samples
    return base64.b64encode(struct.pack("<4sI", b"RIFF", len(data)) + data).decode()


PIXEL = _red_pixel()
IMAGE: Answer = {"type": "image", "data": PIXEL, "mimeType": "image/png"}
AUDIO: Answer = {"type": "audio", "data": _silence(), "mimeType": "audio/wav"}

RESOURCES: dict[str, Answer] = {
    "test://static-text": {
        "mimeType": "text/plain",
        "text": "This is the content of the static text resource.",
    },
    "test://static-binary": {"mimeType": "image/png", "blob": PIXEL},
    "test://watched-resource": {"mimeType": "text/plain", "text": "Somebody watches this."},
}
RESOURCE_TEMPLATE = "test://template/{id}/data"

JSON_SCHEMA_2020_12: Answer = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


# Answers that need nobody.


def _always(name: str, description: str, answer: Answer, schema: Answer = NOTHING) -> None:
    @tool(name, description, schema)
    async def constant(_context: Context, _params: CallToolRequestParams) -> Answer:
        return answer


_always(
    "test_simple_text", "Says a text", said(text("This is a simple text response for testing."))
)
_always("test_image_content", "Shows a picture", said(IMAGE))
_always("test_audio_content", "Plays a sound", said(AUDIO))
_always(
    "test_embedded_resource",
    "Embeds a resource",
    said(
        {
            "type": "resource",
            "resource": {
                "uri": "test://embedded-resource",
                "mimeType": "text/plain",
                "text": "This is an embedded resource content.",
            },
        }
    ),
)
_always(
    "test_multiple_content_types",
    "Answers in three kinds",
    said(
        text("Multiple content types test:"),
        IMAGE,
        {
            "type": "resource",
            "resource": {
                "uri": "test://mixed-content-resource",
                "mimeType": "application/json",
                "text": '{"test":"data","value":123}',
            },
        },
    ),
)
_always(
    "test_error_handling",
    "Fails",
    {**said(text("This tool intentionally returns an error for testing")), "isError": True},
)
_always("json_schema_2020_12_tool", "Has a rich schema", said(text("ok")), JSON_SCHEMA_2020_12)
_always(
    "test_custom_headers",
    "Mirrors a parameter in a header",
    said(text("ok")),
    {
        "type": "object",
        "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
        "required": ["region"],
    },
)


# Messages on the way.


@tool("test_tool_with_logging", "Logs three times")
async def _with_logging(context: Context, _params: CallToolRequestParams) -> Answer:
    for step in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await context.session.send_log_message("info", step, related_request_id=context.request_id)
        await asyncio.sleep(PAUSE)
    return said(text("Logged three times."))


@tool("test_logging_tool", "Logs once")
async def _logs_once(context: Context, _params: CallToolRequestParams) -> Answer:
    await context.session.send_log_message("info", "once", related_request_id=context.request_id)
    return said(text("Logged, for whom wants it."))


@tool("test_tool_with_progress", "Reports its progress")
async def _with_progress(context: Context, _params: CallToolRequestParams) -> Answer:
    for progress in (0, 50, 100):
        await context.session.report_progress(progress, 100)
        await asyncio.sleep(PAUSE)
    return said(text("Reported three times."))


@tool("test_reconnection", "Ends its stream before it answers")
async def _reconnection(context: Context, _params: CallToolRequestParams) -> Answer:
    await asyncio.sleep(PAUSE)
    if context.close_sse_stream is not None:
        await context.close_sse_stream()
    await asyncio.sleep(2 * PAUSE)
    return said(text("Answered after the stream had ended."))


@tool("test_trigger_tool_change", "Announces changed tools")
async def _tools_changed(_context: Context, _params: CallToolRequestParams) -> Answer:
    await CHANGES.publish(ToolsListChanged())
    return said(text("Announced."))


@tool("test_trigger_prompt_change", "Announces changed prompts")
async def _prompts_changed(_context: Context, _params: CallToolRequestParams) -> Answer:
    await CHANGES.publish(PromptsListChanged())
    return said(text("Announced."))


# Questions to the client, by requests of the server (up to 2025-11-25).


@tool("test_sampling", "Asks the client's model", takes(prompt="What to ask"))
async def _sampling(context: Context, params: CallToolRequestParams) -> Answer:
    prompt = str((params.arguments or {})["prompt"])
    answer = await context.session.create_message(
        [SamplingMessage(role="user", content=TextContent(text=prompt))],
        max_tokens=100,
        related_request_id=context.request_id,
    )
    assert isinstance(answer, CreateMessageResult)
    assert isinstance(answer.content, TextContent)
    return said(text(f"LLM response: {answer.content.text}"))


async def _elicit(context: Context, message: str, schema: Answer) -> ElicitResult:
    return await context.session.elicit_form(message, schema, related_request_id=context.request_id)


@tool("test_elicitation", "Asks the user", takes(message="What to ask"))
async def _elicitation(context: Context, params: CallToolRequestParams) -> Answer:
    wanted = takes(username="User's response", email="User's email address")
    answer = await _elicit(context, str((params.arguments or {})["message"]), wanted)
    return said(text(f"User response: action={answer.action}, content={answer.content}"))


def _elicits(name: str, description: str, properties: Answer) -> None:
    @tool(name, description)
    async def elicits(context: Context, _params: CallToolRequestParams) -> Answer:
        schema = {"type": "object", "properties": properties, "required": []}
        answer = await _elicit(context, "Please look these over.", schema)
        told = f"Elicitation completed: action={answer.action}, content={answer.content}"
        return said(text(told))


_elicits(
    "test_elicitation_sep1034_defaults",
    "Asks with defaults",
    {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {
            "type": "string",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": {"type": "boolean", "default": True},
    },
)

_OPTIONS = ["option1", "option2", "option3"]


def _titled(*titles: str) -> list[Answer]:
    return [{"const": f"value{number}", "title": title} for number, title in enumerate(titles, 1)]


_elicits(
    "test_elicitation_sep1330_enums",
    "Asks with enumerations of every kind",
    {
        "untitledSingle": {"type": "string", "enum": _OPTIONS},
        "titledSingle": {
            "type": "string",
            "oneOf": _titled("First Option", "Second Option", "Third Option"),
        },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": _OPTIONS}},
        "titledMulti": {
            "type": "array",
            "items": {"anyOf": _titled("First Choice", "Second Choice", "Third Choice")},
        },
    },
)


@tool("test_missing_capability", "Needs a client with a model")
async def _missing_capability(context: Context, _params: CallToolRequestParams) -> Answer:
    capabilities = context.session.client_capabilities
    if capabilities is None or capabilities.sampling is None:
        needs: Mapping[str, Any] = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "a client with a model is needed", needs)
    return said(text("The client has a model."))


def unknown(what: str, name: str) -> MCPError:
    """That a tool or prompt of this name is not there."""
    return MCPError(INVALID_PARAMS, f"there is no {what} {name!r}")
