"""What people do in Slack: clicks on Approve and Deny, and the reasons that they give.

Above: `helio.transport.slack_actions` (the path that Slack sends to), `helio.app`. Below:
`slack_requests`, `slack`, and whoever resolves tickets (`Desk`). Slack never breaks the glass.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import orjson

from helio.approvals.channels.slack import Place, SlackChannel
from helio.approvals.channels.slack_messages import (
    ending_of,
    literal,
    notice_dialog,
    reason_dialog,
)
from helio.approvals.channels.slack_requests import (
    Click,
    Person,
    Reason,
    SeenOnce,
    Unreadable,
    read,
)
from helio.errors import AlreadyResolved, JournalUnavailable, UnknownTicket
from helio.governance.ticket import Ticket

logger = logging.getLogger(__name__)

QUIET_SECONDS: Final = 10.0
"""How long the log says nothing more about requests that are refused."""

_NOT_YOURS: Final = "You are not among those who may answer this."
_NOT_RECORDED: Final = "Your answer could not be recorded, so it does not count. Please try again."
_NOT_KNOWN: Final = "Helio does not know this ticket any more."


class Desk(Protocol):
    """Where tickets are resolved (`helio.approvals.broker.Broker`)."""

    def get(self, ticket_id: str) -> Ticket:
        """Raises `UnknownTicket`."""

    async def approve(self, ticket_id: str, by: str) -> Ticket:
        """Raises `UnknownTicket`, `AlreadyResolved` and `JournalUnavailable`."""

    async def deny(self, ticket_id: str, by: str, reason: str | None = None) -> Ticket:
        """Raises as `approve`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Slack is answered: an HTTP status, and JSON or nothing."""

    status: int
    body: bytes = b""


_DONE: Final = Answer(200)


class SlackActions:
    """Takes the requests of all Slack channels; the secret that verifies one tells whose it is.
    `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        channels: Sequence[SlackChannel],
        desk: Desk,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channels = channels
        self._desk = desk
        self._clock = clock
        self._seen = SeenOnce(clock)
        self._quiet_until = float("-inf")

    async def handle(self, timestamp: str, signature: str, body: bytes) -> Answer:
        """Answers a request by its headers `X-Slack-Request-Timestamp`, `X-Slack-Signature` and the
        body's bytes as they came."""
        senders = [
            each for each in self._channels if each.verifier.signed(timestamp, signature, body)
        ]
        if not senders:
            return self._refused(401, "the signature does not count here, or is too old")
        if self._seen.full:
            return self._refused(503, "too many signed requests came in the last minutes")
        if not self._seen.first(signature):
            return self._refused(403, "this request came before")
        try:
            done = read(body)
        except Unreadable as error:
            return self._refused(400, str(error))
        if isinstance(done, Reason):
            return await self._denied(done, senders)
        if done is not None:
            await self._clicked(done, senders)
        return _DONE

    async def _clicked(self, click: Click, senders: Sequence[SlackChannel]) -> None:
        place = Place(click.place, click.ts)
        try:
            ticket = self._desk.get(click.ticket_id)
        except UnknownTicket:
            senders[0].say(click.person, place.channel, _NOT_KNOWN)
            return
        channel = _asking(ticket, place, senders)
        if channel is None:
            _log_refused(ticket, click.person, "this channel was not asked")
            senders[0].say(click.person, place.channel, _NOT_YOURS)
        elif not channel.may_answer(click.person):
            _log_refused(ticket, click.person, f"not an approver of {channel.name}")
            channel.say(click.person, place.channel, _NOT_YOURS)
        elif not ticket.is_pending:
            self._too_late(click, channel)
        elif click.approves:
            await self._approve(click, channel)
        else:
            channel.open_dialog(click.trigger, reason_dialog(ticket, channel.name))

    async def _approve(self, click: Click, channel: SlackChannel) -> None:
        try:
            await self._desk.approve(click.ticket_id, click.person.label)
        except AlreadyResolved:
            self._too_late(click, channel)
        except JournalUnavailable:
            channel.say(click.person, click.place, _NOT_RECORDED)

    def _too_late(self, click: Click, channel: SlackChannel) -> None:
        ticket = self._desk.get(click.ticket_id)
        place = Place(click.place, click.ts)
        channel.say_result(click.person, ticket, place, literal(_ended(ticket)))

    async def _denied(self, reason: Reason, senders: Sequence[SlackChannel]) -> Answer:
        """What the dialog does next: it goes away, or says why the call is not denied."""
        try:
            ticket = self._desk.get(reason.ticket_id)
            channel = next((each for each in senders if each.name == reason.channel), None)
            if channel is None or not channel.asks(ticket) or not channel.may_answer(reason.person):
                _log_refused(ticket, reason.person, "not an approver")
                return _shown(_NOT_YOURS)
            await self._desk.deny(reason.ticket_id, reason.person.label, reason.text)
        except UnknownTicket:
            return _shown(_NOT_KNOWN)
        except AlreadyResolved:
            return _shown(_ended(self._desk.get(reason.ticket_id)))
        except JournalUnavailable:
            return _shown(_NOT_RECORDED)
        return _DONE

    def _refused(self, status: int, why: str) -> Answer:
        now = self._clock()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_SECONDS
            logger.warning("a request to /slack/actions was refused: %s", why)
        return Answer(status, orjson.dumps({"error": why}))


def _asking(ticket: Ticket, place: Place, senders: Sequence[SlackChannel]) -> SlackChannel | None:
    """The channel that a message of a ticket is of. One that is not known, because Slack did not
    say that it took it, is of the only channel that it can be of."""
    for each in senders:
        if place in each.places(ticket):
            return each
    asked = [each for each in senders if each.asks(ticket)]
    return asked[0] if len(asked) == 1 else None


def _ended(ticket: Ticket) -> str:
    by = "" if ticket.resolved_by is None else f", by {ticket.resolved_by}"
    return f"This was answered before. {ending_of(ticket)}{by}."


def _shown(text: str) -> Answer:
    update = {"response_action": "update", "view": notice_dialog(text)}
    return Answer(200, orjson.dumps(update))


def _log_refused(ticket: Ticket, person: Person, why: str) -> None:
    logger.warning("ticket %s: %s may not answer it: %s", ticket.id, person.label, why)
