"""The OpenAPI document of the SDK port: its paths, what they take, and everything they answer.

Above: `api` (serves it), `helio schema --openapi`. Below: `openapi_schemas`. Pure. It says
nothing of the Helio that serves it, and needs no token.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from helio.evaluator import VERSION
from helio.sideband import openapi_schemas as schemas
from helio.sideband.access import DOCUMENT_PATH, HEALTH_PATH
from helio.sideband.openapi_schemas import Schema, list_of, object_of, reference

_ERRORS: Final[Mapping[int, str]] = {
    400: "The request cannot be meant; `error` names the key",
    401: "The token is missing, unknown, expired, or for something else",
    403: "A Host that is not allowed, an Origin, or an agent or evidence that the token is not for",
    404: "There is no such thing",
    408: "The body did not come in time",
    409: "It was said otherwise before, or it is over",
    413: "Too large",
    415: "The body is not `application/json`",
    422: "No rule asks for this evidence, or nothing says which amount this is",
    429: "Too much from this token, or for this session; `retry-after` says when to come back",
    500: "Helio could not do it; its log says why. Nothing is allowed by it",
    503: "It cannot be recorded now, or too many evaluations are open: come back later",
}
_LINKS: Final[Schema] = {
    "report": {
        "operationId": "report",
        "requestBody": {
            "evaluation_id": "$response.body#/evaluation_id",
            "status": "success",
        },
    },
    **{
        name: {
            "operationId": name,
            "parameters": {"id": "$response.body#/approval/ticket_id"},
        }
        for name in ("showApproval", "resolveApproval")
    },
}
"""What follows a verdict."""
_ALWAYS: Final = (400, 401, 403, 404, 429, 500)
_WITH_BODY: Final = (408, 413, 415, 503)


def document() -> Schema:
    """The whole document (OpenAPI 3.1)."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Helio's SDK port",
            "version": VERSION,
            "description": "Evidence and context for sessions, and decisions for tools that run in "
            "the agent's own process. Bodies are strict JSON: no key twice, none that is unknown.",
        },
        "servers": [{"url": "http://127.0.0.1:3200"}],
        "paths": _paths(),
        "components": {
            "schemas": schemas.components(),
            "responses": {f"Error{status}": _error(status) for status in _ERRORS},
            "securitySchemes": {
                "sdk": _bearer("HELIO_SDK_TOKEN, or one of `sdk.tokens` with the scope `sdk`"),
                "adapter": _bearer(
                    "HELIO_ADAPTER_TOKEN, or one of `sdk.tokens` with the scope `adapter`"
                ),
            },
        },
    }


def _paths() -> Schema:
    mark, told = reference("Mark"), reference("Marked")
    marks = {"marks": {**list_of(mark), "minItems": 1, "maxItems": schemas.MOST_MARKS}}
    marked = object_of({"data": {"anyOf": [told, list_of(told)]}}, ("data",))
    ticket = {"name": "id", "in": "path", "required": True, "schema": schemas.NAME}
    return {
        HEALTH_PATH: {"get": _health()},
        DOCUMENT_PATH: {
            "get": {
                "operationId": "document",
                "summary": "This document",
                "security": [],
                "responses": {"200": _answer("This document", {"type": "object"})}
                | _refused((403,)),
            }
        },
        "/evidence": {
            "post": _operation(
                "markEvidence",
                "Mark that something was looked at; all marks of a request count, or none",
                "sdk",
                {201: marked},
                body={"anyOf": [mark, object_of(marks, ("marks",))]},
                errors=(422,),
            )
        },
        "/context": {
            "post": _operation(
                "putContext",
                "Keep a value under a name of the session, for people to see",
                "sdk",
                {201: object_of({"data": reference("Kept")}, ("data",))},
                body=reference("Context"),
            )
        },
        "/session/{id}": {
            "get": _operation(
                "showSession",
                "What is known of a session",
                "sdk",
                {200: object_of({"data": reference("Session")}, ("data",))},
                parameters=[
                    {"name": "id", "in": "path", "required": True, "schema": schemas.SESSION_ID},
                    {"name": "agent", "in": "query", "schema": schemas.NAME},
                ],
            )
        },
        "/evaluate": {
            "post": _operation(
                "evaluate",
                "Whether a tool may be called",
                "adapter",
                {200: reference("Verdict")},
                body=reference("Call"),
                links=_LINKS,
            )
        },
        "/install-scan": {
            "post": _operation(
                "scanInstallation",
                "Whether something may be installed",
                "adapter",
                {200: reference("Verdict")},
                body=reference("Installation"),
                links=_LINKS,
            )
        },
        "/audit": {
            "post": _operation(
                "report",
                "What came of a call or of an installation; 200 when that is known already",
                "adapter",
                dict.fromkeys((201, 200), reference("Reported")),
                body=reference("Report"),
                errors=(409, 422),
            )
        },
        "/approval/{id}": {
            "get": _operation(
                "showApproval",
                "How a ticket stands",
                "adapter",
                {200: reference("Standing")},
                parameters=[ticket],
            )
        },
        "/approval/{id}/resolve": {
            "post": _operation(
                "resolveApproval",
                "Say what a person decided",
                "adapter",
                {200: reference("Standing")},
                body=reference("Resolution"),
                parameters=[ticket],
                errors=(409,),
            )
        },
    }


def _operation(
    name: str,
    summary: str,
    scope: str,
    answers: Mapping[int, Schema],
    *,
    body: Schema | None = None,
    parameters: Sequence[Schema] = (),
    errors: Sequence[int] = (),
    links: Schema | None = None,
) -> Schema:
    """One operation. `scope` is what its token is for; `errors` are those that not all have;
    `links` lead from its answers to other operations."""
    found: Schema = {"operationId": name, "summary": summary, "security": [{scope: []}]}
    if parameters:
        found["parameters"] = list(parameters)
    if body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    refusals = (*_ALWAYS, *errors, *(() if body is None else _WITH_BODY))
    linked = {} if links is None else {"links": links}
    told = {str(status): _answer(summary, schema) | linked for status, schema in answers.items()}
    return found | {"responses": told | _refused(sorted(refusals))}


def _health() -> Schema:
    state = object_of({"status": {"enum": ["ok", "unavailable"]}}, ("status",))
    return {
        "operationId": "health",
        "summary": "Whether calls can be recorded",
        "security": [],
        "responses": {
            "200": _answer("They can", state),
            "503": _answer("They cannot", state),
            **_refused((403,)),
        },
    }


def _refused(statuses: Sequence[int]) -> Schema:
    return {str(status): {"$ref": f"#/components/responses/Error{status}"} for status in statuses}


def _answer(what: str, schema: Schema) -> Schema:
    return {"description": what, "content": {"application/json": {"schema": schema}}}


def _error(status: int) -> Schema:
    headers: dict[int, Any] = {
        401: {"www-authenticate": {"required": True, "schema": {"type": "string"}}},
        429: {"retry-after": {"required": True, "schema": {"type": "string"}}},
        503: {"retry-after": {"schema": {"type": "string"}}},
    }
    found = _answer(_ERRORS[status], reference("Error"))
    return found | ({"headers": headers[status]} if status in headers else {})


def _bearer(what: str) -> Schema:
    return {"type": "http", "scheme": "bearer", "description": what}
