"""An index that answers beside a test: the line, and its other end in a thread of the test."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from helio.audit.asking.answering import Answering
from helio.audit.asking.channel import Channel
from helio.audit.asking.line import Line
from helio.audit.journal import Journal


@asynccontextmanager
async def answered(journal: Journal) -> AsyncIterator[Line]:
    """The index of a journal, which answers until the block ends: the line to it."""
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=Answering(Channel(theirs)).run)
    thread.start()
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    line = Line(reader, writer, lambda: journal.settled)
    line.begin(journal.directory, None)
    reading = asyncio.create_task(line.read())
    try:
        yield line
    finally:
        line.end()
        await reading
        await asyncio.to_thread(thread.join)
        await line.close()
