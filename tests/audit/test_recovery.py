import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helio.audit import recovery, segment
from helio.audit.segment import Encoder, Position
from helio.errors import JournalDamaged

SECOND = 1_000_000_000
HOUR_MS = 3_600_000
NOW = 1_800_000_000 * SECOND

Write = Callable[..., Position]


@pytest.fixture
def write(directory: Path) -> Write:
    """Writes a segment of `(kind, data)` records, one second apart, after what is there."""
    directory.mkdir()
    encoder = Encoder(0, segment.NO_HASH)
    end: list[Position] = []

    def make(
        *records: tuple[str, dict[str, Any]],
        state: object = None,
        open_calls: list[Any] | None = None,
        carried: int = 0,
    ) -> Position:
        first = encoder.sequence + 1
        header = {
            "format": 1,
            "node": None,
            "follows": list(end[-1]) if end else None,
            "state": state,
            "open": open_calls or [],
        }
        text = b""
        for number, (kind, data) in enumerate([("segment", header), *records]):
            text += encoder.encode(
                kind.encode(),
                NOW + encoder.sequence * SECOND,
                segment.encode_data(data),
                carried=0 < number <= carried,
            )
        segment.path_of(directory, first).write_bytes(text)
        end.append(Position(first, len(text)))
        return end[-1]

    return make


def outcome(call_id: str, status: str = "answered", **more: str) -> tuple[str, dict[str, Any]]:
    return ("outcome", {"call_id": call_id, "status": status, **more})


def test_an_empty_directory_holds_nothing(tmp_path: Path) -> None:
    found = recovery.recover(tmp_path)
    assert (found.sequence, found.digest, found.end) == (0, segment.NO_HASH, None)
    assert found.state is None
    assert recovery.verify(tmp_path) == (0, segment.NO_HASH)


def test_charges_count_but_for_calls_that_were_not_forwarded(
    write: Write, directory: Path, call: Any
) -> None:
    end = write(
        *[("intent", call(name)) for name in ("answered", "failed", "unsent", "open")],
        outcome("answered"),
        outcome("failed", "indeterminate"),
        outcome("unsent", "not_forwarded"),
        ("blocked", call("blocked")),
        state={"windows": 1},
    )
    found = recovery.recover(directory, NOW)
    assert (found.state, found.state_at) == ({"windows": 1}, NOW)
    assert [charge.at for charge in found.charges] == [NOW + n * SECOND for n in (1, 2, 4)]
    assert found.charges[0][:5] == (
        "rate:pay:tool:3600000",
        "tool=default/pay",
        "rate",
        "1",
        HOUR_MS,
    )
    assert [(each.call_id, each.at) for each in found.open_calls] == [("open", NOW + 4 * SECOND)]
    assert (found.sequence, found.end) == (9, end)


def test_calls_that_can_go_on_are_open_still(write: Write, directory: Path, call: Any) -> None:
    facts = {"session": "s", "tool": "pay"}
    adapters = call("new", facts=facts, origin="crew", evaluation={"limits": [], "budgets": []})
    told = {"call_id": "old", "origin": "crew", "limits": [], "budgets": []}
    write(
        ("intent", adapters),
        ("intent", call("mcp")),
        outcome("done", report="r1"),
        open_calls=[["old", NOW - SECOND, adapters["charges"], facts, told], ["done", NOW, []]],
    )
    found = recovery.recover(directory, NOW, resume=True)
    assert [each.call_id for each in found.open_calls] == ["mcp"]
    assert [(each.call_id, each.at) for each in found.resumed] == [
        ("old", NOW - SECOND),
        ("new", NOW + SECOND),
    ]
    assert found.resumed[0].evaluation == told
    kept = found.resumed[1].evaluation
    assert kept is not None
    assert {name: kept[name] for name in told} == told | {"call_id": "new"}
    assert "tool_input" not in kept
    assert found.reports == (("done", "r1"),)
    begun = [(fact.kind, fact.data["call_id"]) for fact in found.facts]
    assert begun == [("begun", "old"), ("begun", "new")]
    assert len(found.charges) == 1
    given_up = recovery.recover(directory, NOW)
    assert [each.call_id for each in given_up.open_calls] == ["old", "new", "mcp"]
    assert (given_up.resumed, len(given_up.charges)) == ((), 3)


def test_charges_leave_with_their_window(write: Write, directory: Path, call: Any) -> None:
    write(("intent", call("a")), outcome("a"), ("intent", call("b")), outcome("b"))
    hour = HOUR_MS * 1_000_000
    for now, count in [(0, 2), (hour, 2), (hour + SECOND, 1), (hour + 3 * SECOND, 0)]:
        assert len(recovery.recover(directory, NOW + now).charges) == count


