"""Calls that run in the agent's own process: judged, and held open until an adapter says what came
of them.

Above: `adapters`. Below: `helio.runtime` (the driver, for which an evaluation is the call's
exchange), `helio.pipeline`. Lives on one event loop. An evaluation is open from its verdict to its
report, and for no longer than its time: then nobody knows what came of the call, and what it
charged stays charged. When its process ends, the next one goes on with it (`resume`).
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, Literal

from helio.governance.ticket import Ticket
from helio.operator.faults import Refused
from helio.pipeline import events
from helio.pipeline.governance import Governance
from helio.pipeline.machine import CallMachine
from helio.pipeline.resuming import LeftCall, resumed
from helio.runtime import clock
from helio.runtime.driver import Driver
from helio.sideband.reported import Reported
from helio.sideband.reports import Report

logger = logging.getLogger(__name__)

MOST_OPEN: Final = 10_000
"""Evaluations that wait for their report; more are refused."""
MOST_BYTES: Final = 128 * 1024 * 1024
"""Bytes of all their calls together."""
_MOST_REFUSED: Final = 1_000
"""Refusals after a person was asked that are remembered, for adapters that ask a little later."""


class Evaluation:
    """One call, as `helio.runtime.exchange.Exchange`. `ttl` is in seconds.

    `decided`: there is something to say, a verdict or a ticket. `settled`: it is the verdict; then
    the call may run (`allowed`, by `rule`), or `refusal` says why not. `ticket` is what a person is
    asked, `asked` are all that were. `reporting` is held by the one report that is taken now.
    """

    def __init__(
        self,
        machine: CallMachine,
        received: events.CallReceived,
        ttl: float,
        tickets: "dict[str, Evaluation]",
    ) -> None:
        """`tickets`: where those are that wait, by the ticket."""
        self.machine = machine
        self.received = received
        self.call_id = received.call_id
        self.reporting = asyncio.Lock()
        self.allowed = False
        self.rule: str | None = None
        self.refusal: bytes | None = None
        self.ticket: Ticket | None = None
        self.decided = asyncio.Event()
        self.settled = asyncio.Event()
        self._ttl = self._left = ttl
        self._tickets = tickets
        self.asked: list[str] = []
        self._moved = asyncio.Event()
        self._report: asyncio.Future[Report | None] = asyncio.get_running_loop().create_future()
        self.expired = False

    def go_on(self, left: LeftCall, now: events.Moment, ticket: Ticket | None) -> None:
        """Another process let the call run, for as long as is `left` of its time now."""
        self._left = max(0.0, self._ttl - max(0, now.wall - left.started.wall) / 1e9)
        self.rule = left.rule
        self.ticket = ticket
        self.asked.extend(left.tickets)
        self._tickets.update(dict.fromkeys(left.tickets, self))
        self.allowed = True
        self.end()

    def leave_open(self) -> bool:
        """This process ends; False for a call that may not run yet, which nobody goes on with."""
        if self.allowed and not self._report.done():
            self._report.set_result(None)
        return self.allowed

    def takes(self, report: Report) -> bool:
        """Whether this can have come of the call as it stands."""
        is_held = self.ticket is not None and not self.settled.is_set()
        return self.allowed or (is_held and report.status == "not_executed")

    def report(self, report: Report) -> bool:
        """What came of the call, once; False when its time was over."""
        if self._report.done():
            return False
        self._report.set_result(report)
        return True

    async def forward(
        self,
    ) -> events.UpstreamAnswered | events.UpstreamFailed | events.LeftOpen:
        """Waits for the report."""
        began = clock.now().monotonic
        if not self.allowed:
            self.rule = self.machine.rule
            self.allowed = True
            self.end()
        try:
            async with asyncio.timeout(self._left):
                report = await self._report
        except TimeoutError:
            if not self._report.cancelled():  # It came at that very moment, and was taken.
                return _outcome(self._report.result())
            self.expired = True
            waited = clock.now().monotonic - began
            detail = f"no report came within {self._ttl:g} s"
            return events.UpstreamFailed(
                events.EXPIRED, detail, sent=True, latency=waited, report=events.EXPIRED
            )
        return _outcome(report)

    async def hold(
        self, ticket: Ticket, resolved: asyncio.Future[Ticket]
    ) -> Literal["resolved", "gone", "cancelled"]:
        """Waits for the ticket; the adapter is told of it meanwhile, and asks again. It is gone
        when it reports that it will not make the call."""
        self.ticket = ticket
        self.asked.append(ticket.id)
        self._tickets[ticket.id] = self
        self.decided.set()
        self._moved.set()
        await asyncio.wait((resolved, self._report), return_when=asyncio.FIRST_COMPLETED)
        if not resolved.done():
            return "gone"
        self.ticket = resolved.result()
        return "resolved"

    async def moved_on(self, ticket_id: str) -> None:
        """Returns when a ticket that was resolved had its effect."""
        while not self.settled.is_set() and self.ticket is not None and self.ticket.id == ticket_id:
            self._moved.clear()
            await self._moved.wait()

    async def deliver(self) -> None:
        """Nobody waits for an answer: the tool's result never left the agent's process."""

    async def answer(self, body: bytes) -> None:
        """What Helio says of a call that must not run."""
        if not self.allowed:
            self.refusal = body
            self.end()

    def end(self) -> None:
        """There is nothing to wait for any more but the report."""
        self.decided.set()
        self.settled.set()
        self._moved.set()

    def forget(self) -> None:
        """It is over: its tickets are nobody's."""
        for ticket_id in self.asked:
            self._tickets.pop(ticket_id, None)


