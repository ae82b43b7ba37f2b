"""Planted secrets through a whole Helio: they reach the upstream and the agent, and nothing that is
written or told to operators."""

import asyncio
import csv
import io
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest

from conftest import HelioFactory
from end_to_end.people import People
from end_to_end.recording import Recorder
from end_to_end.wire import Reply, call, request
from helio.audit.archive import Archive
from helio.audit.sealing import Terms, seal
from processes import SECRET, HelioProcess
from telemetry.receiver import Receiver

pytestmark = pytest.mark.end_to_end

CARD = "4111 1111 1111 1111"
TOKEN = "ghp_" + "Ab3dEf6hIj9lMn2pQr5tUv8xYz1B4dF7gH0j"
BY_PATH, BY_KEY, BY_PATTERN = "planted-by-path", "planted-by-key", "ACME-12345678"
IN_HEADER = "Bearer planted-in-a-header-1"
PLANTED = (CARD, TOKEN, BY_PATH, BY_KEY, BY_PATTERN, SECRET, IN_HEADER.split()[1])

CONFIG = """
audit:
  redact:
    - { path: '$.card.holder' }
    - { key: '*PASSWORD*' }
    - { pattern: 'ACME-[0-9]{8}', action: hash }
    - { detect: [cards, secrets] }
approval: { mode: return }
policies:
  rules:
    - { name: doubt, match: { tool: doubt, input: { '$.card.holder': { gt: 5 } } }, action: deny }
    - { name: money, match: { tool: money }, action: spend_limit,
        limits: { max_spend: { field: '$.card.holder', limit: 5, currency: EUR, window: 1h } } }
    - { name: loops, match: { tool: loops }, action: rate_limit,
        limits: { max_calls: 5, window: 1h, key: call } }
    - { name: refunds, match: { tool: refund },
        evidence: { requires: [{ tool: lookup, bind: { '$.password': '$.password' } }] } }
    - { name: people, match: { tool: ask }, action: require_approval }
"""

ARGUMENTS = {
    "amount": 12,
    "card": {"number": CARD, "holder": BY_PATH},
    "dbPassword": [BY_KEY],
    "note": f"for {BY_PATTERN}, by {TOKEN}",
    "secret": SECRET,
}


def echo(message: Any) -> Any:
    """Tools give back what they got, in every way; `broken` fails and quotes it."""
    arguments = message["params"]["arguments"]
    if message["params"]["name"] == "broken":
        return {"error": {"code": -32000, "message": json.dumps(arguments), "data": arguments}}
    text = json.dumps(arguments)
    content = [{"type": "text", "text": text}, {"type": "text", "text": f"Paid by {CARD}."}]
    return {"result": {"content": content, "structuredContent": arguments}}


def ask(process: HelioProcess, tool: str, arguments: object = ARGUMENTS) -> Reply:
    params = {"name": tool, "arguments": arguments}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {"x-helio-session-id": "s1", "authorization": IN_HEADER}
    return request(process.mcp_url, json.dumps(body).encode(), headers=headers)


