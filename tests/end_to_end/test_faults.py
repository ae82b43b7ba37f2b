"""Whole processes under faults: ends, full disks, upstreams that come late, leaks, secrets."""

import concurrent.futures
import json
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import HelioFactory
from end_to_end.misbehaving import Misbehaving
from end_to_end.wire import Reply, call, request
from processes import LOOPBACK, HelioProcess, choose_free_port

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def upstream() -> Iterator[Misbehaving]:
    found = Misbehaving()
    yield found
    found.close()


def wait(what: str, holds: Callable[[], bool], within: float = 10.0) -> float:
    """Waits until it holds; the seconds that took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within, what
        time.sleep(0.02)
    return time.monotonic() - began


def in_background(work: Callable[[], Any]) -> "concurrent.futures.Future[Any]":
    found: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def run() -> None:
        try:
            found.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again by `result`
            found.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return found


def faults(process: HelioProcess) -> list[str]:
    """Lines of the log that no test here should cause."""
    words = ("Traceback", "never retrieved", "Unclosed", "was destroyed")
    return [line for line in process.log.read_text().splitlines() if any(w in line for w in words)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_end_lets_calls_finish_and_takes_no_new_ones(
    helio: HelioFactory, upstream: Misbehaving, number: signal.Signals
) -> None:
    process = helio(upstream=upstream.url)
    assert process.process is not None
    calls = [in_background(lambda: call(process.mcp_url, "hang")) for _ in range(5)]
    wait("the calls", lambda: upstream.count("hang") == 5)
    process.process.send_signal(number)
    wait("the end's begin", lambda: call(process.mcp_url, "early").status == 503)
    process.process.send_signal(number)
    refused = call(process.mcp_url, "late")
    assert (refused.status, refused.blocked["reason"]) == (503, "shutting_down")
    upstream.release()
    assert [each.result(20).message["result"]["content"][0]["text"] for each in calls] == ["ok"] * 5
    assert process.process.wait(20) == 0
    process.process = None
    rows = process.calls()
    assert [row["policy_decision"] for row in rows if row["tool_name"] == "hang"] == ["allow"] * 5
    assert upstream.count("late") == 0
    assert any(row["block_reason"] == "shutting_down" for row in rows)
    assert process.export()[-1]["record_kind"] == "lifecycle"
    assert faults(process) == []


@pytest.mark.slow
def test_an_end_gives_up_what_does_not_finish(helio: HelioFactory, upstream: Misbehaving) -> None:
    """A call that hangs, and an agent that never sends the rest of its body."""
    process = helio(
        "upstream: { url: '${HELIO_TEST_UPSTREAM}', request_timeout: 300s }", upstream=upstream.url
    )
    assert process.process is not None
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hang"}}'
    pending = in_background(lambda: request(process.mcp_url, body, timeout=60))
    half = socket.create_connection((LOOPBACK, process.mcp_port))
    half.sendall(
        b"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        b"content-length: 99\r\n\r\n{"
    )
    wait("the call", lambda: upstream.count("hang") == 1)
    process.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert process.process.wait(31) == 0
    assert time.monotonic() - began < 30
    process.process = None
    answer: Reply = pending.result(5)
    assert answer.message["error"]["data"]["reason"] == "upstream_shutdown"
    (row,) = [row for row in process.calls() if row["tool_name"] == "hang"]
    assert row["upstream_error"].startswith("shutdown")
    half.close()
    assert faults(process) == []


def limit_files(process: HelioProcess, size: int) -> None:
    """No file of the process may grow beyond `size` bytes from now on."""
    assert process.process is not None
    resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def journal_size(process: HelioProcess) -> int:
    return max(path.stat().st_size for path in process.audit_dir.glob("journal-*.jsonl"))


def test_a_full_disk_stops_calls_until_there_is_room(
    helio: HelioFactory, upstream: Misbehaving
) -> None:
    process = helio(upstream=upstream.url)
    hanging = in_background(lambda: call(process.mcp_url, "hang"))
    wait("the call", lambda: upstream.count("hang") == 1)
    limit_files(process, journal_size(process) + 1500)
    blocked = 0
    while blocked < 20:
        answer = call(process.mcp_url, "pay")
        if answer.blocked is not None:
            assert answer.blocked["reason"] == "audit_unavailable"
            assert answer.blocked["retry_allowed"] is True
            blocked += 1
            forwarded = upstream.count("pay")
            limit_files(process, 0)
    assert upstream.count("pay") == forwarded
    assert process.health() is None
    upstream.release()
    assert hanging.result(10).message["result"]["content"][0]["text"] == "ok"
    limit_files(process, resource.RLIM_INFINITY)
    assert wait("room", lambda: call(process.mcp_url, "pay").blocked is None) < 5
    assert process.health() is not None
    assert process.stop() == 0
    rows = process.calls()
    assert [row["upstream_error"] for row in rows if row["tool_name"] == "hang"] == [None]
    assert len([row for row in rows if row["tool_name"] == "pay"]) >= upstream.count("pay")
    assert faults(process) == []


def test_a_full_disk_may_be_allowed(helio: HelioFactory, upstream: Misbehaving) -> None:
    process = helio("audit: { on_failure: allow }", upstream=upstream.url)
    limit_files(process, 0)
    for _ in range(5):
        assert call(process.mcp_url, "pay").blocked is None
    assert upstream.count("pay") == 5
    assert process.health() is None
    limit_files(process, resource.RLIM_INFINITY)
    wait("room", lambda: process.health() is not None)
    assert process.stop() == 0


def test_an_upstream_that_comes_late_is_known_then(helio: HelioFactory) -> None:
    port = choose_free_port()
    policies = """
