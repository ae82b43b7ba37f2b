"""A program as an upstream: its processes, their sessions, and how they end."""

import asyncio
import json
import logging
import os
import sys
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from helio.errors import UpstreamFailed
from helio.upstream import process
from helio.upstream.child import LOG_LINE_LIMIT, StdioUpstream
from upstream.agents import (
    MODERN,
    Agent,
    answer_of,
    events,
    messages,
    modern_call,
    notification,
    request,
    tool_call,
)
from upstream.programs import SERVER, Program, runs, until


async def test_a_session_has_a_process_of_its_own(program: Program) -> None:
    upstream = program()
    first, second = await Agent(upstream).open(), await Agent(upstream).open()
    assert (await first.call("echo"))["calls"] == 1
    assert (await first.call("echo"))["calls"] == 2
    assert (await second.call("echo", {"a": 1})) == {
        "arguments": {"a": 1},
        "pid": second.greeting["result"]["serverInfo"]["pid"],
        "calls": 1,
    }
    assert upstream.children == 2
    assert await first.close() == 200
    await until(lambda: upstream.children == 1)
    gone = await first.send(tool_call(1, "echo"))
    assert gone.status == 404
    assert (await second.call("echo"))["calls"] == 2


async def test_equal_ids_at_once_find_their_own_answers(program: Program) -> None:
    agent = await Agent(program()).open()
    answers = await asyncio.gather(
        *(agent.call("echo", {"number": number}, identifier="same") for number in range(64))
    )
    assert [each["arguments"]["number"] for each in answers] == list(range(64))


@pytest.mark.parametrize(
    "identifier", [b"1", b'"1"', rb'"\u0031"', b"123456789012345678901234567890"]
)
async def test_ids_come_back_byte_for_byte(program: Program, identifier: bytes) -> None:
    agent = await Agent(program()).open()
    body = b'{"id":%b,"jsonrpc":"2.0",\r\n "method":"ping"}' % identifier
    raw = await (await agent.send(body)).read(10_000)
    assert b'"id": ' + identifier in raw


async def test_progress_comes_on_the_stream_of_its_request(program: Program) -> None:
    agent = await Agent(program()).open()
    first = await agent.send(tool_call(1, "progress", {"steps": 3}, token="a"))
    second = await agent.send(tool_call(2, "progress", {"steps": 2}, token=7))
    for response, token, steps in ((first, "a", 3), (second, 7, 2)):
        *progress, answer = await messages(response)
        assert [each["params"]["progressToken"] for each in progress] == [token] * steps
        assert answer["result"] == {"done": True}


async def test_a_question_is_asked_and_answered_on_the_call(program: Program) -> None:
    agent = await Agent(program()).open()
    stream = events(await agent.send(tool_call(1, "ask")))
    question = await anext(stream)
    assert (question["method"], question["id"]) == ("roots/list", "question")
    reply = {"jsonrpc": "2.0", "id": "question", "result": {"roots": []}}
    assert (await agent.send(json.dumps(reply).encode())).status == 202
    assert (await anext(stream))["result"] == {"reply": reply}


async def test_a_cancellation_names_the_request_as_the_process_knows_it(program: Program) -> None:
    agent = await Agent(program()).open()
    await agent.call("echo", identifier="c")
    late = await agent.send(tool_call("c", "late", {"seconds": 0.2}))
    cancelled = notification("notifications/cancelled", requestId="c", reason="enough")
    assert (await agent.send(cancelled)).status == 202
    notice, answer = await messages(late)
    assert notice["params"]["data"]["cancelled"] == {"requestId": 3, "reason": "enough"}
    assert answer["result"] == {"late": True}


