"""Instants and identifiers."""

import uuid

from helio.runtime.clock import new_call_id, now


def test_call_ids_are_uuids_of_version_7_in_the_order_of_time() -> None:
    wall = 1_767_323_045_678_901_234
    first = uuid.UUID(new_call_id(wall))
    later = uuid.UUID(new_call_id(wall + 1_000_000))
    assert (first.version, first.variant) == (7, uuid.RFC_4122)
    assert first.int >> 80 == wall // 1_000_000
    assert first < later


def test_call_ids_do_not_repeat() -> None:
    assert len({new_call_id(0) for _ in range(10_000)}) == 10_000


def test_both_clocks_go_forward() -> None:
    first, second = now(), now()
    assert second.monotonic >= first.monotonic
    assert second.wall > 1_700_000_000_000_000_000