class Evaluations:
    """All that are open, and what was reported of those that were. `ttl` is in seconds."""

    def __init__(
        self,
        driver: Driver,
        ttl: float,
        note_expired: Callable[[events.CallReceived], None],
        *,
        most: int = MOST_OPEN,
        most_bytes: int = MOST_BYTES,
        reported: Reported | None = None,
    ) -> None:
        """`note_expired` keeps in the audit that nobody reported about a call. At `most` so many
        are open, whose calls have at most so many bytes together. `reported` remembers the reports
        of those that are not."""
        self._driver = driver
        self._note_expired = note_expired
        self._ttl = ttl
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._open: dict[str, tuple[Evaluation, asyncio.Task[None]]] = {}
        self._closed = Reported() if reported is None else reported
        self._tickets: dict[str, Evaluation] = {}
        self._refused: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._closing = False

    def __len__(self) -> int:
        return len(self._open)

    async def begin(self, received: events.CallReceived, governance: Governance) -> Evaluation:
        """Has a call judged. Raises `Refused` past the bound, and where it could not be judged."""
        if self._closing:
            raise _closing()
        if len(self._open) >= self._most or self._bytes + _bytes(received) > self._most_bytes:
            raise Refused(
                503,
                f"{len(self._open)} evaluations wait for their report, and no more are taken",
                headers={"retry-after": "5"},
                more={"reason": "too_many_open"},
            )
        machine = CallMachine(governance)
        evaluation = Evaluation(machine, received, self._ttl, self._tickets)
        self._add(evaluation, received)
        await evaluation.decided.wait()
        return evaluation

    def resume(self, left: LeftCall, governance: Governance, ticket: Ticket | None) -> None:
        """Goes on with a call that was left open by another process; `ticket` is the last that it
        was approved by."""
        machine, received = resumed(left, governance)
        evaluation = Evaluation(machine, received, self._ttl, self._tickets)
        evaluation.go_on(left, clock.now(), ticket)
        # Somebody may have reported, and nobody knows whether that was recorded.
        self._closed.forget(left.call_id)
        self._add(evaluation, received)

    def of_ticket(self, ticket_id: str) -> Evaluation | None:
        """The open evaluation that a person is asked about by this ticket."""
        return self._tickets.get(ticket_id)

    def refused(self, ticket_id: str) -> tuple[str, bytes] | None:
        """The evaluation that a person was asked about by this ticket, and the refusal that it
        ended with; None where it did not, or where that is forgotten."""
        return self._refused.get(ticket_id)

    async def report(
        self,
        call_id: str,
        report: Report,
        keep: Callable[[events.CallReceived], Awaitable[None]],
        admit: Callable[[events.CallReceived], None],
    ) -> bool:
        """Keeps what came of a call; False when it is known already. `admit` says first whether who
        reports may, `keep` keeps what else the report brings; when one of them raises, nothing was
        reported. A call about which a person is asked can only be given up.

        Raises `Refused` for an unknown evaluation (404), (409) for one that was reported otherwise,
        that expired, or whose call may not run, and (422) for an amount of which nobody can say
        what it is.
        """
        entry = self._open.get(call_id)
        if entry is None:
            return self._known(call_id, report)
        evaluation, task = entry
        admit(evaluation.received)
        async with evaluation.reporting:
            if call_id in self._closed:
                return self._known(call_id, report)
            if not evaluation.takes(report):
                raise _conflict("not_allowed", "this call was not allowed to run")
            _check_amount(report, evaluation.machine.prices)
            await keep(evaluation.received)
            accepted = evaluation.report(report)
            if accepted:
                self._closed.remember(call_id, report.digest().hex())
            await asyncio.shield(task)
            return accepted or self._known(call_id, report)

    def _known(self, call_id: str, report: Report) -> bool:
        """False for a report that was taken before. Raises `Refused` for every other."""
        if call_id not in self._closed and self._closing:
            raise _closing()
        if call_id not in self._closed:
            raise Refused(404, "no such evaluation waits", more={"reason": "unknown_evaluation"})
        known = self._closed.of(call_id)
        if known == events.EXPIRED:
            raise _conflict("expired", "this evaluation expired: nobody reported in time")
        if known != report.digest().hex():
            raise _conflict("reported_otherwise", "this call was reported otherwise before")
        return False

    async def aclose(self) -> None:
        """Leaves open what waits for a report: the next process goes on with it. Gives up what
        waits for a person; the tickets stay."""
        self._closing = True
        opened = list(self._open.values())
        for evaluation, task in opened:
            if not evaluation.leave_open():
                task.cancel()
        await asyncio.gather(*(task for _, task in opened), return_exceptions=True)

    def _add(self, evaluation: Evaluation, received: events.CallReceived) -> None:
        task = asyncio.create_task(self._run(evaluation, received))
        self._open[received.call_id] = (evaluation, task)
        self._bytes += _bytes(received)

    async def _run(self, evaluation: Evaluation, received: events.CallReceived) -> None:
        try:
            await self._driver.run(evaluation.machine, received, evaluation)
        except Exception:
            logger.exception("evaluation %s failed", received.call_id)
        finally:
            if evaluation.expired:
                self._closed.remember(received.call_id, events.EXPIRED)
                self._note_expired(received)
            if evaluation.refusal is not None:
                self._remember_refusal(evaluation, evaluation.refusal)
            evaluation.forget()
            del self._open[received.call_id]
            self._bytes -= _bytes(received)
            evaluation.end()

    def _remember_refusal(self, evaluation: Evaluation, refusal: bytes) -> None:
        for ticket_id in evaluation.asked:
            self._refused[ticket_id] = (evaluation.call_id, refusal)
            if len(self._refused) > _MOST_REFUSED:
                self._refused.popitem(last=False)


