"""Recorded calls judged by another policy, in a process of its own."""

import json
from pathlib import Path

import pytest

from helio.app.findings import Findings
from helio.app.replaying import Replaying
from helio.audit.journal import Journal
from helio.evaluator import Redactor
from helio.operator.faults import Refused

TEXT = "version: '1'\nupstream: { url: 'http://localhost:1' }\npolicies: { rules: [%s] }\n"
PLAIN = Redactor(b"[]", b"k" * 32, ())


async def empty(directory: Path) -> Path:
    """An audit without calls."""
    journal = Journal.open(directory, durability="relaxed")
    await journal.start(dict)
    await journal.close()
    return directory


async def test_what_a_policy_finds_in_the_environment_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORTH_STEALING", "the-secret-of-all")
    replaying = Replaying(await empty(tmp_path / "audit"), Findings(), PLAIN)
    with pytest.raises(Refused) as refused:
        await replaying.judge(TEXT % "{ name: a, action: '${WORTH_STEALING}' }", "1h", print)
    assert refused.value.status == 400
    assert "WORTH_STEALING" in refused.value.more["text"]
    assert "the-secret-of-all" not in refused.value.more["text"]
    report = json.loads(await replaying.judge(TEXT % "{ name: a, action: deny }", "1h", print))
    assert report["calls"] == 0


async def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    replaying = Replaying(await empty(tmp_path / "audit"), Findings(), PLAIN, seconds=0.01)
    with pytest.raises(Refused, match="takes more than") as refused:
        await replaying.judge(TEXT % "", "1h", print)
    assert refused.value.status == 503


async def test_there_must_be_a_policy(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no file") as refused:
        await Replaying(tmp_path, Findings(), PLAIN).judge(None, "1h", print)
    assert refused.value.status == 400
