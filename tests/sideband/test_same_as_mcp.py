"""Whatever the policy, a call is decided, counted and recorded alike by both ways in.

`HELIO_PROOF=1` looks at many more policies. What must differ: `doors.DIFFERENT`.
"""

import asyncio
import itertools
import json
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from end_to_end.recording import Recorder
from properties.effort import times
from sideband.doors import TOKEN, TOOLS, Called, Doors, blind

NAMES = [tool["name"] for tool in TOOLS]
AMOUNTS = st.sampled_from([0, 1, 2.5, 10, 60.01, 100, -1, "5", None])
ORDERS = st.sampled_from([{}, {"order": 1}, {"order": 2}, {"order": "1"}])
KEYS = st.sampled_from(["tool", "session", "global", "upstream", "agent"])
WHOSE = st.sampled_from(["global", "session", "agent"])
NUMBERS = itertools.count()


@st.composite
def matches(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {"tool": draw(st.sampled_from([*NAMES, "*", "{pay,send}", "[ls]*"]))}
    looked_at = draw(st.sampled_from(["nothing", "amount", "order", "hint", "labels", "called"]))
    match looked_at:
        case "amount":
            found["input"] = {"amount": {draw(st.sampled_from(["gt", "lte"])): 10}}
        case "order":
            found["input"] = {"order": 1}
        case "hint":
            hint = draw(st.sampled_from(["readOnlyHint", "destructiveHint"]))
            found["annotations"] = {hint: draw(st.booleans())}
        case "labels":
            found["session"] = {"labels": ["seen"]}
        case "called":
            found["session"] = {draw(st.sampled_from(["called", "not_called"])): ["look"]}
    return found


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    rule: dict[str, Any] = {"match": draw(matches())}
    action = draw(
        st.sampled_from(["allow", "deny", "dry_run", "require_approval", "rate", "spend", "needs"])
    )
    match action:
        case "rate":
            limit = {"max_calls": draw(st.integers(1, 3)), "window": "1h", "key": draw(KEYS)}
            rule |= {"action": "rate_limit", "limits": limit}
        case "spend":
            spend = {"field": "$.amount", "limit": 100, "currency": "GBP", "window": "1h"}
            limits = {"max_spend": spend | {"key": draw(KEYS)}}
            rule |= {"action": "spend_limit", "limits": limits}
        case "needs":
            bind = {"bind": {"$.order": "$.order"}} if draw(st.booleans()) else {}
            rule["evidence"] = {"requires": [{"tool": "look", **bind}]}
        case _:
            rule["action"] = action
    if draw(st.integers(0, 4)) == 0:
        rule["shadow"] = True
    if rule.get("action") == "allow" and draw(st.booleans()):
        rule["labels"] = ["seen"]
    return rule


@st.composite
def policies(draw: st.DrawFn) -> str:
    policy = {
        "default": draw(st.sampled_from(["allow", "allow", "deny"])),
        "flag_destructive": draw(st.sampled_from(["off", "log", "require_approval"])),
        "rules": draw(st.lists(rules(), max_size=5)),
    }
    contributors = [{"match": {"tool": "pay"}, "field": "$.amount"}]
    budget = {"name": "all", "limit": 90, "currency": "GBP", "contributors": contributors}
    ways = [[], [budget | {"window": "1h", "key": draw(WHOSE)}], [budget | {"window": "session"}]]
    budgets = draw(st.sampled_from(ways))
    return f"policies: {json.dumps(policy)}\nbudgets: {json.dumps(budgets)}\n"


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, Any], int | None, bool]:
    arguments = {"amount": draw(AMOUNTS), **draw(ORDERS)}
    session = draw(st.sampled_from([1, 1, 1, 2, None]))
    return draw(st.sampled_from(NAMES)), arguments, session, draw(st.integers(0, 5)) == 0


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    found = asyncio.new_event_loop()
    yield found
    found.close()


@pytest.fixture(scope="module")
def doors(
    loop: asyncio.AbstractEventLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Doors]:
    upstream = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HELIO_ADAPTER_TOKEN", TOKEN)
        found = Doors(tmp_path_factory.mktemp("doors"), upstream)
        loop.run_until_complete(found.start())
    yield found
    loop.run_until_complete(found.stop())
    upstream.close()


@times(Fraction(2, 3))
@given(policy=policies(), made=st.lists(calls(), min_size=1, max_size=10))
def test_both_ways_in_are_one(
    doors: Doors, loop: asyncio.AbstractEventLoop, policy: str, made: list[Any]
) -> None:
    number = next(NUMBERS)
    doors.govern(policy)
    played = [
        Called(tool, arguments, None if session is None else f"s{number}-{session}", fails)
        for tool, arguments, session, fails in made
    ]
    loop.run_until_complete(play(doors, played))
    records = doors.records("mcp")
    assert len(records) == len(played)
    assert records == doors.records("adapter")


async def play(doors: Doors, played: list[Called]) -> None:
    for call in played:
        mcp, adapter = await doors.by_mcp(call), await doors.by_adapter(call)
        assert blind(mcp) == blind(adapter), call
