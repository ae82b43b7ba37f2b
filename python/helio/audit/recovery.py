"""Recovery: what a restart finds in a journal.

Above: `journal`, `helio.app`. Below: `segment`. Reads only the last segment and its link to the one
before, because every segment opens with a checkpoint of the state; `verify` reads everything.
"""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from helio.audit import segment
from helio.audit.resumable import kept
from helio.audit.segment import NO_HASH, Header, Line, Position
from helio.errors import JournalDamaged
from helio.governance.session_journal import PastFact


class PastCharge(NamedTuple):
    """What a call took from a window. `amount` is a decimal text, `at` wall time in ns."""

    limit: str
    key: str
    kind: str
    amount: str
    window_ms: int
    at: int


class OpenCall(NamedTuple):
    """A call with an intent and no outcome. `at`: the intent's wall time in ns. `facts` are what it
    is in its session, if that is known. `evaluation` is what another process needs to go on with
    it (`helio.audit.resumable.kept`), None for a call that ends with its process."""

    call_id: str
    at: int
    charges: tuple[PastCharge, ...]
    facts: Mapping[str, Any] | None = None
    evaluation: Mapping[str, Any] | None = None


class PastApproval(NamedTuple):
    """Something that happened to tickets, at wall time in ns: a record of the journal (`ticket`,
    `approval`), or an intent that uses some up (`used`)."""

    kind: str
    at: int
    data: Mapping[str, Any]


class Cut(NamedTuple):
    """A tail that was never written whole: `segment` keeps its first `kept` bytes, `lost` go.

    Nothing in it was ever acknowledged. `kept` 0: the file goes as a whole.
    """

    segment: int
    kept: int
    lost: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """A journal's end.

    `state` is the last checkpoint's, `state_at` its wall time in ns; None for a journal without
    one. `charges` are those of calls since then that may still count, oldest first: open calls keep
    theirs, calls that were not forwarded lose theirs. `end` is where the next segment goes on; None
    when there is none yet. `facts` are what happened in sessions since `state`, in order, at wall
    time in ns. `pins` are the accepted tool definitions as they were recorded, by upstream and
    tool. `approvals` are what happened to tickets since `state`, `reports` what was reported of
    calls since then: each call's id, and how the report is known.

    `resumed` are open calls that go on. They are not among `open_calls`, their charges are not
    among `charges`, and `facts` have them begun.
    """

    state: Mapping[str, Any] | None
    state_at: int
    charges: tuple[PastCharge, ...]
    open_calls: tuple[OpenCall, ...]
    sequence: int
    digest: str
    end: Position | None
    cuts: tuple[Cut, ...]
    pins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    facts: tuple[PastFact, ...] = ()
    approvals: tuple[PastApproval, ...] = ()
    resumed: tuple[OpenCall, ...] = ()
    reports: tuple[tuple[str, str], ...] = ()


def recover(directory: Path, now: int | None = None, *, resume: bool = False) -> Recovered:
    """What stands at the end of the journal in `directory`. Changes nothing.

    `now` is wall time in ns (default: the clock's): charges whose window has passed are left out.
    With `resume` open calls go on that another process can go on with.
    Raises `JournalDamaged` for anything but a torn tail.
    """
    present = segment.segments(directory)
    cuts: list[Cut] = []
    while present:
        header = segment.read_header(directory, present[-1])
        if header is not None:
            _check_link(directory, present[:-1], header)
            return _fold(directory, header, cuts, time.time_ns() if now is None else now, resume)
        size = segment.path_of(directory, present[-1]).stat().st_size
        cuts.append(Cut(present.pop(), 0, size))
    return Recovered(None, 0, (), (), 0, NO_HASH, None, tuple(cuts))