@pytest.mark.parametrize("processes", ["per_session", "shared"])
async def test_ten_mebibytes_and_long_lines_come_whole(program: Program, processes: str) -> None:
    agent = await Agent(program(processes=processes)).open()
    for size in (200_000, 10 * 1024 * 1024):
        assert len((await agent.call("sized", {"size": size}))["text"]) == size
    assert (await agent.call("echo", {"text": "z" * 2_000_000}))["arguments"] == {
        "text": "z" * 2_000_000
    }


async def test_what_is_no_message_is_dropped(
    program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    agent = await Agent(program()).open()
    assert await agent.call("garbage") == {"done": True}
    assert "18 bytes that are no JSON-RPC message are dropped" in caplog.text
    assert "this is no message" not in caplog.text, "it may be a secret"


async def test_a_process_that_dies_mid_call_ends_its_session(program: Program) -> None:
    upstream = program()
    agent, other = await Agent(upstream).open(), await Agent(upstream).open()
    hanging = await agent.send(tool_call(1, "hang"))
    dying = await agent.send(tool_call(2, "exit"))
    for response in (hanging, dying):
        with pytest.raises(UpstreamFailed) as caught:
            await messages(response)
        assert (caught.value.reason, caught.value.sent) == ("closed", True)
        assert "exit code 3" in caught.value.detail
    assert (await agent.send(tool_call(3, "echo"))).status == 404
    assert (await other.call("echo"))["calls"] == 1
    again = await Agent(upstream).open()
    assert (await again.call("echo"))["calls"] == 1


async def test_a_hung_call_ends_by_its_timeout_and_others_go_on(program: Program) -> None:
    agent = await Agent(program()).open()
    response = await agent.send(tool_call(1, "hang"), silence=0.2)
    with pytest.raises(UpstreamFailed) as caught:
        await messages(response)
    assert (caught.value.reason, caught.value.sent) == ("timeout", True)
    assert (await agent.call("echo"))["calls"] == 2


async def test_one_process_serves_all_sessions_when_shared(program: Program) -> None:
    upstream = program(processes="shared")
    first, second = await asyncio.gather(Agent(upstream).open(), Agent(upstream).open("2025-03-26"))
    assert upstream.children == 1
    assert first.greeting["result"]["protocolVersion"] == "2025-11-25"
    assert second.greeting["result"]["protocolVersion"] == "2025-03-26"
    assert (await first.call("echo"))["calls"] == 1
    assert (await second.call("echo"))["calls"] == 2
    stream = events(await first.send(tool_call(1, "ask")))
    refused = (await anext(stream))["result"]["reply"]
    assert (refused["id"], refused["error"]["code"]) == ("question", -32601)
    assert await first.close() == 200
    assert (await first.send(tool_call(1, "echo"))).status == 404
    assert (await second.call("echo"))["calls"] == 4


async def test_a_shared_process_takes_its_sessions_with_it(program: Program) -> None:
    upstream = program(processes="shared")
    first, second = await Agent(upstream).open(), await Agent(upstream).open()
    with pytest.raises(UpstreamFailed):
        await messages(await first.send(tool_call(1, "exit")))
    assert (await second.send(tool_call(1, "echo"))).status == 404
    again = await Agent(upstream).open()
    assert (await again.call("echo"))["calls"] == 1


async def test_eras_never_share_a_process(program: Program) -> None:
    upstream = program(processes="shared")
    legacy = await Agent(upstream).open()
    pids = {(await legacy.call("echo"))["pid"]}
    for number in range(2):
        response = await upstream.send("POST", MODERN, modern_call(number, "echo"), timeout=5)
        pids.add((await answer_of(response))["result"]["pid"])
    assert len(pids) == upstream.children == 2
    for method in ("GET", "DELETE"):
        assert (await upstream.send(method, MODERN, None, timeout=5)).status == 405


async def test_who_leaves_a_modern_request_cancels_it(program: Program) -> None:
    upstream = program()
    logged = {"io.modelcontextprotocol/logLevel": "info"}
    left = await upstream.send("POST", MODERN, modern_call(5, "hang"), timeout=5)
    left.close()
    late = modern_call(5, "late", {"seconds": 0.3}, **logged)
    notice, answer = await messages(await upstream.send("POST", MODERN, late, timeout=5))
    assert notice["params"]["data"] == {"cancelled": {"requestId": 1}}
    assert answer == {"jsonrpc": "2.0", "id": 5, "result": {"late": True}}


async def test_there_are_never_more_processes_than_allowed(program: Program) -> None:
    upstream = program(max_processes=2)
    agents = [await Agent(upstream).open() for _ in range(2)]
    one_more = await Agent(upstream).send(request(9, "initialize", protocolVersion="2025-11-25"))
    assert one_more.status == 503
    assert (await answer_of(one_more))["id"] == 9
    assert (await agents[0].call("echo"))["calls"] == 1
    await agents[0].close()
    await Agent(upstream).open()
    assert upstream.children == 2


async def test_idle_sessions_end_and_busy_ones_do_not(program: Program) -> None:
    upstream = program(idle_timeout=0.2)
    idle, listening = await Agent(upstream).open(), await Agent(upstream).open()
    standing = await listening.listen()
    await until(lambda: upstream.children == 1)
    assert (await idle.send(tool_call(1, "echo"))).status == 404
    assert (await listening.call("echo"))["calls"] == 1
    standing.close()
    await until(lambda: upstream.children == 0)


async def test_the_environment_is_a_safe_base_and_what_is_configured(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELIO_PLANTED", "planted-secret")
    monkeypatch.setenv("LC_TIME", "C")
    agent = await Agent(program(env={"TOKEN": "configured"}, cwd=tmp_path)).open()
    seen = await agent.call("environment")
    assert seen["cwd"] == str(tmp_path)
    assert seen["environment"]["TOKEN"] == "configured"
    assert seen["environment"]["PATH"] == os.environ["PATH"]
    assert seen["environment"]["LC_TIME"] == "C"
    assert "HELIO_PLANTED" not in seen["environment"]


async def test_stderr_is_logged_line_by_line_without_secrets(
    program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "helio.upstream")
    agent = await Agent(program(env={"TOKEN": "planted-secret"}, name="shop")).open()
    text = "one planted-secret\ntwo \x1b[31m\r\n" + "w" * 100_000 + "\nthree\n"
    await agent.call("complain", {"text": text})
    await until(lambda: "three" in caplog.text)
    lines = [each.getMessage() for each in caplog.records if each.name == "helio.upstream.shop"]
    assert lines[0] == "one ********"
    assert lines[1] == "two \N{REPLACEMENT CHARACTER}[31m"
    assert lines[2] == "w" * LOG_LINE_LIMIT + "…"
    assert lines[3] == "three"
    assert "planted-secret" not in caplog.text


@pytest.mark.parametrize(
    ("command", "options", "detail"),
    [
        ("no-such-program-anywhere", {}, "no program 'no-such-program-anywhere' is found"),
        (str(SERVER), {}, "is found"),
        (sys.executable, {"cwd": Path("/nowhere/at/all")}, "does not exist"),
    ],
)
@pytest.mark.parametrize("processes", ["per_session", "shared"])
async def test_a_command_that_cannot_be_started(
    nothing_leaks: None, command: str, options: Any, detail: str, processes: Any
) -> None:
    upstream = StdioUpstream(command, name="absent", processes=processes, **options)
    with pytest.raises(UpstreamFailed) as caught:
        await Agent(upstream).open()
    assert (caught.value.reason, caught.value.sent) == ("connect_failed", False)
    assert detail in caught.value.detail
    await upstream.aclose()


async def test_a_program_that_ends_at_once_is_not_started_again_and_again(
    program: Program,
) -> None:
    upstream = program("--failing", processes="shared", patience=0.0)
    details = []
    for _ in range(3):
        with pytest.raises(UpstreamFailed) as caught:
            await Agent(upstream).open()
        assert (caught.value.reason, caught.value.sent) == ("connect_failed", False)
        details.append(caught.value.detail)
    assert "exit code 7" in details[0]
    assert "started again in" in details[1]
    assert "started again in" in details[2]


async def test_a_stubborn_process_and_its_own_children_end(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "EXIT_SECONDS", 0.3)
    upstream = program("--stubborn")
    agent = await Agent(upstream).open()
    pids = [(await agent.call("echo"))["pid"], (await agent.call("spawn"))["pid"]]
    assert all(map(runs, pids))
    async with asyncio.timeout(5):
        await upstream.aclose()
    assert not any(map(runs, pids))


async def test_closing_fails_what_is_under_way_and_all_that_follows(program: Program) -> None:
    upstream = program()
    agent = await Agent(upstream).open()
    hanging = await agent.send(tool_call(1, "hang"))
    await upstream.aclose()
    with pytest.raises(UpstreamFailed) as caught:
        await messages(hanging)
    assert (caught.value.reason, caught.value.sent) == ("closed", True)
    with pytest.raises(UpstreamFailed) as caught:
        await Agent(upstream).open()
    assert (caught.value.reason, caught.value.sent) == ("closed", False)


async def test_a_start_that_is_given_up_leaves_nothing(program: Program) -> None:
    upstream = program()
    opening = asyncio.ensure_future(Agent(upstream).open())
    await asyncio.sleep(0)
    opening.cancel()
    with suppress(asyncio.CancelledError):
        await opening
    await upstream.aclose()
    assert upstream.children == 0


async def test_a_slow_agent_holds_up_its_own_process_only(program: Program) -> None:
    upstream = program()
    slow, other = await Agent(upstream).open(), await Agent(upstream).open()
    flooded = await slow.send(tool_call(1, "flood", {"count": 20_000}))
    for number in range(20):
        assert (await other.call("echo"))["calls"] == number + 1
    received = await messages(flooded)
    assert [each["params"]["number"] for each in received[:-1]] == list(range(20_000))
    assert received[-1]["result"] == {"flooded": True}


async def test_a_slow_agent_at_a_shared_process_loses_notifications_only(program: Program) -> None:
    upstream = program()
    body = modern_call(1, "progress", {"steps": 20_000}, progressToken="t")
    flooded = await upstream.send("POST", MODERN, body, timeout=20)
    other = await upstream.send("POST", MODERN, modern_call(2, "echo"), timeout=20)
    assert (await answer_of(other))["result"]["calls"] == 2
    *notices, answer = await messages(flooded)
    assert answer["result"] == {"done": True}
    assert 0 < len(notices) < 20_000


async def test_a_thousand_calls_leave_nothing_behind(program: Program) -> None:
    upstream = program()
    agent = await Agent(upstream).open()
    await agent.call("echo")
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    tasks = len(asyncio.all_tasks())
    for number in range(1000):
        await agent.call("echo", identifier=number)
    assert len(os.listdir("/proc/self/fd")) == descriptors  # noqa: PTH208
    assert len(asyncio.all_tasks()) == tasks
    assert upstream.children == 1


async def test_a_large_answer_is_held_once(program: Program) -> None:
    agent = await Agent(program()).open()
    size = 10 * 1024 * 1024
    tracemalloc.start()
    try:
        response = await agent.send(tool_call(1, "sized", {"size": size}))
        await until(lambda: response.complete)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size <= held < 1.2 * size
    response.close()


async def test_a_secret_of_several_lines_is_not_logged(
    program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "helio.upstream")
    key = "-----BEGIN KEY-----\nfirst-part\r\n  second-part\n-----END KEY-----\n"
    agent = await Agent(program(env={"KEY": key}, name="shop")).open()
    await agent.call("complain", {"text": key + "done\n"})
    await until(lambda: "done" in caplog.text)
    assert "part" not in caplog.text
