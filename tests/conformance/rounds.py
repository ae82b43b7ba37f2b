"""Fixtures of the conformance suite that answer in several rounds (2026-07-28): a result asks the
client for input, and the client sends the call again with what was asked.
"""

from typing import Any

from mcp_types import (
    CallToolRequestParams,
    CreateMessageResult,
    ElicitResult,
    GetPromptRequestParams,
    ListRootsResult,
    TextContent,
)

from conformance.fixtures import Answer, Context, result, said, text, tool

Asking = CallToolRequestParams | GetPromptRequestParams

ROOTS: Answer = {"method": "roots/list", "params": {}}


def form(message: str, **properties: str) -> Answer:
    """An elicitation of required properties of the given types."""
    schema = {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in properties.items()},
        "required": list(properties),
    }
    return {
        "method": "elicitation/create",
        "params": {"message": message, "requestedSchema": schema},
    }


def sample(question: str, tokens: int) -> Answer:
    """A question to the client's model."""
    message = {"role": "user", "content": text(question)}
    return {
        "method": "sampling/createMessage",
        "params": {"messages": [message], "maxTokens": tokens},
    }


def ask(questions: dict[str, Answer], state: str | None = None) -> Answer:
    """The result that asks."""
    asked: Answer = {"resultType": "input_required", "inputRequests": questions}
    return asked if state is None else {**asked, "requestState": state}


def answered(params: Asking, *keys: str) -> bool:
    """Whether the client answered all of these."""
    return set(keys) <= set(params.input_responses or {})


def elicited(params: Asking, key: str, name: str) -> Any:
    """What the user wrote into a field."""
    answer = (params.input_responses or {})[key]
    assert isinstance(answer, ElicitResult)
    return (answer.content or {}).get(name)


def sampled(params: Asking, key: str) -> str:
    """What the client's model said."""
    answer = (params.input_responses or {})[key]
    assert isinstance(answer, CreateMessageResult)
    assert isinstance(answer.content, TextContent)
    return answer.content.text


def roots(params: Asking, key: str) -> str:
    """The client's roots."""
    answer = (params.input_responses or {})[key]
    assert isinstance(answer, ListRootsResult)
    return ", ".join(str(root.uri) for root in answer.roots)


@tool("test_input_required_result_elicitation", "Asks the user for a name")
async def _elicitation(_context: Context, params: CallToolRequestParams) -> Answer:
    if not answered(params, "user_name"):
        return ask({"user_name": form("What is your name?", name="string")})
    return said(text(f"Hello, {elicited(params, 'user_name', 'name')}!"))


@tool("test_streaming_elicitation", "Reports progress, then asks the user")
async def _streaming(context: Context, params: CallToolRequestParams) -> Answer:
    await context.session.report_progress(1, 2)
    return await _elicitation(context, params)


@tool("test_input_required_result_sampling", "Asks the client's model")
async def _sampling(_context: Context, params: CallToolRequestParams) -> Answer:
    if not answered(params, "capital_question"):
        return ask({"capital_question": sample("What is the capital of France?", 100)})
    return said(text(sampled(params, "capital_question")))


@tool("test_input_required_result_list_roots", "Asks for the client's roots")
async def _roots(_context: Context, params: CallToolRequestParams) -> Answer:
    if not answered(params, "client_roots"):
        return ask({"client_roots": ROOTS})
    return said(text(f"Roots: {roots(params, 'client_roots')}"))


@tool("test_input_required_result_request_state", "Keeps its state with the client")
async def _state(_context: Context, params: CallToolRequestParams) -> Answer:
    if not answered(params, "confirm") or params.request_state != "confirming":
        return ask({"confirm": form("Please confirm", ok="boolean")}, "confirming")
    return said(text("state-ok"))


@tool("test_input_required_result_tampered_state", "Has a state that nobody may change")
async def _tampered(_context: Context, params: CallToolRequestParams) -> Answer:
    if not answered(params, "confirm") or params.request_state != "sealed":
        return ask({"confirm": form("Please confirm", ok="boolean")}, "sealed")
    return said(text("The state came back as it went out."))


@tool("test_input_required_result_multiple_inputs", "Asks three things at once")
async def _multiple(_context: Context, params: CallToolRequestParams) -> Answer:
    if not answered(params, "user_name", "greeting", "client_roots"):
        questions = {
            "user_name": form("What is your name?", name="string"),
            "greeting": sample("Generate a greeting", 50),
            "client_roots": ROOTS,
        }
        return ask(questions, "three")
    name, greeting = elicited(params, "user_name", "name"), sampled(params, "greeting")
    return said(text(f"{greeting}, {name} at {roots(params, 'client_roots')}"))


@tool("test_input_required_result_multi_round", "Asks one thing after the other")
async def _rounds(_context: Context, params: CallToolRequestParams) -> Answer:
    if params.request_state is None or not answered(params, "step1" if _first(params) else "step2"):
        return ask({"step1": form("Step 1: What is your name?", name="string")}, "round 1")
    if _first(params):
        name = elicited(params, "step1", "name")
        question = form("Step 2: What is your favorite color?", color="string")
        return ask({"step2": question}, f"round 2 of {name}")
    name = params.request_state.removeprefix("round 2 of ")
    return said(text(f"{name} likes {elicited(params, 'step2', 'color')}"))


def _first(params: CallToolRequestParams) -> bool:
    return params.request_state == "round 1"


@tool("test_input_required_result_capabilities", "Asks what this client can answer")
async def _capabilities(context: Context, params: CallToolRequestParams) -> Answer:
    able = context.session.client_capabilities
    questions = {}
    if able is not None and able.elicitation is not None:
        questions["user_name"] = form("What is your name?", name="string")
    if able is not None and able.sampling is not None:
        questions["greeting"] = sample("Generate a greeting", 50)
    if questions and not answered(params, *questions):
        return ask(questions)
    return said(text(f"Asked {len(questions)} things."))


def input_required_prompt(params: GetPromptRequestParams) -> Answer:
    """`prompts/get` of the prompt that asks the user."""
    if not answered(params, "user_context"):
        return ask({"user_context": form("What context should the prompt use?", context="string")})
    content = text(f"In the context of {elicited(params, 'user_context', 'context')}")
    return result(messages=[{"role": "user", "content": content}])