def read(directory: Path) -> Iterator[Line]:
    """Every record of every segment, oldest first, the chain checked.

    A torn tail is left out. Raises `JournalDamaged`.
    """
    headers: list[Header] = []
    present = segment.segments(directory)
    for first in present:
        header = segment.read_header(directory, first)
        if header is not None:
            _check_link(directory, [each.line.sequence for each in headers], header)
            headers.append(header)
        elif first != present[-1]:
            raise JournalDamaged(segment.path_of(directory, first).name, 1, "not a whole line")
    for header, following in zip_longest(headers, headers[1:]):
        end = None if following is None or following.follows is None else following.follows.offset
        for _, line in segment.lines(directory, header, end):
            yield line


def verify(directory: Path) -> tuple[int, str]:
    """Checks every line; the last sequence number and hash. Raises `JournalDamaged`."""
    sequence, digest = 0, NO_HASH
    for line in read(directory):
        sequence, digest = line.sequence, line.digest
    return sequence, digest


def _check_link(directory: Path, earlier: list[int], header: Header) -> None:
    """The segment before must hold, where this one goes on, the line that its header names."""
    name = segment.path_of(directory, header.line.sequence).name
    if header.follows is None:
        if earlier or header.line.previous != NO_HASH:
            raise JournalDamaged(name, 1, "the segments before it are not those it follows")
        return
    if not earlier:
        return  # Older segments may be deleted: this one has its own checkpoint.
    if header.follows.segment != earlier[-1]:
        raise JournalDamaged(name, 1, f"segment {header.follows.segment} before it is missing")
    path = segment.path_of(directory, header.follows.segment)
    line = segment.decode(line_before(path, header.follows.offset))
    if isinstance(line, str) or (line.sequence, line.digest) != (
        header.line.sequence - 1,
        header.line.previous,
    ):
        number = path.read_bytes()[: header.follows.offset].count(b"\n")
        raise JournalDamaged(path.name, number, f"its hash is not the one that {name} names")


def line_before(path: Path, offset: int) -> bytes:
    """The line that ends at `offset`, without its newline; what is left of it in a shorter file."""
    with path.open("rb") as file:
        start = offset - 1
        tail = b""
        while start > 0 and b"\n" not in tail:
            step = min(start, 64 * 1024)
            start -= step
            file.seek(start)
            tail = file.read(step) + tail
        file.seek(offset - 1)
        if file.read(1) != b"\n":
            return b""
    return tail.rpartition(b"\n")[2]


class _Fold:
    """The state of charges and open calls, line by line from a checkpoint on."""

    def __init__(self) -> None:
        self.calls: dict[str, OpenCall] = {}
        self.charges: list[PastCharge] = []
        self.facts: list[PastFact] = []
        self.pins: dict[str, dict[str, Any]] = {}
        self.approvals: list[PastApproval] = []
        self.reports: list[tuple[str, str]] = []

    def take(self, line: Line) -> None:
        """Raises KeyError, TypeError or ValueError for a line that is not what it says."""
        at = segment.nanoseconds(line.at)
        if line.kind == "segment":
            values = line.values()
            opened = [_open_call(each) for each in values["open"]]
            self.calls = {call.call_id: call for call in opened}
            for call in opened:
                self._take_fact("begun", call, at)
            self.pins = (values["state"] or {}).get("pins") or {}
        elif line.kind == "intent" and not line.carried:
            # A carried one was open when the checkpoint was made, and stands there.
            data = line.values()
            charges = data.get("charges") or []
            call = _open_call([data["call_id"], at, charges, data.get("facts"), kept(data)])
            self.calls[call.call_id] = call
            self._take_fact("begun", call, at)
            if data.get("approvals"):
                self.approvals.append(PastApproval("used", at, data))
        elif line.kind == "outcome":
            data = line.values()
            if data.get("report") is not None:
                self.reports.append((data["call_id"], data["report"]))
            closed = self.calls.pop(data["call_id"], None)
            if closed is not None and data["status"] == "not_forwarded":
                self._take_fact("withdrawn", closed, at)
            elif closed is not None:
                self.charges.extend(_charged(closed, data))
                self.take_call(closed, at, data.get("facts"))
        elif line.kind in ("evidence", "context") and not line.carried:
            # A carried one was in the state already.
            self.facts.append(PastFact(line.kind, at, line.values()))
        elif line.kind in ("ticket", "approval") and not line.carried:
            self.approvals.append(PastApproval(line.kind, at, line.values()))
        elif line.kind == "drift_event":
            self._take_pins(line.values())

    def take_call(self, call: OpenCall, at: int, outcome: Mapping[str, Any] | None) -> None:
        """What a call was in its session, and what came of it."""
        self._take_fact("call", call, at, outcome=outcome)

    def _take_fact(self, kind: str, call: OpenCall, at: int, **more: object) -> None:
        if call.facts is not None:
            data = {**call.facts, "call_id": call.call_id, **more}
            self.facts.append(PastFact(kind, at, data))

    def _take_pins(self, data: Mapping[str, Any]) -> None:
        """What was accepted (a pin), or is accepted no longer (null)."""
        changed = data.get("pins")
        if not changed:
            return
        pins = self.pins.setdefault(data["upstream"], {})
        for tool, pin in changed.items():
            if pin is None:
                pins.pop(tool, None)
            else:
                pins[tool] = pin


