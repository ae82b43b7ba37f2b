"""The people behind approvals: they look at the queue of one Helio, and answer by its API."""

import asyncio
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from processes import HelioProcess

PATIENCE = 20.0
"""Seconds until a ticket that should be there is missed."""


@dataclass
class People:
    """Whoever knows the operator's secret of this Helio; `patience` in seconds."""

    helio: HelioProcess
    patience: float = PATIENCE

    def tickets(self, **wanted: str) -> list[dict[str, Any]]:
        """The tickets, filtered as the API does."""
        query = urllib.parse.urlencode({"limit": "1000", **wanted})
        status, body = self._ask("GET", f"?{query}")
        assert status == 200, body
        return list(body["data"])

    def ticket(self, ticket_id: str) -> dict[str, Any]:
        """One ticket."""
        status, body = self._ask("GET", f"/{ticket_id}")
        assert status == 200, body
        return dict(body["data"])

    def rows(self, mark: str) -> list[dict[str, Any]]:
        """The audit's rows of the calls with this mark in their arguments, as far as it is read."""
        found = self.helio.ask("/api/audit?record_kind=tool_call&limit=500")["data"]
        return [row for row in found if f'"{mark}"' in json.dumps(row["tool_input"])]

    def row(self, mark: str) -> dict[str, Any]:
        """The only one, once it is there."""
        self.until(lambda: bool(self.rows(mark)))
        (row,) = self.rows(mark)
        return row

    def approve(self, ticket: dict[str, Any], by: str = "ann") -> int:
        """The HTTP status: 200, or 409 for a ticket that is over."""
        return self._ask("POST", f"/{ticket['id']}/approve", {"approved_by": by})[0]

    def deny(self, ticket: dict[str, Any], reason: str | None = None, by: str = "ann") -> int:
        """Likewise."""
        said = {"denied_by": by} | ({} if reason is None else {"reason": reason})
        return self._ask("POST", f"/{ticket['id']}/deny", said)[0]

    def break_glass(self, ticket: dict[str, Any], reason: str, by: str = "ann") -> int:
        """Likewise."""
        said = {"approved_by": by, "reason": reason}
        return self._ask("POST", f"/{ticket['id']}/break-glass", said)[0]

    def wait_for(self, count: int = 1, status: str = "pending") -> list[dict[str, Any]]:
        """The tickets of this status, once there are so many."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = self.tickets(status=status)
            return len(found) >= count

        self.until(there, self.patience)
        return found

    async def waiting(self, count: int = 1, status: str = "pending") -> list[dict[str, Any]]:
        """The same, while the test goes on."""
        return await asyncio.to_thread(self.wait_for, count, status)

    @staticmethod
    def until(holds: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Asks again and again: another process has no event for it."""
        deadline = time.monotonic() + patience
        while not holds():
            assert time.monotonic() < deadline, "it did not come to that"
            time.sleep(0.02)

    def _ask(self, method: str, path: str, said: object = None) -> tuple[int, Any]:
        asked = urllib.request.Request(
            f"{self.helio.operator_url}/api/approvals{path}",
            method=method,
            data=None if said is None else json.dumps(said).encode(),
            headers={
                "authorization": f"Bearer {self.helio.secret}",
                "content-type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
