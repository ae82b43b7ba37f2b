"""The diff of long texts: it turns one into the other, in little time."""

import random
import re
import time
from collections.abc import Sequence

import pytest

from helio.cli.line_changes import line_changes


def applied(old: Sequence[str], changes: Sequence[str]) -> list[str]:
    """The text that a unified diff makes of another one."""
    new: list[str] = []
    at = 0
    for line in changes[2:]:
        if line.startswith("@@"):
            place, length = re.match(r"@@ -(\d+)(,\d+)?", line).groups()  # type: ignore[union-attr]
            start = int(place) - (length != ",0")
            new += old[at:start]
            at = start
        elif line.startswith("+"):
            new.append(line[1:])
        else:
            assert line[1:] == old[at]
            at += 1
            new += [line[1:]] if line.startswith(" ") else []
    return [*new, *old[at:]]


@pytest.mark.parametrize("seed", range(8))
def test_applied_it_makes_the_other_text(seed: int) -> None:
    chance = random.Random(seed)
    old = [f"{chance.randrange(1500)}\n" for _ in range(1500)]
    new = [line for line in old if chance.random() > 0.1]
    for _ in range(seed * 20):
        new.insert(chance.randrange(len(new)), f"{chance.randrange(1500)}\n")
    changes = list(line_changes(old, new, "a", "b"))
    assert changes[:2] == ["--- a\n", "+++ b\n"]
    assert applied(old, changes) == new


def test_there_is_nothing_to_say_of_equal_texts() -> None:
    text = [f"{number}\n" for number in range(3000)]
    assert list(line_changes(text, text, "a", "b")) == []


def test_long_texts_take_little_time() -> None:
    old = "".join(f"- name: {n}\n    tool: {n}\n  x\n" for n in range(10_000)).splitlines(True)
    new = "".join(f"- name: {n}\n  tool: {n}\n  x\n\n" for n in range(10_000)).splitlines(True)
    before = time.process_time()
    changes = list(line_changes(old, new, "a", "b"))
    assert time.process_time() - before < 10
    assert applied(old, changes) == new


def test_long_stretches_with_nothing_of_their_own_take_little_time() -> None:
    old = "".join("- name: x\n    tool: y\n\n" for _ in range(10_000)).splitlines(True)
    new = "".join("  - name: x\n      tool: y\n\n" for _ in range(10_000)).splitlines(True)
    begin = time.process_time()
    changes = list(line_changes(old, new, "a", "b"))
    assert time.process_time() - begin < 5
    assert applied(old, changes) == new