def _fold(directory: Path, header: Header, cuts: list[Cut], now: int, resume: bool) -> Recovered:
    """The state after the segment's last line."""
    first = header.line.sequence
    path = segment.path_of(directory, first)
    fold = _Fold()
    offset, last = 0, header.line
    for behind, line in segment.lines(directory, header):
        try:
            fold.take(line)
        except (KeyError, TypeError, ValueError) as error:
            why = f"it cannot be read: {error!r}"
            raise JournalDamaged(path.name, line.sequence - first + 1, why) from error
        offset, last = behind, line
    size = path.stat().st_size
    if size > offset:
        cuts.append(Cut(first, offset, size - offset))
    resumed = tuple(each for each in fold.calls.values() if resume and each.evaluation)
    calls = tuple(each for each in fold.calls.values() if not (resume and each.evaluation))
    for call in calls:
        fold.take_call(call, call.at, None)
    charges = [*fold.charges, *(charge for call in calls for charge in call.charges)]
    return Recovered(
        header.state,
        segment.nanoseconds(header.line.at),
        _counting(charges, now),
        calls,
        last.sequence,
        last.digest,
        Position(first, offset),
        tuple(cuts),
        fold.pins,
        tuple(fold.facts),
        tuple(fold.approvals),
        resumed,
        tuple(fold.reports),
    )


def _charged(call: OpenCall, outcome: Mapping[str, Any]) -> tuple[PastCharge, ...]:
    """What a call charged in the end. A checkpoint that knows no charges of it has them already in
    its state, as they were corrected."""
    corrected = outcome.get("charges")
    if corrected is None or not call.charges:
        return call.charges
    return tuple(PastCharge._make([*each, call.at]) for each in corrected)


def _counting(charges: list[PastCharge], now: int) -> tuple[PastCharge, ...]:
    """Those that may count, oldest first. A pot's stay for as long as later ones keep it."""
    kept = (
        charge
        for charge in charges
        if charge.kind == "pot" or charge.at + charge.window_ms * 1_000_000 > now
    )
    return tuple(sorted(kept, key=lambda charge: charge.at))


def _open_call(values: list[Any]) -> OpenCall:
    # Journals of earlier versions hold no facts, and nothing to go on with.
    call_id, at, charges, *rest = values
    taken = tuple(PastCharge._make([*charge, at]) for charge in charges)
    return OpenCall(call_id, at, taken, *rest)


def cut(directory: Path, recovered: Recovered) -> None:
    """Cuts the torn tails that `recover` found; what stays is on the disk. Raises OSError."""
    for tail in recovered.cuts:
        path = segment.path_of(directory, tail.segment)
        if tail.kept == 0:
            path.unlink()
            continue
        os.truncate(path, tail.kept)
    if recovered.end is not None:
        descriptor = os.open(segment.path_of(directory, recovered.end.segment), os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
