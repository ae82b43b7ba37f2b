"""A process that appends to a journal under load until it is killed.

Usage: appender.py DIRECTORY DURABILITY. Writes a line to stdout for every acknowledged record:
`intent ID` or `outcome ID`. Its checkpoint counts, as an application's does, every charge that was
committed.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from helio.audit.journal import Journal

CALLERS = 16
SEGMENT_BYTES = 30_000


class Application:
    def __init__(self, directory: Path, durability: str) -> None:
        self.journal = Journal.open(
            directory,
            durability="full" if durability == "full" else "intent",
            max_segment_bytes=SEGMENT_BYTES,
        )
        found = self.journal.recovered
        self.committed = len(found.charges) + (found.state or {"committed": 0})["committed"]

    def state(self) -> Mapping[str, object]:
        return {"committed": self.committed}

    async def run(self) -> None:
        await self.journal.start(self.state)
        await self.journal.close_open_intents()
        say("ready")
        await asyncio.gather(*(self.calls(f"{os.getpid()}-{n}") for n in range(CALLERS)))

    async def calls(self, caller: str) -> None:
        number = 0
        while True:
            number += 1
            call_id = f"{caller}-{number}"
            charge = ["limit", "key", "rate", "1", 86_400_000]
            await self.journal.append_intent({"call_id": call_id, "charges": [charge]})
            say(f"intent {call_id}")
            await asyncio.sleep(0)
            forwarded = number % 5 != 0
            if forwarded:
                self.committed += 1
            status = "answered" if forwarded else "not_forwarded"
            await self.journal.append_outcome("outcome", {"call_id": call_id, "status": status})
            say(f"outcome {call_id}")


def say(text: str) -> None:
    os.write(1, text.encode() + b"\n")


async def main() -> None:
    await Application(Path(sys.argv[1]), sys.argv[2]).run()


if __name__ == "__main__":
    asyncio.run(main())
