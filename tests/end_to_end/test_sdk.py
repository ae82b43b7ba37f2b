"""The SDK and its port through a whole Helio: marks let calls pass, and outlive a kill."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from conftest import HelioFactory
from end_to_end.recording import Recorder
from end_to_end.test_evidence import ask, reason
from end_to_end.test_reload import replace, wait
from helio.sdk import EvidenceMark, HelioClient, HelioContext, HelioError, TokenRefused
from processes import SECRET, HelioProcess

pytestmark = pytest.mark.end_to_end

TOKEN = "the-token-of-the-sdk-in-tests"
POLICIES = """
policies:
  rules:
    - { name: refunds, match: { tool: process_refund }, action: deny,
        evidence: { requires: [orders.lookup] } }
    - { name: mails, match: { tool: send_mail }, evidence: { requires: [order_data] } }
    - { name: bound, match: { tool: ship },
        evidence: { requires: [{ tool: orders.lookup, bind: { order: '$.id' } }] } }
"""


@pytest.fixture
def process(
    helio: HelioFactory, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> HelioProcess:
    monkeypatch.setenv("HELIO_SDK_TOKEN", TOKEN)
    return helio(POLICIES, upstream=recorder.url)


async def test_the_official_client_gets_through_once_evidence_is_marked(
    helio: HelioFactory, demo_upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELIO_SDK_TOKEN", TOKEN)
    policies = POLICIES.replace("process_refund", "refund_payment").replace("ship", "list_orders")
    process = helio(policies, upstream=demo_upstream)
    with HelioContext(process.sdk_url) as ctx:
        http = httpx2.AsyncClient(headers=ctx.headers)
        async with http, Client(streamable_http_client(process.mcp_url, http_client=http)) as agent:

            async def call(tool: str) -> Any:
                return (await agent.call_tool(tool, {})).meta or {}

            for tool in ("refund_payment", "send_mail"):
                assert (await call(tool))["helio/blocked"]["reason"] == "evidence_missing"
            ctx.mark_evidence("orders.lookup", "order_data", {"id": 7})
            ctx.require_evidence(["orders.lookup", "order_data"])
            for tool in ("refund_payment", "send_mail"):
                assert "helio/blocked" not in await call(tool)


def test_a_mark_outlives_a_kill(process: HelioProcess) -> None:
    with HelioContext(process.sdk_url, "s1") as ctx:
        ctx.mark_evidence("orders.lookup", "order_data", {"id": 7})
        ctx.set("order", {"id": 7})
        process.kill()
        with pytest.raises(HelioError, match="is `helio start` running"):
            ctx.mark_evidence("orders.lookup", "order_data", {"id": 8})
        process.start()
        assert ctx.get_evidence_state()["context"] == {"order": {"id": 7}}
    assert reason(ask(process, "process_refund")) is None
    assert reason(ask(process, "send_mail")) is None
    assert reason(ask(process, "ship", {"order": 7})) is None
    assert reason(ask(process, "ship", {"order": 8})) == "evidence_missing"
    assert reason(ask(process, "process_refund", session="s2")) == "evidence_missing"
    told = {each["name"] for each in process.ask("/api/evidence/s1")["data"]["evidence"]}
    assert {"orders.lookup", "order_data"} <= told


def test_no_mark_of_many_is_lost(process: HelioProcess) -> None:
    """What `benches/marks.py` measures, in small: threads, sessions, one kill, nothing missing."""
    client = HelioClient(process.sdk_url, token=TOKEN)

    def mark(thread: int) -> None:
        for part in range(5):
            session = f"t{thread}-{part}"
            client.mark_evidence(
                [
                    EvidenceMark(session, "orders.lookup", "orders.lookup", {"n": n})
                    for n in range(30)
                ]
            )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(mark, range(4)))
    process.kill()
    process.start()
    for thread in range(4):
        for part in range(5):
            known = client.session(f"t{thread}-{part}")["evidence"]
            assert {each["about"]["n"] for each in known} == set(range(30))
    client.close()


def test_a_token_is_made_and_shown_once(
    helio: HelioFactory, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HELIO_SDK_TOKEN", raising=False)
    process = helio(POLICIES, upstream=recorder.url)
    shown = re.findall(r"sdk token\s+(\S+) \(made now, shown once", process.log.read_text())
    assert len(shown) == 1
    with HelioContext(process.sdk_url, "s1", token=shown[0]) as ctx:
        ctx.mark_evidence("orders.lookup", "order_data", shown[0])
    assert reason(ask(process, "process_refund")) is None
    assert f"sdk        {process.sdk_url}" in process.log.read_text()
    process.stop()
    written = b"".join(path.read_bytes() for path in process.audit_dir.rglob("*") if path.is_file())
    assert shown[0].encode() not in written


def test_a_reload_takes_other_tokens(helio: HelioFactory, recorder: Recorder) -> None:
    old, new = "the-old-token-of-the-agent", "the-new-token-of-the-agent"
    sdk = "\nsdk: { port: '${HELIO_TEST_SDK_PORT}', tokens: [{ name: a, token: %s }] }\n"
    process = helio(POLICIES + sdk % old, upstream=recorder.url)
    text = process.log.read_text()
    assert "sdk token" not in text

    def works(token: str) -> bool:
        try:
            with HelioContext(process.sdk_url, "s1", token=token) as ctx:
                ctx.mark_evidence("orders.lookup", "order_data", 1)
        except TokenRefused:
            return False
        return True

    assert (works(old), works(new)) == (True, False)
    replace(process, f"token: {old} }}", f"token: {old} }}, {{ name: b, token: {new} }}")
    wait("the second token", process, lambda: works(new))
    assert works(old)
    replace(process, f"{{ name: a, token: {old} }}, ", "")
    wait("the end of the first", process, lambda: not works(old))
    assert works(new)
    assert "restart" not in process.log.read_text()


def test_a_port_that_is_switched_off_is_not_there(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio(f"sdk: {{ enabled: false }}\n{POLICIES}", upstream=recorder.url)
    with pytest.raises(HelioError, match="cannot reach"):
        HelioContext(process.sdk_url, token=SECRET).set("a", 1)
    assert "sdk" not in process.log.read_text()


def test_a_token_that_is_too_short_is_said_at_the_start(
    helio: HelioFactory, recorder: Recorder
) -> None:
    with pytest.raises(pytest.fail.Exception, match="HELIO_SDK_TOKEN is no token"):
        helio(POLICIES, upstream=recorder.url, environment={"HELIO_SDK_TOKEN": "short"})