def test_only_what_follows_the_last_checkpoint_is_folded(
    write: Write, directory: Path, call: Any
) -> None:
    charges = call("x")["charges"]
    write(("intent", call("old")), outcome("old"), ("intent", call("open")))
    write(
        outcome("open"),
        ("intent", call("new")),
        state={"windows": 2},
        open_calls=[["open", NOW, charges], ["restored", NOW, []]],
    )
    found = recovery.recover(directory, NOW)
    assert found.state == {"windows": 2}
    assert [charge.at for charge in found.charges] == [NOW, NOW + 6 * SECOND]
    assert {each.call_id for each in found.open_calls} == {"restored", "new"}


def test_carried_lines_are_in_the_checkpoint_already(
    write: Write, directory: Path, call: Any
) -> None:
    charges = call("x")["charges"]
    write(("intent", call("a")), ("intent", call("b")))
    open_calls = [["a", NOW, []], ["b", NOW, charges]]
    carried = [("intent", call("a")), outcome("a"), ("intent", call("b"))]
    write(*carried, ("intent", call("c")), open_calls=open_calls, carried=3)
    found = recovery.recover(directory, NOW)
    assert [each.call_id for each in found.open_calls] == ["b", "c"]
    assert len(found.charges) == 2


def test_a_tail_torn_at_any_byte_is_cut(write: Write, directory: Path, call: Any) -> None:
    end = write(("intent", call("a")), ("intent", call("b", tool_input='{"text":"naïve"}')))
    path = segment.path_of(directory, 1)
    whole = path.read_bytes()
    begin = whole[:-1].rfind(b"\n") + 1
    for length in range(begin, len(whole)):
        path.write_bytes(whole[:length])
        found = recovery.recover(directory, NOW)
        assert found.sequence == 2
        expected = (recovery.Cut(1, begin, length - begin),) if length > begin else ()
        assert found.cuts == expected
        recovery.cut(directory, found)
        assert path.read_bytes() == whole[:begin]
        assert recovery.verify(directory) == (2, found.digest)
    path.write_bytes(whole)
    assert recovery.recover(directory, NOW).end == end


def test_a_hole_in_the_last_line_is_torn(write: Write, directory: Path, call: Any) -> None:
    write(("intent", call("a")), ("intent", call("b")))
    path = segment.path_of(directory, 1)
    whole = path.read_bytes()
    path.write_bytes(whole[:-30] + bytes(29) + b"\n")
    assert recovery.recover(directory, NOW).sequence == 2


def test_a_segment_without_a_whole_header_never_was(
    write: Write, directory: Path, call: Any
) -> None:
    write(("intent", call("a")))
    path = segment.path_of(directory, 3)
    for text in (b"", b'{"seq":3,"prev":"'):
        path.write_bytes(text)
        found = recovery.recover(directory, NOW)
        assert found.sequence == 2
        assert found.cuts == (recovery.Cut(3, 0, len(text)),)
        assert recovery.verify(directory)[0] == 2
    recovery.cut(directory, found)
    assert not path.exists()


def test_every_flipped_byte_before_the_last_line_is_found(
    write: Write, directory: Path, call: Any
) -> None:
    write(("intent", call("a")), outcome("a"), ("lifecycle", {"event": "stop"}))
    path = segment.path_of(directory, 1)
    whole = path.read_bytes()
    last = whole[:-1].rfind(b"\n") + 1
    for place in range(last):
        for bit in (0x01, 0x80):
            damaged = bytearray(whole)
            damaged[place] ^= bit
            path.write_bytes(damaged)
            with pytest.raises(JournalDamaged) as caught:
                recovery.recover(directory, NOW)
            line = whole[:place].count(b"\n") + 1
            assert abs(caught.value.line - line) <= 1, caught.value
            assert caught.value.segment == path.name
    path.write_bytes(whole)
    recovery.recover(directory, NOW)


def test_every_flipped_byte_of_an_earlier_segment_is_found_by_verify(
    write: Write, directory: Path, call: Any
) -> None:
    write(("intent", call("a")), outcome("a"))
    write(("intent", call("b")))
    path = segment.path_of(directory, 1)
    whole = path.read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x01
        path.write_bytes(damaged)
        with pytest.raises(JournalDamaged):
            recovery.verify(directory)


def test_a_last_line_that_is_whole_but_wrong_is_damage(
    write: Write, directory: Path, call: Any
) -> None:
    write(("intent", call("a")))
    path = segment.path_of(directory, 1)
    with path.open("ab") as file:
        file.write(b"garbage\n")
    with pytest.raises(JournalDamaged, match="line 3: not a journal line"):
        recovery.recover(directory, NOW)


def test_lines_that_were_removed_or_swapped_are_found(
    write: Write, directory: Path, call: Any
) -> None:
    write(*[("intent", call(f"c{number}")) for number in range(5)])
    path = segment.path_of(directory, 1)
    lines = path.read_bytes().splitlines(keepends=True)
    for order in ([0, 2, 3, 4, 5], [0, 2, 1, 3, 4, 5], [0, 1, 1, 2, 3, 4, 5]):
        path.write_bytes(b"".join(lines[number] for number in order))
        with pytest.raises(JournalDamaged, match=path.name):
            recovery.recover(directory, NOW)


