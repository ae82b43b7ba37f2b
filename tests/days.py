"""Journals of several days, in no time."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from helio.audit import recovery
from helio.audit.journal import Journal
from helio.audit.record import Row, row_of
from helio.governance.store import LocalStore

FIRST = datetime(2026, 1, 2, 8, tzinfo=UTC)


class Days:
    """A journal's writer whose clock is where it is put. Day 0 is that of `first`."""

    def __init__(self, directory: Path, seed: int = 0, first: datetime = FIRST) -> None:
        self.directory = directory
        self.first = self.now = first
        self._chance = random.Random(seed)
        self._number = 0

    def clock(self) -> int:
        """Wall time in ns."""
        self.now += timedelta(milliseconds=1)
        return int(self.now.timestamp() * 1000) * 10**6

    async def write(
        self, *days: int, calls: int = 20, left_open: int = 0, late: int = 0, restarts: bool = False
    ) -> None:
        """Calls of every ending on each day; `late` of a day get their outcome on the next one, and
        `left_open` of the last day none."""
        self.now = self.first + timedelta(days=days[0])
        journal = await self._opened()
        later: list[str] = []
        for day in days:
            self.now = self.first + timedelta(days=day)
            if restarts and day != days[0]:
                await journal.close()
                journal = await self._opened()
                later = []  # The restart ended them.
            for name in later:
                await journal.append_outcome("outcome", {"call_id": name, "status": "answered"})
            later = []
            for _ in range(calls):
                await self._call(journal)
            for _ in range(late):
                later.append(await self._intent(journal))
        for name in later:
            await journal.append_outcome("outcome", {"call_id": name, "status": "answered"})
        for _ in range(left_open):
            await self._intent(journal)
        await journal.close()

    async def _opened(self) -> Journal:
        journal = Journal.open(self.directory, clock=self.clock)
        await journal.start(lambda: {"windows": LocalStore().snapshot(0)})
        await journal.close_open_intents()
        return journal

    async def _call(self, journal: Journal) -> None:
        chance = self._chance
        kind = chance.choice(["intent", "intent", "blocked", "rejected", "policy_loaded"])
        if kind != "intent":
            await journal.append_outcome(kind, self._data())
            return
        name = await self._intent(journal)
        outcome = {
            "call_id": name,
            "status": chance.choice(["answered", "upstream_error", "not_forwarded"]),
            "upstream_response": chance.choice([None, '{"n":12345678901234567890.10}']),
            "total_duration_ms": chance.choice([None, 0.1, 1234.5]),
        }
        await asyncio.gather(journal.append_outcome("outcome", outcome))

    async def _intent(self, journal: Journal) -> str:
        data = self._data()
        await journal.append_intent(data)
        return str(data["call_id"])

    def _data(self) -> dict[str, Any]:
        self._number += 1
        chance = self._chance
        return {
            "call_id": f"c{self._number}-{self.now.day}",
            "timestamp": self.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "agent_id": chance.choice(["ann", "bob", None]),
            "tool_name": chance.choice(["create_payment", "send mail", "naïve 🦀\n", "'; DROP"]),
            "tool_input": chance.choice(["{}", '{"amount":1.10}', '{"a":"\\u0000"}']),
            "policy_decision": chance.choice(["allow", "deny"]),
            "spend": chance.choice([None, {"GBP": "1.10"}]),
            "budgets": chance.choice([None, [{"budget": "b", "key": "global=", "amount": "2"}]]),
        }


def rows_of(directory: Path) -> list[Row]:
    """The rows of the journal, by the plain definition of a row; open calls are none."""
    lines = list(recovery.read(directory))
    ended = {line.values()["call_id"]: line.values() for line in lines if line.kind == "outcome"}
    made = []
    for line in lines:
        data = line.values()
        if line.kind == "intent" and data["call_id"] in ended:
            made.append(row_of(line.kind, line.at, data, ended[data["call_id"]]))
        elif line.kind not in ("segment", "intent", "outcome"):
            made.append(row_of(line.kind, line.at, data))
    return made
