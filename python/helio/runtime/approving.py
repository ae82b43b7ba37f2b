"""Has a person decide about one call: asks, keeps the agent's request open meanwhile, and turns
what comes of it into an event.

Above: `driver`. Below: `helio.approvals.broker`, `exchange`.
"""

import logging
from dataclasses import replace

from helio.approvals.broker import Broker
from helio.errors import AlreadyResolved, JournalUnavailable, TooManyTickets
from helio.governance.ticket import ApprovalRequest, State, Ticket
from helio.pipeline import commands, events
from helio.runtime import clock
from helio.runtime.exchange import Exchange

logger = logging.getLogger(__name__)

Settlement = commands.UseApprovals | commands.GiveBackApprovals


async def ask(
    broker: Broker | None, request: ApprovalRequest, exchange: Exchange
) -> (
    events.Approved
    | events.NotApproved
    | events.ApprovalPending
    | events.AskingRefused
    | events.RecordingFailed
):
    """The event that answers `helio.pipeline.commands.AskApproval`."""
    if broker is None:
        why = "there is no port on which people could answer (`helio stdio --operator` opens it)"
        return events.AskingRefused(why)
    started = clock.now().monotonic
    try:
        ticket = await broker.ask(request)
    except TooManyTickets as error:
        return events.AskingRefused(str(error))
    except JournalUnavailable as error:
        return events.RecordingFailed(str(error))
    if ticket.is_pending:
        if broker.mode == "return":
            return events.ApprovalPending(ticket)
        ticket = await _hold(broker, ticket, exchange)
    waited = clock.now().monotonic - started
    if ticket.allows:
        return events.Approved(ticket, waited)
    return events.NotApproved(ticket, waited)


async def _hold(broker: Broker, ticket: Ticket, exchange: Exchange) -> Ticket:
    """The ticket when it is over, or when nobody waits for it any more.

    Whoever went away does not get the call, even if it is approved at this very moment: then the
    approval is there for the same call sent again.
    """
    resolved = broker.waiter(ticket.id)
    try:
        how = await exchange.hold(ticket, resolved)
    except BaseException:
        broker.client_gone(ticket.id)
        raise
    if how == "resolved":
        return resolved.result()
    if how == "cancelled":
        try:
            return await broker.cancel(ticket.id)
        except AlreadyResolved as error:
            logger.info("ticket %s was cancelled too late: %s", ticket.id, error)
        except JournalUnavailable as error:
            logger.error("ticket %s could not be cancelled: %s", ticket.id, error)
    broker.client_gone(ticket.id)
    return replace(ticket, state=State.LEFT)


def settle(broker: Broker | None, command: Settlement) -> None:
    """Uses approvals up, or gives them back."""
    if broker is None:
        return
    match command:
        case commands.UseApprovals():
            broker.use(command.tickets, command.call_id)
        case commands.GiveBackApprovals():
            broker.give_back(command.tickets, command.call_id)
