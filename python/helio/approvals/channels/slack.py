"""A Slack channel: a message with buttons for each ticket, which tells the result in the end.

Above: `helio.app`, `slack_actions` (what people do with the buttons). Below: `slack_messages`,
`slack_requests`, `dialling`, `attempts`, slack_sdk. Where the messages are is in the tickets'
receipts, so that they are found again after a restart.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from helio.approvals.channels.attempts import Attempts, Setback
from helio.approvals.channels.dialling import dialling, retry_after, told
from helio.approvals.channels.slack_messages import Block, SlackMessage, question, result
from helio.approvals.channels.slack_requests import Person, Verifier
from helio.config.channels import SLACK_API
from helio.errors import NotificationFailed
from helio.governance.feedback import instant
from helio.governance.ticket import Ticket

logger = logging.getLogger(__name__)

MOST_REPLIES: Final = 32
"""Replies to people that are under way at once; a click beyond gets none."""

_PASSING: Final = frozenset(
    ("ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable")
)
_ADVICE: Final = {
    "not_in_channel": "invite the app to the channel",
    "channel_not_found": "check `channel`, and invite the app if it is a private one",
    "is_archived": "the channel is archived",
    "invalid_auth": "check `bot_token`",
    "not_authed": "check `bot_token`",
    "account_inactive": "the app was removed from the workspace",
    "token_revoked": "install the app again, and take its new `bot_token`",
    "missing_scope": "give the app the scope `chat:write`",
}

# At its usual level the library writes arguments into the log.
_library_logger = logging.getLogger(f"{__name__}.web_api")
_library_logger.setLevel(logging.WARNING)


class Place(NamedTuple):
    """Where a message is: the conversation's id, and the message's."""

    channel: str
    ts: str


class SlackChannel:
    """See `helio.approvals.channels.port.Channel`. `approvers` empty: all who see the messages.

    `now` gives seconds since 1970.
    """

    kind: Final = "slack"

    def __init__(
        self,
        name: str,
        *,
        bot_token: str,
        signing_secret: str,
        channel: str,
        approvers: Collection[str] = (),
        api_url: str = SLACK_API,
        attempts: Attempts | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name: Final = name
        self.verifier: Final = Verifier(signing_secret, now)
        self._channel = channel
        self._approvers = frozenset(approvers)
        self._session = dialling(api_url)
        self._api = AsyncWebClient(
            token=bot_token,
            base_url=api_url,
            session=self._session,
            logger=_library_logger,
            retry_handlers=[],
        )
        # The library takes it from the environment.
        self._api.proxy = None
        self._attempts = attempts or Attempts()
        self._now = now
        # Slack takes about one message a second: many at once would all be sent away, and at last
        # give up.
        self._posting = asyncio.Lock()
        self._replies: set[asyncio.Task[None]] = set()

    # for the broker

    async def notify(
        self, ticket: Ticket, occasion: Literal["requested", "escalated"]
    ) -> Mapping[str, object]:
        """See `helio.approvals.channels.port.Channel`. The receipt names every message,
        and says when and after how many attempts the last one was posted."""
        message = question(ticket, occasion)

        async def post() -> Place:
            answer = await self._call(
                self._api.chat_postMessage,
                channel=self._channel,
                unfurl_links=False,
                unfurl_media=False,
                mrkdwn=False,
                **_arguments(message),
            )
            return Place(str(answer["channel"]), str(answer["ts"]))

        async with self._posting:
            place, attempts = await self._attempts.of(post)
        before = [each._asdict() for each in self.places(ticket)]
        at = instant(int(self._now() * 1_000_000_000))
        return {"messages": [*before, place._asdict()], "attempts": attempts, "at": at}

    async def resolved(self, ticket: Ticket) -> None:
        """See `helio.approvals.channels.port.Channel`."""
        for place in self.places(ticket):
            await self._update(ticket, place)

    async def aclose(self) -> None:
        """See `helio.approvals.channels.port.Channel`."""
        for reply in self._replies:
            reply.cancel()
        await asyncio.gather(*self._replies, return_exceptions=True)
        await self._session.close()

    # for what people do

    def places(self, ticket: Ticket) -> Iterator[Place]:
        """Where this channel's messages of a ticket are."""
        messages: Any = ticket.receipts.get(self.name, {}).get("messages", ())
        for each in messages:
            yield Place(each["channel"], each["ts"])

    def asks(self, ticket: Ticket) -> bool:
        """Whether this is one of the channels that a ticket is answered by."""
        return self.name in (*ticket.channels, *ticket.delegates, *ticket.receipts)

    def may_answer(self, person: Person) -> bool:
        """Whether a person may approve and deny."""
        return not self._approvers or person.id in self._approvers

    def say(self, person: Person, place: str, text: str) -> None:
        """Tells one person something that nobody else sees."""
        self._reply(self._say(person, place, text))

    def open_dialog(self, trigger: str, view: Block) -> None:
        """Shows a dialog to whoever pulled the trigger."""
        self._reply(self._call(self._api.views_open, trigger_id=trigger, view=view))

    def say_result(self, person: Person, ticket: Ticket, place: Place, text: str) -> None:
        """Tells who answers too late, and has the message, of which Helio may not know, tell all
        others."""

        async def reply() -> None:
            await self._say(person, place.channel, text)
            await self._update(ticket, place)

        self._reply(reply())

    # inside

    async def _say(self, person: Person, place: str, text: str) -> None:
        ephemeral = self._api.chat_postEphemeral
        await self._call(ephemeral, channel=place, user=person.id, text=text)

    async def _update(self, ticket: Ticket, place: Place) -> None:
        message = result(ticket)

        async def update() -> None:
            await self._call(self._api.chat_update, **place._asdict(), **_arguments(message))

        await self._attempts.of(update)

    def _reply(self, reply: Coroutine[Any, Any, object]) -> None:
        """Slack waits three seconds for an answer to a click, and not for what follows from it."""
        if len(self._replies) >= MOST_REPLIES:
            reply.close()
            logger.warning("the channel %s replies to too many clicks at once", self.name)
            return
        task = asyncio.create_task(self._replied(reply))
        self._replies.add(task)
        task.add_done_callback(self._replies.discard)

    async def _replied(self, reply: Awaitable[object]) -> None:
        try:
            await reply
        except NotificationFailed as failure:
            logger.warning("the channel %s could not reply to a click: %s", self.name, failure)
        except Setback as setback:
            logger.warning("the channel %s could not reply to a click: %s", self.name, setback.why)

    async def _call(
        self, method: Callable[..., Awaitable[AsyncSlackResponse]], **arguments: Any
    ) -> AsyncSlackResponse:
        """Calls the Web API once. Raises `Setback` and `NotificationFailed`."""
        with told():
            try:
                return await method(**arguments)
            except SlackApiError as error:
                raise _failure(error) from None


def _arguments(message: SlackMessage) -> dict[str, Any]:
    return {"text": message.text, "blocks": message.blocks}


def _failure(error: SlackApiError) -> Setback | NotificationFailed:
    """What Slack refused, as `Attempts` takes it."""
    answer: Any = error.response
    status = getattr(answer, "status_code", None)
    if status is None:
        return Setback("Slack gave no answer that can be read")
    if status == 429:
        return Setback("Slack asks for a pause", retry_after(answer.headers.get("retry-after")))
    if status >= 500:
        return Setback(f"Slack answered {status}")
    code = str(answer.get("error") or f"status {status}")
    if code in _PASSING:
        return Setback(f"Slack says {code}")
    advice = _ADVICE.get(code)
    return NotificationFailed(f"Slack says {code}" + (f": {advice}" if advice else ""))