def told(process: HelioProcess, path: str) -> bytes:
    asked = urllib.request.Request(
        process.operator_url + path, headers={"authorization": f"Bearer {SECRET}"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return bytes(error.read())


def written(process: HelioProcess) -> Iterator[tuple[str, bytes]]:
    """Every file of the process but its configuration."""
    for path in process.directory.rglob("*"):
        if path.is_file() and path != process.config:
            yield str(path), path.read_bytes()


def leaks(where: str, data: bytes) -> list[tuple[str, str]]:
    return [(where, planted) for planted in PLANTED if planted.encode() in data]


def all_leaks(process: HelioProcess) -> list[tuple[str, str]]:
    found = [leak for name, data in written(process) for leak in leaks(name, data)]
    paths = ["health", "policy", "limits", "budgets", "evidence/s1", "approvals", "feed", "audit"]
    paths += ["audit/export", "audit/export?format=csv", "analytics"]
    for path in [*(f"/api/{path}" for path in paths), "/metrics"]:
        found += leaks(path, told(process, path))
    return found + leaks("export", json.dumps(process.export()).encode())


def play(process: HelioProcess) -> None:
    """Every way that a secret can take."""
    answer = ask(process, "pay")
    assert BY_PATH in answer.body.decode() and BY_KEY in answer.body.decode()
    assert CARD in ask(process, "broken").body.decode()
    for tool in ("doubt", "money"):
        # The agent is told what it sent.
        assert BY_PATH in ask(process, tool).body.decode()
    assert ask(process, "loops").blocked is None
    assert ask(process, "ask").blocked["reason"] == "approval_pending"
    for broken in (
        json.dumps({"params": {"arguments": ARGUMENTS}}),
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":'
        f'{{"card":{{"holder":"{BY_PATH}","Holder":"{BY_PATH}"}}}}}}}}',
        f'{{"dbPassword":"{BY_KEY}", "note":"{BY_PATTERN}',
    ):
        refused = request(process.mcp_url, broken.encode(), headers={"authorization": IN_HEADER})
        assert refused.status == 400


def test_planted_secrets_are_nowhere_but_where_they_belong(
    helio: HelioFactory, recorder: Recorder
) -> None:
    recorder.answer = echo
    process = helio(
        CONFIG, upstream=recorder.url, arguments=["--log-level", "debug"]
    ).wait_for_index()
    play(process)
    assert json.dumps(ARGUMENTS).encode() in recorder.calls()[0].body
    assert all_leaks(process) == []

    rows = {row["tool_name"]: row for row in process.export() if row["tool_name"]}
    kept = rows["pay"]["tool_input"]
    assert kept["amount"] == 12
    response = rows["pay"]["upstream_response"]["result"]
    # Equal values are found by equal marks, wherever they stand.
    assert response["structuredContent"] == kept
    assert json.loads(response["content"][0]["text"]) == kept
    assert response["content"][1]["text"] == f"Paid by {kept['card']['number']}."
    assert kept["card"]["holder"] in rows["broken"]["upstream_error"]
    assert "a string (redacted)" in json.dumps(rows["doubt"]["feedback"])
    assert "a string (redacted)" in json.dumps(rows["money"]["feedback"])
    (ticket,) = process.ask("/api/approvals")["data"]
    assert ticket["tool_input"] == kept
    refused = [row for row in process.export() if row["policy_decision"] == "rejected"]
    assert len(refused) == 3
    assert process.stop() == 0
    assert all(leaks(name, data) == [] for name, data in written(process))


def test_evidence_about_what_is_hidden_counts_over_a_kill(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(CONFIG, upstream=recorder.url)
    assert ask(process, "lookup", {"password": BY_KEY}).blocked is None
    assert ask(process, "refund", {"password": BY_KEY}).blocked is None
    assert ask(process, "refund", {"password": "another"}).blocked["reason"] == "evidence_missing"
    process.kill()
    process.start()
    assert ask(process, "refund", {"password": BY_KEY}).blocked is None
    assert ask(process, "refund", {"password": "another"}).blocked["reason"] == "evidence_missing"
    assert all(leaks(name, data) == [] for name, data in written(process))


def test_what_was_kept_plain_is_sealed_when_rules_come(
    helio: HelioFactory, recorder: Recorder
) -> None:
    plain = CONFIG.replace(CONFIG[CONFIG.index("audit:") : CONFIG.index("approval:")], "")
    process = helio(plain, upstream=recorder.url)
    assert ask(process, "lookup", {"password": BY_KEY}).blocked is None
    process.stop()
    old = set(process.audit_dir.glob("journal-*"))
    text = process.config.read_text()
    process.config.write_text(text.replace(plain, CONFIG))
    process.start()
    assert ask(process, "refund", {"password": BY_KEY}).blocked is None
    new = set(process.audit_dir.glob("journal-*")) - old
    assert new
    assert all(leaks(str(path), path.read_bytes()) == [] for path in new)


def test_secrets_of_the_configuration_are_hidden_without_a_rule(
    helio: HelioFactory, recorder: Recorder
) -> None:
    recorder.answer = echo
    process = helio(upstream=recorder.url)
    ask(process, "pay", {"note": f"the operator's secret is {SECRET}!", "other": "kept"})
    (row,) = (row for row in process.export() if row["tool_name"] == "pay")
    assert row["tool_input"]["other"] == "kept"
    assert "[redacted:" in row["tool_input"]["note"]
    process.stop()
    assert not any(SECRET.encode() in data for _, data in written(process))


def test_csv_exports_hold_what_the_audit_holds(helio: HelioFactory, recorder: Recorder) -> None:
    recorder.answer = echo
    process = helio(CONFIG, upstream=recorder.url).wait_for_index()
    call(process.mcp_url, "pay", ARGUMENTS)
    text = told(process, "/api/audit/export?format=csv").decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert any("[redacted:" in row["tool_input"] for row in rows)
    assert leaks("csv", text.encode()) == []


def test_what_people_say_is_hidden(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio(CONFIG, upstream=recorder.url, arguments=["--log-level", "debug"])
    people = People(process.wait_for_index())
    said = f"Not with {CARD} of {BY_PATTERN}, nor by {SECRET}."
    ask(process, "ask")
    (ticket,) = people.wait_for()
    assert people.deny(ticket, said) == 200
    answer = ask(process, "ask")
    ask(process, "ask", {"another": 1})
    (ticket,) = people.wait_for()
    assert people.break_glass(ticket, said) == 200
    assert all_leaks(process) == []
    assert leaks("answer", answer.body) == []
    shown = [row for row in process.export() if row["record_kind"] == "approval"]
    assert len(shown) == 2
    assert all("Not with [redacted:" in json.dumps(row) for row in shown)
    process.stop()
    assert all(leaks(name, data) == [] for name, data in written(process))


def test_the_secret_that_is_made_is_hidden_as_a_configured_one(
    helio: HelioFactory, recorder: Recorder
) -> None:
    recorder.answer = echo
    process = helio("dashboard: { port: '${HELIO_TEST_OPERATOR_PORT}' }", upstream=recorder.url)
    shown = re.search(r"#secret=(\S+) \(made now, shown once", process.log.read_text())
    assert shown is not None
    made = shown[1]
    key = process.audit_dir.joinpath("redaction.key").read_text().strip()
    assert made in ask(process, "pay", {"note": f"{made}, {key}"}).body.decode()
    process.stop()
    journals = b"".join(path.read_bytes() for path in process.audit_dir.glob("journal-*"))
    assert b'"note\\":\\"[redacted:' in journals.replace(b": ", b":")
    assert made.encode() not in journals
    assert key.encode() not in journals


def test_sealed_days_and_parquet_exports_hold_no_secret(
    helio: HelioFactory, recorder: Recorder
) -> None:
    recorder.answer = echo
    process = helio(CONFIG, upstream=recorder.url)
    play(process)
    exported = process.directory / "rows.parquet"
    process.stop()
    process.start()  # What a restart reads is not sealed.
    process.stop()
    audit = process.audit_dir
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    terms = Terms(timedelta(), timedelta(days=90))
    archive = Archive(str(audit / "archive"))
    assert seal(audit, archive, terms, now=tomorrow).sealed
    export(process, "-f", "parquet", "-o", str(exported))
    for files in (exported, audit / "archive/date=*/node=*/*.parquet"):
        cells = duckdb.sql(f"FROM read_parquet('{files}')").fetchall()
        text = json.dumps(cells, default=str)
        assert "[redacted:" in text
        assert leaks(str(files), text.encode()) == []


def export(process: HelioProcess, *options: str) -> None:
    command = [sys.executable, "-m", "helio", "export", "-c", str(process.config), *options]
    environment = {**os.environ, **process.environment}
    subprocess.run(command, check=True, env=environment, capture_output=True, timeout=60)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    await found.start()
    yield found
    await found.close()


async def test_a_collector_is_told_no_secret(
    helio: HelioFactory, recorder: Recorder, receiver: Receiver
) -> None:
    recorder.answer = echo
    text = f"telemetry: {{ otlp: {{ endpoint: '{receiver.url}' }} }}\n{CONFIG}"
    process = await asyncio.to_thread(
        lambda: helio(text, upstream=recorder.url, arguments=["--log-level", "debug"])
    )
    await asyncio.to_thread(play, process)
    assert await asyncio.to_thread(process.stop) == 0
    names = {span.name for span in receiver.spans()}
    assert {"tools/call pay", "tools/call broken"} <= names
    (broken,) = (span for span in receiver.spans() if span.name == "tools/call broken")
    assert "[redacted:" in broken.status.message
    for told in (*receiver.traces, *receiver.logs):
        assert leaks("collector", told.SerializeToString()) == []