policies: { rules: [{ match: { annotations: { readOnlyHint: true } }, action: deny }] }
"""
    process = helio(policies, upstream=f"http://127.0.0.1:{port}/mcp")
    answer = call(process.mcp_url, "look")
    assert answer.message["error"]["data"]["reason"] == "upstream_connect_failed"
    health = process.health()
    assert health is not None
    assert (health["status"], health["upstreams"]["default"]["status"]) == ("degraded", "down")
    tools = [{"name": "look", "inputSchema": {}, "annotations": {"readOnlyHint": True}}]
    late = Misbehaving(tools=tools, port=port)
    try:
        wait("the tools", lambda: call(process.mcp_url, "look").blocked is not None, within=20)
        health = process.health()
        assert health is not None
        assert (health["status"], health["upstreams"]["default"]["tools"]) == ("ok", 1)
        (first, *_) = process.calls()
        assert (first["policy_decision"], first["upstream_error"].split(":")[0]) == (
            "allow",
            "connect_failed",
        )
    finally:
        late.close()


def test_a_port_that_is_taken_ends_the_start_and_leaves_nothing(
    helio: HelioFactory, upstream: Misbehaving
) -> None:
    first = helio(upstream=upstream.url)
    second = HelioProcess(
        config=first.config.parent.parent / "second" / "helio.yaml",
        mcp_port=first.mcp_port,
        operator_port=choose_free_port(),
    )
    second.config.parent.mkdir()
    second.config.write_text(
        f"version: '1'\nupstream: {{ url: '{upstream.url}' }}\n"
        f"listen: {{ port: {first.mcp_port} }}\ndashboard: {{ port: {second.operator_port} }}\n"
        "sdk: { enabled: false }\n"
    )
    with pytest.raises(pytest.fail.Exception, match="ended with 2"):
        second.start()
    log = second.log.read_text()
    assert f"{first.mcp_port} cannot be listened on" in log
    assert "Traceback" not in log
    second.process = None
    second.config.write_text(
        second.config.read_text().replace(f"port: {first.mcp_port}", f"port: {choose_free_port()}")
    )
    second.start()
    assert second.stop() == 0


def test_secrets_are_nowhere(helio: HelioFactory, upstream: Misbehaving, tmp_path: Path) -> None:
    """What an upstream itself tells of them is the upstream's answer, and not looked at here."""
    planted = "planted-secret-0b9f"
    text = """
upstream:
  url: '${HELIO_TEST_UPSTREAM}'
  headers: { authorization: 'Bearer ${UPSTREAM_TOKEN}', x-key: '${UPSTREAM_TOKEN}' }
dashboard: { port: '${HELIO_TEST_OPERATOR_PORT}', api_secret: '${UPSTREAM_TOKEN}-operator' }
policies: { rules: [{ match: { tool: denied }, action: deny }] }
"""
    process = helio(text, upstream=upstream.url, environment={"UPSTREAM_TOKEN": planted})
    said = [call(process.mcp_url, tool).body.decode() for tool in ("ok", "denied")]
    said.append(request(process.mcp_url, b"{").body.decode())
    authorization = {"authorization": "Bearer wrong"}
    for path in ("/api/policy", "/api/health"):
        answer = request(process.operator_url, method="GET", path=path, headers=authorization)
        said.append(answer.body.decode())
    authorization = {"authorization": f"Bearer {planted}-operator"}
    answer = request(process.operator_url, method="GET", path="/api/policy", headers=authorization)
    assert answer.status == 200
    said.append(answer.body.decode())
    process.config.write_text(process.config.read_text() + "unknown: '${UPSTREAM_TOKEN}'\n")
    wait("the refusal", lambda: "unknown" in process.log.read_text())
    upstream.close()
    said.append(call(process.mcp_url, "ok").body.decode())
    said.append(json.dumps(process.health()))
    assert process.stop() == 0
    files = [path for path in process.directory.rglob("*") if path.is_file()]
    assert any(path.suffix == ".jsonl" for path in files)
    said.extend(path.read_bytes().decode("latin-1") for path in files)
    assert [text[:200] for text in said if planted in text] == []


