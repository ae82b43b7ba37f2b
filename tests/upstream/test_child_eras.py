"""Programs that speak one era only, for agents of either."""

from typing import Any

import pytest

from helio.upstream.eras import Eras
from helio.upstream.spoken import Spoken
from upstream.agents import MODERN, Agent, answer_of, modern_call
from upstream.programs import Program, until


async def test_a_server_that_only_has_sessions_is_not_kept_for_what_it_was_asked(
    program: Program,
) -> None:
    upstream = program("--refusing")
    eras = Eras(upstream)
    agent = await Agent(eras).open()
    response = await eras.send("POST", MODERN, modern_call(1, "echo"), timeout=10)
    assert (await answer_of(response))["result"]["calls"] == 1
    assert eras.spoken == Spoken(modern=False, legacy=True)
    # One for the agent's session, and one for the session that is held for the other.
    await until(lambda: upstream.children == 2)
    assert (await agent.call("echo"))["calls"] == 1
    await eras.aclose()


@pytest.mark.parametrize("processes", ["per_session", "shared"])
async def test_an_agent_with_sessions_at_a_server_that_refuses_them(
    program: Program, processes: Any
) -> None:
    eras = Eras(program("--modern", processes=processes))
    agent = await Agent(eras).open()
    assert eras.spoken == Spoken(modern=True, legacy=False)
    assert agent.greeting["result"]["protocolVersion"] == "2025-11-25"
    assert (await agent.call("echo"))["calls"] == 1
    await eras.aclose()
