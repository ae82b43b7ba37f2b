"""Marks and context against a real journal: recorded first, refused where nobody asks."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from helio.audit import recovery
from helio.audit.file_system import FileSystem
from helio.audit.journal import Journal
from helio.errors import JournalUnavailable, UnaskedEvidence
from helio.governance.evidence import SessionFacts, find_evidence
from helio.governance.identity import SessionIdentity
from helio.governance.session_journal import replay
from helio.governance.sessions import Sessions
from helio.pipeline.governance import UNREDACTED
from helio.runtime import clock
from helio.runtime.marking import Marking
from pipeline.playbook import govern

POLICY = """{ rules: [{ name: r, match: { tool: refund }, evidence: { requires: [
  { tool: lookup, bind: { order: '$.id' } } ] } }] }"""
SESSION = SessionIdentity("s1", "header", ())
MINUTE = 60 * 10**9
BIND = (("$['order']", "$['id']"),)


class House:
    """A journal, its sessions and the marks in them."""

    def __init__(self, directory: Path, journal: Journal) -> None:
        self.directory = directory
        self.journal = journal
        self.sessions = Sessions()
        policy = govern(POLICY).policy
        self.marking = Marking(journal, self.sessions, lambda: policy, UNREDACTED)

    async def mark(self, *names: str, data: bytes = b'{"id": 7}', ttl_ns: int = MINUTE) -> None:
        await self.marking.mark(SESSION, "a", names, data, ttl_ns)

    def facts(self) -> SessionFacts:
        return self.sessions.facts("a s1", ("lookup", "key"), clock.now().monotonic)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    journal = Journal.open(tmp_path)
    await journal.start(lambda: {})
    yield House(tmp_path, journal)
    await journal.close()


@pytest.mark.parametrize("names", [("lookup", "other"), ("other", "lookup")])
async def test_a_mark_under_either_name_is_evidence_and_is_recorded(
    house: House, names: tuple[str, str]
) -> None:
    await house.mark(*names)
    found = find_evidence(house.facts(), "lookup", BIND, b'{"order":7}')
    assert found == ("met", "mark")
    (line,) = [each for each in recovery.read(house.directory) if each.kind == "evidence"]
    data = line.values()
    assert (data["session_id"], data["agent_id"], data["names"]) == ("s1", "a", ["lookup"])
    told = {"names": ["lookup"], "data": {"id": 7}, "ttl_ns": MINUTE}
    assert json.loads(data["metadata"]) == told


async def test_a_mark_that_no_rule_asks_for_is_refused(house: House) -> None:
    with pytest.raises(UnaskedEvidence, match="no rule asks for evidence of a or b"):
        await house.mark("a", "b")
    assert len(house.sessions) == 0
    assert [each.kind for each in recovery.read(house.directory)] == ["segment"]


@pytest.mark.parametrize(
    ("data", "ttl_ns"), [(b"{", MINUTE), (b'{"a":1,"a":2}', MINUTE), (b"{}", 0), (b"{}", -1)]
)
async def test_a_mark_that_cannot_be_read_is_refused(
    house: House, data: bytes, ttl_ns: int
) -> None:
    with pytest.raises(ValueError, match=r"."):
        await house.mark("lookup", data=data, ttl_ns=ttl_ns)
    assert house.facts().proofs == {}


async def test_nothing_is_marked_in_an_unknown_session(house: House) -> None:
    unknown = SessionIdentity(None, None, ())
    with pytest.raises(ValueError, match="unknown"):
        await house.marking.mark(unknown, "a", ("lookup",), b"{}", MINUTE)
    with pytest.raises(ValueError, match="unknown"):
        await house.marking.put_context(unknown, "a", "k", b"1")


async def test_a_mark_that_is_not_recorded_does_not_count(house: House) -> None:
    await house.journal.close()
    with pytest.raises(JournalUnavailable):
        await house.mark("lookup")
    assert house.facts().proofs == {}


async def test_marks_and_context_come_back_from_the_journal(house: House) -> None:
    await house.mark("lookup")
    await house.marking.put_context(SESSION, "a", "k", b'{ "x": 1.0 }')
    await house.journal.close()
    again = Sessions()
    for fact in recovery.recover(house.directory).facts:
        replay(again, fact._replace(at=0))
    view = again.view("a s1", 0)
    assert view is not None
    assert view["context"] == {"k": '{"x":1}'}
    assert view["evidence"] == [["lookup", MINUTE, "mark", '{"id":7}']]


async def test_marks_that_come_at_once_share_syncs(tmp_path: Path) -> None:
    synced: list[int] = []

    class Counted(FileSystem):
        def sync(self, descriptor: int) -> None:
            synced.append(descriptor)
            super().sync(descriptor)

    journal = Journal.open(tmp_path, file_system=Counted())
    await journal.start(lambda: {})
    house = House(tmp_path, journal)
    before = len(synced)
    await asyncio.gather(*(house.mark("lookup", data=b"%d" % each) for each in range(64)))
    # What waits while a sync runs goes with the next one.
    assert 1 <= len(synced) - before <= 4
    await journal.close()