def _bytes(received: events.CallReceived) -> int:
    return len(received.message.body) + len(received.metadata or b"")


def _outcome(
    report: Report | None,
) -> events.UpstreamAnswered | events.UpstreamFailed | events.LeftOpen:
    if report is None:
        return events.LeftOpen()
    known = report.digest().hex()
    if report.status == "not_executed":
        detail = report.error or "the agent did not run it"
        return events.UpstreamFailed("not_executed", detail, sent=False, latency=0, report=known)
    body = b'{"jsonrpc":"2.0","id":0,"result":' + (report.result or b"null") + b"}"
    error = (report.error or "the tool failed") if report.status == "error" else None
    return events.UpstreamAnswered(
        200,
        body,
        b"",
        error,
        report.latency,
        actual_amount=report.actual_amount,
        report=known,
    )


def _check_amount(report: Report, prices: frozenset[tuple[str, str | None]]) -> None:
    """One amount can only take the place of one. Raises `Refused`."""
    if report.actual_amount is not None and len(prices) > 1:
        counted = ", ".join(sorted(f"{amount} {currency}" for amount, currency in prices))
        raise Refused(
            422,
            f"actual_amount: this call counts as several amounts ({counted}), and nothing says "
            "which of them it is: report without it, and what was reserved is charged",
            more={"reason": "ambiguous_amount"},
        )


def _closing() -> Refused:
    return Refused(
        503,
        "Helio is about to end; what is open stays so: report when it is back",
        headers={"retry-after": "5"},
        more={"reason": "closing"},
    )


def _conflict(reason: str, text: str) -> Refused:
    return Refused(409, text, more={"reason": reason})