def test_a_missing_or_shortened_segment_is_found(
    write: Write, directory: Path, call: Any, tmp_path: Path
) -> None:
    for name in "abc":
        write(("intent", call(name)))
    kept = shutil.copytree(directory, tmp_path / "kept")
    (directory / "journal-0000000000000003.jsonl").unlink()
    with pytest.raises(JournalDamaged, match="missing"):
        recovery.recover(directory, NOW)

    shutil.rmtree(directory)
    shutil.copytree(kept, directory)
    second = directory / "journal-0000000000000003.jsonl"
    os.truncate(second, second.stat().st_size - 1)
    with pytest.raises(JournalDamaged, match=second.name):
        recovery.recover(directory, NOW)


def test_old_segments_may_be_deleted(write: Write, directory: Path, call: Any) -> None:
    for name in "abc":
        write(("intent", call(name)))
    (directory / "journal-0000000000000001.jsonl").unlink()
    assert recovery.recover(directory, NOW).sequence == 6
    (directory / "journal-0000000000000003.jsonl").unlink()
    assert [line.sequence for line in recovery.read(directory)] == [5, 6]


def test_bytes_behind_the_place_that_a_segment_follows_do_not_count(
    write: Write, directory: Path, call: Any
) -> None:
    write(("intent", call("a")))
    write(("intent", call("b")))
    with segment.path_of(directory, 1).open("ab") as file:
        file.write(b"what a failed sync left\nand a torn")
    assert [line.sequence for line in recovery.read(directory)] == [1, 2, 3, 4]
    assert recovery.recover(directory, NOW).sequence == 4


def drift(pins: dict[str, Any] | None, upstream: str | None = "u") -> tuple[str, dict[str, Any]]:
    data: dict[str, Any] = {"upstream": upstream, "metadata": "{}"}
    return ("drift_event", data if pins is None else data | {"pins": pins})


def test_pins_are_those_of_the_checkpoint_and_what_was_accepted_since(
    write: Write, directory: Path
) -> None:
    write(drift({"old": ["f0", 0, {}]}))
    checkpoint = {"windows": {}, "pins": {"u": {"a": ["f1", 0, {}], "b": ["f2", 3, {}]}}}
    write(
        drift({"a": ["f3", 0, {}], "c": ["f4", 0, {}]}),
        drift(None, None),
        drift({"b": None, "nobody": None}),
        drift({"a": ["f5", 0, {}]}, "other"),
        state=checkpoint,
        carried=1,
    )
    assert recovery.recover(directory, NOW).pins == {
        "u": {"a": ["f3", 0, {}], "c": ["f4", 0, {}]},
        "other": {"a": ["f5", 0, {}]},
    }


def test_a_checkpoint_without_pins_has_none(write: Write, directory: Path) -> None:
    write(state={"windows": {}})
    assert recovery.recover(directory, NOW).pins == {}


def test_another_format_is_refused(directory: Path) -> None:
    directory.mkdir()
    header = segment.encode_data({"format": 2, "follows": None, "state": None, "open": []})
    line = Encoder(0, segment.NO_HASH).encode(b"segment", NOW, header)
    segment.path_of(directory, 1).write_bytes(line)
    with pytest.raises(JournalDamaged, match="format 2"):
        recovery.recover(directory, NOW)


def test_a_name_that_the_header_does_not_confirm_is_refused(
    write: Write, directory: Path, call: Any
) -> None:
    write(("intent", call("a")))
    segment.path_of(directory, 1).rename(segment.path_of(directory, 2))
    with pytest.raises(JournalDamaged, match="header"):
        recovery.recover(directory, NOW)


def test_a_pot_is_told_whole_and_in_order(write: Write, directory: Path) -> None:
    # Whether a pot is over depends on what came last, and calls may end in another order.
    def opened(call_id: str, kind: str) -> tuple[str, dict[str, Any]]:
        charges = [["id", call_id, kind, "1", 2000]]
        return ("intent", {"call_id": call_id, "charges": charges})

    calls = [opened("a", "pot"), opened("b", "spend"), opened("c", "pot")]
    write(*calls, outcome("c"), outcome("b"), outcome("a"))
    found = recovery.recover(directory, NOW + 3600 * SECOND)
    assert [charge.key for charge in found.charges] == ["a", "c"]


def test_an_outcome_corrects_its_charges_unless_the_checkpoint_counts_them_already(
    write: Write, directory: Path
) -> None:
    def charged(amount: str) -> dict[str, Any]:
        return {"charges": [["id", "k", "spend", amount, HOUR_MS]]}

    corrected = [
        ("outcome", {"call_id": name, "status": "answered", **charged("9")})
        for name in ("counted", "open", "new")
    ]
    write(
        ("intent", {"call_id": "new", **charged("1")}),
        *corrected,
        open_calls=[["counted", NOW, []], ["open", NOW, charged("1")["charges"]]],
    )
    found = recovery.recover(directory, NOW)
    assert [(charge.amount, charge.at) for charge in found.charges] == [
        ("9", NOW),
        ("9", NOW + SECOND),
    ]
