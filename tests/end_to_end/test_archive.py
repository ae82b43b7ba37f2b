"""Days of a whole Helio: sealed when it starts, asked through its port, sealed by hand."""

import asyncio
import json
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from days import Days
from end_to_end.recording import Recorder
from processes import HelioFactory, HelioProcess, wait_until

pytestmark = pytest.mark.end_to_end

NOW = datetime.now(UTC)


def asked(process: HelioProcess, path: str) -> Any:
    request = urllib.request.Request(f"{process.operator_url}{path}")
    request.add_header("authorization", f"Bearer {process.secret}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def command(*arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "helio", *arguments], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_start_seals_what_is_due_and_answers_over_all_of_it(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio("audit: { retention: 30d, archive: { after: 5d } }", upstream=recorder.url)
    process.stop()
    for path in process.audit_dir.iterdir():
        path.unlink()
    asyncio.run(Days(process.audit_dir, first=NOW - timedelta(days=40)).write(0, 30, 31, 39))
    count = len(command("export", "--audit-path", str(process.audit_dir)))
    process.start()
    archive = process.audit_dir / "archive"
    wait_until(
        lambda: (
            [path.name for path in archive.glob("date=*")] != []
            and len(list(archive.rglob("part-*.json"))) == 2
            and b"sealed" in process.audit_dir.joinpath(newest(process)).read_bytes()
        ),
        process.process,
        process.log,
    )
    # The oldest day is over its retention: it was sealed, and deleted.
    rows = command("export", "-c", str(process.config), "--record-kind", "tool_call")
    days = {row["created_at"][:10] for row in rows}
    assert days == {day(30), day(31), day(39)}
    await_index(process)
    listed = asked(process, "/api/audit?record_kind=tool_call&limit=1000")
    assert listed["total"] == len(rows) < count
    assert [row["id"] for row in listed["data"]] == [row["id"] for row in rows][::-1]
    sealed = asked(process, "/api/audit?record_kind=lifecycle")["data"]
    assert any("sealed" in json.dumps(row["metadata"]) for row in sealed)
    process.stop()
    # What it recorded binds the newest manifest, which no other one names.
    assert command("audit", "verify", str(process.audit_dir), "-f", "json")["findings"] == []
    manifest = max(archive.rglob("part-*.json"))
    manifest.write_text(json.dumps(json.loads(manifest.read_bytes()) | {"rows": 1}))
    verify = [sys.executable, "-m", "helio", "audit", "verify", str(process.audit_dir)]
    found = subprocess.run(verify, capture_output=True, check=False, timeout=60)
    assert found.returncode == 1
    assert b"says that another one was sealed" in found.stdout


def await_index(process: HelioProcess) -> None:
    wait_until(
        lambda: asked(process, "/api/health")["audit"]["index"] == "ready",
        process.process,
        process.log,
    )


def newest(process: HelioProcess) -> str:
    return max(path.name for path in process.audit_dir.glob("journal-*"))


def day(number: int) -> str:
    return (NOW - timedelta(days=40 - number)).date().isoformat()


def test_days_are_sealed_by_hand_beside_a_helio_that_serves(
    helio: HelioFactory, recorder: Recorder, tmp_path: Path
) -> None:
    process = helio(f"audit: {{ archive: {{ path: '{tmp_path}/days' }} }}", upstream=recorder.url)
    process.stop()
    for path in process.audit_dir.iterdir():
        path.unlink()
    asyncio.run(Days(process.audit_dir, first=NOW - timedelta(days=3)).write(0, 1))
    process.start()
    await_index(process)
    before = asked(process, "/api/audit?limit=1000")
    seal = ("audit", "seal", "-c", str(process.config), "-f", "json")
    assert command(*seal)["journals"][0]["sealed"] == []
    done = command(*seal, "--after", "0s")
    assert len(done["journals"][0]["sealed"]) == 2
    assert len(list(process.audit_dir.glob("journal-*"))) == 1
    assert asked(process, "/api/audit?limit=1000")["data"] == before["data"]
    assert len(list(tmp_path.joinpath("days").rglob("part-*.parquet"))) == 2
    process.stop()
    assert "leaked" not in process.log.read_text(), "DuckDB says so when its end is not clean"
