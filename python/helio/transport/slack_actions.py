"""Where Slack sends what people do with its messages: one path of the agents' port.

Above: `helio.app`. Below: `helio.approvals.channels.slack_actions` (verifies and answers),
`helio.transport.admission`. Nothing that comes here is kept in the audit before it is verified:
anybody can send it.
"""

from typing import Final

from aiohttp.web import BaseRequest, StreamResponse

from helio.approvals.channels.slack_actions import SlackActions
from helio.protocol.media import FORM, JSON, essence
from helio.transport.admission import Guards, Rejection
from helio.transport.door import Handler
from helio.transport.http import respond
from helio.transport.inbound import Whole

MAX_BODY: Final = 256 * 1024
"""Bytes: a payload holds the message that was clicked."""


def slack_handler(actions: SlackActions, guards: Guards) -> Handler:
    """Answers Slack. Raises `Rejection`."""

    async def handle(request: BaseRequest) -> StreamResponse:
        try:
            body = await _body(request, guards)
        except Rejection as rejection:
            rejection.recorded = False
            raise
        headers = request.headers
        answer = await actions.handle(
            headers.get("x-slack-request-timestamp", ""),
            headers.get("x-slack-signature", ""),
            body,
        )
        kind = ((b"content-type", JSON.encode()),) if answer.body else ()
        return await respond(Whole(answer.status, kind, answer.body), request)

    return handle


async def _body(request: BaseRequest, guards: Guards) -> bytes:
    if request.method != "POST":
        detail = f"{request.method} is not served here."
        allow = ((b"allow", b"POST"),)
        raise Rejection(405, "method_not_allowed", detail, headers=allow)
    if essence(request.headers.get("content-type")) != FORM:
        raise Rejection(415, "unsupported_media_type", f"The Content-Type must be {FORM}.")
    return await guards.receive(request, MAX_BODY)
