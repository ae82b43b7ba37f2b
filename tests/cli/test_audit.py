"""`helio audit` as people call it, beside journals that a stopped process left."""

import asyncio
import json
from pathlib import Path

import duckdb
import pytest

from cli.conftest import CLEAN, Command
from helio.audit.journal import Journal
from helio.audit.segment import path_of

AUDIT = "helio-audit"


@pytest.fixture
def audit(directory: Path) -> Path:
    """An audit with a call, where the configuration says."""
    (directory / "helio.yaml").write_text(CLEAN)
    place = directory / AUDIT
    asyncio.run(write(place, "a"))
    return place


async def write(place: Path, call_id: str) -> None:
    journal = Journal.open(place)
    await journal.start(dict)
    await journal.append_intent({"call_id": call_id, "tool_name": "pay"})
    await journal.append_outcome("outcome", {"call_id": call_id, "status": "answered"})
    await journal.close()


def test_nothing_is_wrong(audit: Path, helio: Command) -> None:
    ran = helio("audit", "verify")
    assert (ran.returncode, ran.stdout) == (
        0,
        "records 1 to 3 were looked at\nnothing is wrong\n",
    )
    assert "an end that was cut off shows only by --head" in ran.stderr
    told = json.loads(helio("audit", "verify", AUDIT, "-f", "json").stdout)
    assert (told["ok"], told["findings"], told["journals"][0]["last"]) == (True, [], 3)


def test_findings_are_named_with_their_place(audit: Path, helio: Command) -> None:
    path = path_of(audit, 1)
    path.write_bytes(path.read_bytes().replace(b'"pay"', b'"pax"'))
    ran = helio("audit", "verify")
    assert ran.returncode == 1
    assert f"{path.name}, line 2 (record 2): altered: its hash is not" in ran.stdout
    assert ran.stdout.endswith("1 findings\n")
    told = helio("audit", "verify", "-f", "json")
    assert told.returncode == 1
    (found,) = json.loads(told.stdout)["findings"]
    assert (found["kind"], found["file"], found["line"], found["seq"]) == (
        "altered",
        path.name,
        2,
        2,
    )


def test_a_kept_head_shows_a_cut_end(audit: Path, helio: Command, directory: Path) -> None:
    kept = directory / "elsewhere.jsonl"
    for name in ("b", "c"):
        assert helio("audit", "head", "-o", str(kept)).returncode == 0
        asyncio.run(write(audit, name))
    assert len(kept.read_text().splitlines()) == 2
    fine = helio("audit", "verify", "--head", str(kept))
    assert (fine.returncode, fine.stderr) == (0, "")
    head = json.loads(helio("audit", "head").stdout)
    assert set(head) >= {"format", "node", "seq", "hash", "at", "public_key", "signature"}
    assert head["seq"] == 9
    kept.write_text(json.dumps(head))
    path_of(audit, 7).unlink()
    cut = helio("audit", "verify", "--head", str(kept))
    assert cut.returncode == 1
    assert "truncated: the journal ends with record 6" in cut.stdout
    assert helio("audit", "verify").returncode == 0


def test_the_configuration_says_where_the_key_is(
    audit: Path, helio: Command, directory: Path
) -> None:
    (directory / "helio.yaml").write_text(CLEAN + "audit: { signing_key: keys/audit.pem }\n")
    (directory / "keys").mkdir()
    assert helio("audit", "head").returncode == 0
    assert (directory / "keys" / "audit.pem").stat().st_mode & 0o777 == 0o600
    assert not (audit / "signing-key.pem").exists()
    assert helio("audit", "head", AUDIT, "--key", "keys/audit.pem").returncode == 0


@pytest.mark.parametrize("command", ["verify", "head", "rebuild"])
def test_what_cannot_be_done_is_said(directory: Path, helio: Command, command: str) -> None:
    ran = helio("audit", command, "nowhere")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"helio audit {command}: there is no journal in nowhere\n"
    ran = helio("audit", command)
    assert ran.returncode == 2
    assert "directory. Name the audit's directory by an argument DIR." in ran.stderr


def test_a_head_that_is_none_is_refused(audit: Path, helio: Command, directory: Path) -> None:
    (directory / "head").write_text('{"seq": 1}')
    ran = helio("audit", "verify", "--head", "head")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "head: head 1: not what `helio audit head` prints" in ran.stderr
    assert helio("audit", "verify", "--head", "gone").returncode == 2


def test_the_index_is_made_anew(audit: Path, helio: Command) -> None:
    (audit / "index.duckdb").write_bytes(b"no database")
    ran = helio("audit", "rebuild")
    assert (ran.returncode, ran.stdout) == (0, "")
    assert "1 rows in the index" in ran.stderr
    with duckdb.connect(audit / "index.duckdb", read_only=True) as connection:
        assert connection.execute("SELECT id FROM audit").fetchall() == [("a",)]


async def test_the_index_of_a_process_that_serves_is_left_alone(
    directory: Path, helio: Command
) -> None:
    journal = Journal.open(directory / AUDIT)
    await journal.start(dict)
    ran = await asyncio.to_thread(helio, "audit", "rebuild", AUDIT)
    await journal.close()
    assert ran.returncode == 2
    assert "is in use by process" in ran.stderr
    assert "Stop it first" in ran.stderr


def test_a_damaged_journal_makes_no_index_and_no_head(audit: Path, helio: Command) -> None:
    path = path_of(audit, 1)
    path.write_bytes(path.read_bytes().replace(b'"pay"', b'"pay'))
    for command in ("head", "rebuild"):
        ran = helio("audit", command)
        assert ran.returncode == 2
        assert f"{path.name}, line 2" in ran.stderr
    assert not list(audit.glob("index.duckdb*"))