@pytest.mark.slow
def test_nothing_leaks(helio: HelioFactory, upstream: Misbehaving) -> None:
    """Calls, refusals, agents that leave at any point: descriptors stay, memory settles."""
    process = helio(
        "policies: { rules: [{ match: { tool: denied }, action: deny }] }", upstream=upstream.url
    )
    assert process.process is not None
    proc = Path(f"/proc/{process.process.pid}")

    def descriptors() -> int:
        return len(os.listdir(proc / "fd"))  # noqa: PTH208 - links that come and go

    def resident() -> int:
        (line,) = [each for each in (proc / "status").read_text().splitlines() if "VmRSS" in each]
        return int(line.split()[1]) * 1024

    _misuse(process, 500)
    wait("the index", lambda: (process.health() or {})["audit"]["index"] == "ready")
    wait("idle connections", lambda: descriptors() < 60)
    before = (descriptors(), resident())
    _misuse(process, 2000)
    wait("idle connections", lambda: descriptors() <= before[0] + 3)
    # The index may take some for itself; 10 KiB lost with each request would be more than this.
    assert resident() - before[1] < 48 * 1024 * 1024
    assert process.stop() == 0
    assert faults(process) == []


def _misuse(process: HelioProcess, rounds: int) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"%b"}}'
    fine, denied, broken = body % b"ok", body % b"denied", b"{"
    leaving = (
        b"",
        b"\0\0\0\0\r\n\r\n",
        _head(b"POST", 99) + b"{",
        _head(b"POST", len(fine)) + fine,
        _head(b"GET", 0),
    )
    with _connected(process) as lasting, lasting.makefile("rb") as answers:
        for number in range(rounds):
            for sent in (fine, denied, broken):
                lasting.sendall(_head(b"POST", len(sent)) + sent)
                length = 0
                while (line := answers.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                assert answers.read(length)
            for sent in leaving if number % 10 == 0 else ():
                with _connected(process) as agent:
                    agent.sendall(sent)


def _head(method: bytes, length: int) -> bytes:
    kind = b"content-type: application/json\r\n"
    framing = b"content-length: %d\r\n\r\n" % length
    return method + b" /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n" + kind + framing


def _connected(process: HelioProcess) -> socket.socket:
    return socket.create_connection((LOOPBACK, process.mcp_port))
