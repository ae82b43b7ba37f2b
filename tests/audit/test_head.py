import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helio.audit.checking import Checked, KeptHead, Places, check
from helio.audit.head import KEY_FILE, Head, public_key, read_heads, signing_key
from helio.audit.journal import Journal
from helio.audit.segment import Encoder, path_of
from helio.errors import HeadUnreadable, JournalUnavailable, SigningKeyUnusable

Start = Callable[..., Awaitable[Journal]]


@pytest.fixture
async def journal(started: Start, call: Any) -> Journal:
    """One that serves, with an outcome that the disk need not have yet."""
    journal = await started()
    await journal.append_intent(call("a"))
    await journal.append_outcome("outcome", {"call_id": "a", "status": "answered"})
    return journal


def sign(directory: Path) -> Head:
    return Head.sign(directory, directory, signing_key(directory / KEY_FILE))


def checked(directory: Path, *heads: Head) -> Checked:
    kept = [KeptHead(head, "kept", number) for number, head in enumerate(heads, start=1)]
    return check(Places(directory, directory / KEY_FILE), kept, lambda _: None)


def kinds(found: Checked) -> list[str]:
    return [finding.kind for _, finding in found.found]


async def test_a_head_covers_what_stays(journal: Journal, directory: Path) -> None:
    serving = sign(directory)
    assert (serving.seq, serving.is_authentic()) == (2, True)
    await journal.close()
    stopped = sign(directory)
    assert stopped.seq == 3
    assert serving.public_key == stopped.public_key
    found = checked(directory, serving, stopped)
    assert (found.found, found.compared, found.older) == ([], 2, 0)


def test_there_is_no_head_of_nothing(directory: Path) -> None:
    directory.mkdir()
    with pytest.raises(JournalUnavailable, match="no journal"):
        sign(directory)


async def test_a_history_that_was_written_anew_is_found(journal: Journal, directory: Path) -> None:
    await journal.close()
    head = sign(directory)
    path = path_of(directory, 1)
    encoder = Encoder(0, "0" * 64)
    forged = b""
    for raw in path.read_bytes().splitlines():
        line = json.loads(raw.replace(b"1.10", b"9.99"))
        forged += encoder.encode(line["kind"].encode(), 0, json.dumps(line["data"]).encode())
    path.write_bytes(forged)
    assert checked(directory).found == []
    assert kinds(checked(directory, head)) == ["rewritten"]


async def test_a_head_that_was_altered_is_not_believed(journal: Journal, directory: Path) -> None:
    await journal.close()
    head = sign(directory)
    for forged in (
        replace(head, seq=2),
        replace(head, hash="0" * 64),
        replace(head, at="2020-01-01T00:00:00.000Z"),
        replace(head, node="other"),
        replace(head, signature="AAAA"),
        replace(head, public_key="no base64"),
    ):
        found = checked(directory, forged)
        assert kinds(found) == ["signature"]
        assert found.compared == 0


async def test_a_head_of_another_key_is_not_believed(journal: Journal, directory: Path) -> None:
    await journal.close()
    other = Head.sign(directory, directory, signing_key(directory.parent / "other.pem"))
    found = checked(directory, other)
    assert found.found == []  # There is no key yet that it could be held against.
    assert not found.key_checked
    sign(directory)
    assert kinds(checked(directory, other)) == ["signature"]


async def test_heads_of_several_journals_are_told_apart(
    journal: Journal, directory: Path, call: Any
) -> None:
    await journal.close()
    below = directory / "stdio-desk"
    second = Journal.open(below)
    await second.start(dict)
    await second.append_intent(call("b"))
    await second.close()
    key = signing_key(directory / KEY_FILE)
    heads = [Head.sign(each, directory, key) for each in (directory, below)]
    assert [head.journal for head in heads] == [".", "stdio-desk"]
    assert checked(directory, *heads).found == []
    path_of(below, 1).unlink()
    (found,) = checked(directory, *heads).found
    assert (found[0], found[1].kind) == ("stdio-desk", "truncated")
    for left in below.iterdir():
        left.unlink()
    below.rmdir()
    (found,) = checked(directory, *heads).found
    assert (found[0], found[1].kind) == ("stdio-desk", "truncated")


async def test_heads_older_than_what_is_kept_are_counted(
    started: Start, directory: Path, call: Any
) -> None:
    for _ in range(2):
        journal = await started()
        await journal.append_intent(call("a"))
        await journal.close()
        if not (directory / KEY_FILE).exists():
            old = sign(directory)
    path_of(directory, 1).unlink()
    found = checked(directory, old)
    # No archive has what the file held. The head is of the record before the next file.
    assert (kinds(found), found.compared, found.older) == (["gap"], 1, 0)


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / KEY_FILE
    assert public_key(path) is None
    first = signing_key(path).private_bytes_raw()
    assert path.stat().st_mode & 0o777 == 0o600
    assert signing_key(path).private_bytes_raw() == first
    assert list(tmp_path.iterdir()) == [path]
    path.chmod(0o640)
    with pytest.raises(SigningKeyUnusable, match="chmod 600"):
        signing_key(path)
    path.chmod(0o600)
    path.write_text("no key")
    with pytest.raises(SigningKeyUnusable, match="PEM"):
        signing_key(path)


async def test_heads_are_read_one_after_the_other(journal: Journal, directory: Path) -> None:
    head = sign(directory)
    text = head.text()
    assert list(read_heads(f"{text}\n{text}\n\n {text}")) == [head] * 3
    for wrong, why in [
        ("", "no head"),
        (text + "\n{", "head 2: not JSON"),
        ("[]", "head 1"),
        ('{"seq": 1}', "head 1"),
        (text.replace('"format": 1', '"format": 2'), "format 2"),
        (text.replace('"seq": 2', '"seq": "2"'), "head 1"),
        (text.replace('"journal": "."', '"journal": "../.."'), "head 1"),
    ]:
        with pytest.raises(HeadUnreadable, match=why):
            list(read_heads(wrong))
